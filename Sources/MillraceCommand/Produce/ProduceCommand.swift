import JobRunner
import LogModel
import Terminal

/// `millrace produce`: lines become records.
enum ProduceCommand {
    enum Compression: String, CaseIterable, Sendable {
        case none
        case gzip
        case snappy
        case lz4
        case zstd

        var codec: CompressionCodec {
            switch self {
            case .none: .none
            case .gzip: .gzip
            case .snappy: .snappy
            case .lz4: .lz4
            case .zstd: .zstd
            }
        }
    }

    private static let topic = Parameter.argument(.text("TOPIC"), help: "where the records go")
    private static let files = Parameter.arguments(
        .path("FILE"),
        help: "read these instead of standard input"
    )
    private static let separator = Parameter.optional(
        "key-separator",
        .nonemptyText("TEXT"),
        help: "a line's key ends at the first TEXT; \\t is a tab; lines without it have no key"
    )
    private static let partition = Parameter.optional(
        "partition",
        .integer(0...9_999),
        help: "send everything to this partition"
    )
    private static let header = Parameter.repeated(
        "header",
        .pair("NAME=VALUE"),
        help: "a header of every record"
    )
    private static let compression = Parameter.option(
        "compression",
        ValueKind<Compression>.choice("CODEC"),
        default: .none,
        shown: "none",
        help: "how batches are compressed"
    )

    private static let linger = Parameter.option(
        "linger",
        .duration,
        default: .milliseconds(100),
        shown: "100ms",
        help: "once the input pauses, what was read is stored at the latest after this time"
    )

    static let command = Command(
        "produce",
        summary: "append lines as records",
        discussion: "Keys choose their partition as Kafka's producers do (murmur2); lines without "
            + "a key fill one\npartition after the other. Everything is durable when the command "
            + "ends with exit code 0. A signal\nends it once every whole line that was read is "
            + "durable; the exit code is then 128 and its number.",
        parameters: [
            topic.declaration, files.declaration, separator.declaration, partition.declaration,
            header.declaration, compression.declaration, linger.declaration,
        ] + LogOption.parameters,
        examples: [
            .init("zcat text.gz | millrace produce lines", "one record a line"),
            .init("millrace produce orders orders.tsv --key-separator '\\t'", "key, tab, value"),
            .init("millrace produce orders a.tsv --bootstrap 127.0.0.1:9092", "into a cluster"),
        ]
    ) { invocation in
        let signals = SignalListener.start()
        let count = try withLog(invocation, signals: signals) {
            try produce(invocation, log: $0, signals)
        }
        TextOutput.standard.write("produced \(counted(count)) to \(invocation[topic])\n")
        return .done
    }

    private static func produce(
        _ invocation: Invocation,
        log: any CommandLog,
        _ signals: SignalListener
    ) throws -> Int {
        let topic = try log.outputTopic(invocation[topic])
        if let index = invocation[partition] {
            _ = try log.place.partition(index, of: topic.name, among: topic.partitions)
        }
        let producer = try IdempotentProducer(
            log: log,
            topic: topic,
            codec: invocation[compression].codec,
            batchByteLimit: topic.largestBatch
        )
        // Compressed, a longer line may fit.
        let isCompressed = invocation[compression] != .none
        let limit = isCompressed ? BatchLimit.byteCount : topic.largestBatch
        let raising = log.place.next(
            "topic alter \(topic.name) --config max.message.bytes=\(BatchLimit.byteCount)"
        )
        var headers = RecordHeaderBlock()
        for pair in invocation[header] {
            var value = pair.value
            value.withUTF8 { headers.append(key: pair.key, value: UnsafeRawBufferPointer($0)) }
        }
        var sender = LineSender(
            producer: producer,
            separator: invocation[separator].map { Array(unescaped($0).utf8) } ?? [],
            partition: invocation[partition],
            headers: headers,
            linger: invocation[linger],
            lineByteLimit: limit,
            raising: limit < BatchLimit.byteCount ? raising : nil,
            signals: signals
        )
        let inputs = invocation[files].isEmpty ? ["-"] : invocation[files]
        do { try sender.send(inputs) } catch {
            throw sender.keep(after: CommandFailure(explaining: error, data: log.place.directory))
        }
        return producer.appendedCount
    }

    /// `1 record`, `1234 records`.
    private static func counted(_ count: Int) -> String {
        "\(count) record\(count == 1 ? "" : "s")"
    }
}
