import DirectoryAccess
import LogModel
package import Terminal

/// `millrace produce`: lines become records.
package enum ProduceCommand {
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

    /// What the lines of the input are.
    enum Input: String, CaseIterable, Sendable {
        case text
        case json
        case lengthPrefixed = "length-prefixed"
    }

    private static let topic = Parameter.argument(.text("TOPIC"), help: "where the records go")
    private static let files = Parameter.arguments(
        .path("FILE"),
        help: "read these instead of standard input"
    )
    private static let separator = Parameter.optional(
        "key-separator",
        .nonemptyEscapedText("TEXT"),
        help: "a line's key ends at the first TEXT; \\t is a tab; lines without it have no key"
    )
    private static let input = Parameter.option(
        "input",
        ValueKind<Input>.choice("FORM"),
        default: .text,
        shown: "text",
        help: "a line is a value, or a record as consume --output json prints it; or no lines, but "
            + "bytes as consume --output length-prefixed prints them"
    )
    private static let ignorePartitions = Parameter.flag(
        "ignore-partitions",
        help: "with --input json: keys choose, whatever partition a record names"
    )
    private static let delimiter = Parameter.option(
        "delimiter",
        .nonemptyEscapedText("TEXT"),
        default: EscapedText(bytes: [UInt8(ascii: "\n")]),
        shown: "\\n",
        help: "what ends a line, with \(EscapedText.known); \\0 is a zero byte"
    )
    private static let null = Parameter.optional(
        "null",
        .escapedText("TEXT"),
        help: "a value, or key, that is exactly TEXT is null: a tombstone"
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

    package static let command = Command(
        "produce",
        summary: "append lines as records",
        discussion: "Keys choose their partition as Kafka's producers do (murmur2); records "
            + "without a key fill one\npartition after the other. Everything is durable when the "
            + "command ends with exit code 0. A signal\nends it once every whole line that was "
            + "read is durable; the exit code is then 128 and its number.\nOf a record in JSON the "
            + "value has to be there, null or not; its partition, timestamp, key and\nheaders are "
            + "kept where they are; topic, offset and timestamp_type say nothing here.\n\n"
            + LengthPrefixedRecord.help,
        parameters: [
            topic.declaration, files.declaration, input.declaration, separator.declaration,
            delimiter.declaration, null.declaration, partition.declaration,
            ignorePartitions.declaration, header.declaration, compression.declaration,
            linger.declaration,
        ] + LogOption.parameters,
        examples: [
            .init("zcat text.gz | millrace produce lines", "one record a line"),
            .init("millrace produce orders orders.tsv --key-separator '\\t'", "key, tab, value"),
            .init(
                "find . -print0 | millrace produce names --delimiter '\\0'",
                "names, whatever is in them"
            ),
            .init(
                "millrace produce b --input json a.json",
                "what consume a --output json printed, into the same partitions"
            ),
            .init(
                "millrace produce b --input length-prefixed a.bin",
                "what consume a --output length-prefixed printed: keys and values, byte for byte"
            ),
            .init("millrace produce orders a.tsv --bootstrap 127.0.0.1:9092", "into a cluster"),
        ],
        exits: [.signalled("ended it before its input did")]
    ) { invocation in
        let inputForm = try form(invocation)
        let signals = try SignalListener.start()
        let count = try withLog(invocation, signals: signals) {
            try produce(invocation, inputForm, log: $0, signals)
        }
        TextOutput.standard.write(
            "produced \(counted(count, "record")) to \(invocation[topic])\n"
        )
        return .done
    }

    /// What is taken for what; options of the other form are refused.
    private static func form(_ invocation: Invocation) throws(UsageError) -> InputForm {
        switch invocation[input] {
        case .json:
            try invocation.refuse(
                [separator.declaration, delimiter.declaration, null.declaration],
                because: "is for lines of text; --input json says all of it itself"
            )
            guard !invocation[ignorePartitions] || invocation[partition] == nil else {
                throw UsageError("give either --partition or --ignore-partitions")
            }
            return .json(ignoresPartitions: invocation[ignorePartitions])
        case .lengthPrefixed:
            try invocation.refuse(
                [
                    separator.declaration, delimiter.declaration, null.declaration,
                    ignorePartitions.declaration,
                ],
                because: "is for lines; with --input length-prefixed, lengths say all of it"
            )
            return .lengthPrefixed
        case .text:
            try invocation.refuse(
                [ignorePartitions.declaration],
                because: "is for --input json: a line of text names no partition"
            )
            return .text(
                LineShape(
                    separator: invocation[separator]?.bytes ?? [],
                    null: invocation[null]?.bytes
                )
            )
        }
    }

    private static func produce(
        _ invocation: Invocation,
        _ form: InputForm,
        log: any CommandLog,
        _ signals: SignalListener
    ) throws -> Int {
        let topic = try log.outputTopic(invocation[topic])
        if let index = invocation[partition] {
            _ = try log.place.partition(index, of: topic.name, among: topic.partitions)
        }
        let most = BatchLimit.byteCount
        let room = RecordRoom(
            topicByteCount: topic.largestBatch,
            isCompressed: invocation[compression] != .none,
            raising: log.place.next(
                "topic alter \(argument: topic.name) --config max.message.bytes=\(most)"
            )
        )
        let producer = try IdempotentProducer(
            log: log,
            topic: topic,
            codec: invocation[compression].codec,
            room: room,
            random: UInt64.random(in: 0...UInt64.max)
        )
        var sender = LineSender(
            producer: producer,
            form: form,
            delimiter: invocation[delimiter].bytes,
            partition: invocation[partition],
            headers: invocation[header],
            linger: invocation[linger],
            room: room,
            oldRecords: OldRecords(of: topic, at: SystemTimeSource().wallTime()),
            signals: signals
        )
        let inputs = invocation[files].isEmpty ? ["-"] : invocation[files]
        do { try sender.send(inputs) } catch {
            let failure = CommandFailure(explaining: error, data: log.place.directory)
            let kept = sender.keep(after: failure)
            if isGone(topic, log) { throw deleted(topic, log.place) }
            tell(sender.oldRecords, log.place)
            throw kept
        }
        if isGone(topic, log) { throw deleted(topic, log.place) }
        tell(sender.oldRecords, log.place)
        return producer.appendedCount
    }

    private static func tell(_ records: OldRecords?, _ place: LogPlace) {
        guard let warning = records?.warning(in: place) else { return }
        TextOutput.error.write(warning + "\n")
    }

    /// False where nobody tells: what was acknowledged is in the topic, as far as is known.
    private static func isGone(_ topic: OutputTopic, _ log: any CommandLog) -> Bool {
        do { return try !log.isStillThere(topic) } catch { return false }
    }

    /// What is there of a topic made anew came behind its making, and nobody knows which line that
    /// was.
    private static func deleted(_ topic: OutputTopic, _ place: LogPlace) -> CommandFailure {
        CommandFailure(
            "the topic '\(topic.name)' was deleted while it was written to",
            place: "\(place)",
            reason: "the lines of the input that were in it are gone with it",
            next: "see what is there now (\(place.next("topic list"))), and give the whole input "
                + "to a topic that stays"
        )
    }
}
