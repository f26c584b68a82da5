import JobRunner
import LogModel
import Telemetry
import Terminal

/// `millrace consume`: records to standard output.
enum ConsumeCommand {
    enum Isolation: String, CaseIterable, Sendable {
        case readCommitted = "read_committed"
        case readUncommitted = "read_uncommitted"

        var level: IsolationLevel {
            switch self {
            case .readCommitted: .readCommitted
            case .readUncommitted: .readUncommitted
            }
        }
    }

    /// Where reading begins.
    enum Start: Sendable, Equatable {
        case beginning
        case end
        case offset(Offset)
        case time(Timestamp)

        static let kind = ValueKind<Start>(
            placeholder: "WHERE",
            expectation: "beginning, end, an offset, or a time such as 2013-01-31T05:00:00Z",
            choices: ["beginning", "end"]
        ) { text in
            switch text {
            case "beginning": return .beginning
            case "end": return .end
            default: break
            }
            if let number = Int64(text), number >= 0 { return .offset(Offset(number)) }
            return CalendarTime.milliseconds(from: text).map { .time(Timestamp($0)) }
        }
    }

    private static let topic = Parameter.argument(.text("TOPIC"), help: "what to read")
    private static let from = Parameter.optional(
        "from",
        Start.kind,
        help: "where to begin: beginning, where nothing is said; end, an offset, or a time in UTC"
    )
    private static let isolation = Parameter.option(
        "isolation",
        ValueKind<Isolation>.choice("LEVEL"),
        default: .readCommitted,
        shown: "read_committed",
        help: "which records of transactions are seen"
    )
    private static let group = Parameter.optional(
        "group",
        .nonemptyText("GROUP"),
        help: "begin where this group stopped, whatever --from says, and note how far it came"
    )
    private static let untilEnd = Parameter.flag(
        "until-end",
        help: "end at the record that is last at the start; wait for more otherwise"
    )
    private static let partition = Parameter.optional(
        "partition",
        .integer(0...9_999),
        help: "only this partition"
    )
    private static let limit = Parameter.optional(
        "max",
        .integer(1...Int.max),
        help: "end after so many records"
    )
    private static let format = Parameter.option(
        "format",
        RecordFormat.kind,
        default: RecordFormat("%s\\n") ?? RecordFormat.valueLine,
        shown: "%s\\n",
        help: "%t topic, %p partition, %o offset, %k key, %s value, %T time, %h headers, "
            + "%K and %S byte counts"
    )
    private static let key = Parameter.option(
        "key",
        ValueKind<ValueFormat>.choice("TYPE"),
        default: .utf8,
        shown: "utf8",
        help: "what keys are"
    )
    private static let value = Parameter.option(
        "value",
        ValueKind<ValueFormat>.choice("TYPE"),
        default: .utf8,
        shown: "utf8",
        help: "what values are"
    )

    static let command = Command(
        "consume",
        summary: "print records",
        discussion: "Partitions are read side by side; the order is kept within each. Integers "
            + "and doubles are big-endian.\nA partition that ends before the offset of --from "
            + "begins at its end; where all do, that is an error.",
        parameters: [
            topic.declaration, from.declaration, isolation.declaration, group.declaration,
            untilEnd.declaration, partition.declaration, limit.declaration, format.declaration,
            key.declaration, value.declaration,
        ] + LogOption.parameters,
        examples: [
            .init(
                "millrace consume word-counts --until-end --value int64 --format '%k\\t%s\\n'",
                "a word and its count on each line"
            ),
            .init("millrace consume orders --bootstrap 127.0.0.1:9092", "a topic of a cluster"),
        ]
    ) { invocation in
        let signals = SignalListener.start()
        let isCutShort = try withLog(invocation, signals: signals) { log in
            let topic = invocation[topic]
            var partitions = try log.partitions(of: topic)
            if let index = invocation[partition] {
                partitions = [try log.place.partition(index, of: topic, among: partitions)]
            }
            let printer = RecordPrinter(
                format: invocation[format],
                key: invocation[key],
                value: invocation[value]
            )
            var consumer = Consumer(
                log: log,
                partitions: partitions,
                isolation: invocation[isolation].level,
                group: invocation[group],
                limit: invocation[limit] ?? Int.max,
                printer: printer
            )
            try consumer.begin(at: invocation[from])
            try consumer.run(untilEnd: invocation[untilEnd], signals: signals)
            try log.requireIntact(partitions)
            return consumer.wasCutShort(by: signals)
        }
        return isCutShort ? signals.request ?? .done : .done
    }
}

extension RecordFormat {
    /// A value on each line.
    static let valueLine = RecordFormat(parts: [.value, .text("\n")])

    init(parts: [Part]) { self.parts = parts }
}
