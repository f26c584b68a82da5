import Broker
import Glibc
import JobRunner
import LogModel
import LogStorage
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

    static let command = Command(
        "produce",
        summary: "append lines as records",
        discussion: "Keys choose their partition as Kafka's producers do (murmur2); lines without "
            + "a key fill one\npartition after the other. Everything is durable when the command "
            + "ends with exit code 0.",
        parameters: [
            topic.declaration, files.declaration, separator.declaration, partition.declaration,
            header.declaration, compression.declaration, DataDirectoryOption.parameter.declaration,
        ],
        examples: [
            .init("zcat text.gz | millrace produce lines", "one record a line"),
            .init("millrace produce orders orders.tsv --key-separator '\\t'", "key, tab, value"),
        ]
    ) { invocation in
        let count = try withLog(invocation) { try produce(invocation, log: $0) }
        TextOutput.standard.write(
            "produced \(count) record\(count == 1 ? "" : "s") to \(invocation[topic])\n"
        )
        return .done
    }

    private static func produce(_ invocation: Invocation, log: OpenLog) throws -> Int {
        let topic = try log.requireTopic(invocation[topic])
        if let index = invocation[partition] { _ = try log.requirePartition(index, of: topic) }
        let producer = try IdempotentProducer(
            log: log,
            topic: topic,
            codec: invocation[compression].codec
        )
        // Compressed, a longer line may fit.
        let isCompressed = invocation[compression] != .none
        let limit = isCompressed ? BatchLimit.byteCount : try largestBatch(of: topic)
        var bar = ProgressBar("producing")
        let inputs = invocation[files].isEmpty ? ["-"] : invocation[files]
        let work = Result {
            for input in inputs {
                try send(input, invocation, producer, limit) { bar.update(done: $0, total: nil) }
            }
            try producer.finish()
        }
        bar.finish()
        if case .failure(let error) = work {
            try producer.keep()
            guard var failure = error as? CommandFailure else { throw error }
            let count = producer.appendedCount
            let kept =
                "\(counted(count, "record")) before it \(count == 1 ? "is" : "are") in the topic"
            failure.reason = failure.reason.map { "\($0); \(kept)" } ?? kept
            throw failure
        }
        return producer.appendedCount
    }

    /// `max.message.bytes` of a topic.
    private static func largestBatch(of topic: Topic) throws(CommandFailure) -> Int {
        do throws(LogStorageError) {
            return try LogConfiguration(topicOptions: topic.options).maxMessageByteCount
        } catch {
            throw CommandFailure(
                "the topic '\(topic.name)' has an option that makes no sense",
                reason: error.description
            )
        }
    }

    /// Sends every line of a file; `-` is standard input.
    private static func send(
        _ path: String,
        _ invocation: Invocation,
        _ producer: IdempotentProducer,
        _ lineByteLimit: Int,
        report: (Int) -> Void
    ) throws {
        var descriptor: Int32 = 0
        if path != "-" {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Folder.failure("open", path) }
        }
        defer { if descriptor > 0 { close(descriptor) } }
        let separator = invocation[separator].map { Array(unescaped($0).utf8) } ?? []
        let partition = invocation[partition]
        var headers = RecordHeaderBlock()
        for pair in invocation[header] {
            var value = pair.value
            value.withUTF8 { headers.append(key: pair.key, value: UnsafeRawBufferPointer($0)) }
        }
        let clock = SystemTimeSource()
        let name = path == "-" ? "standard input" : path
        var lines = LineReader(
            descriptor: descriptor,
            name: name,
            lineByteLimit: lineByteLimit
        )
        var lineCount = 0
        try headers.withBytes { block in
            Result {
                while let line = try lines.next() {
                    let (key, value) = split(line, at: separator)
                    try producer.add(
                        key: key,
                        value: value,
                        headers: headers.count > 0 ? block : nil,
                        to: partition,
                        at: clock.wallTime()
                    )
                    lineCount += 1
                    if lineCount % 1024 == 0 { report(producer.appendedCount) }
                }
            }
        }.get()
    }

    /// Key and value of a line; no key without a separator in it.
    static func split(
        _ line: UnsafeRawBufferPointer,
        at separator: [UInt8]
    ) -> (key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer) {
        guard let first = separator.first else { return (nil, line) }
        var start = 0
        while start + separator.count <= line.count, let base = line.baseAddress,
            let found = memchr(base + start, Int32(first), line.count - start)
        {
            let cut = UnsafeRawPointer(found) - base
            let rest = UnsafeRawBufferPointer(rebasing: line[cut...])
            if rest.starts(with: separator) {
                let value = UnsafeRawBufferPointer(rebasing: rest[separator.count...])
                return (UnsafeRawBufferPointer(rebasing: line[..<cut]), value)
            }
            start = cut + 1
        }
        return (nil, line)
    }
}
