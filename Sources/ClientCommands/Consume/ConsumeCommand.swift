import DirectoryAccess
import LogModel
package import Terminal

/// `millrace consume`: records to standard output.
package enum ConsumeCommand {
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

    private static let topics = Parameter.someArguments(.text("TOPIC"), help: "what to read")
    private static let regex = Parameter.flag(
        "regex",
        help: "each TOPIC is a regular expression that a topic's whole name matches"
    )
    private static let from = Parameter.optional(
        "from",
        ReadingPlan.Start.kind,
        help: "where to begin, if not at the beginning; an offset, a time (UTC, or "
            + "with +05:30 in the place of Z), or a word"
    )
    private static let last = Parameter.optional(
        "last",
        .integer(1...Int.max),
        help: "only the last so many records of each partition, and what comes, instead of --from"
    )
    private static let until = Parameter.optional(
        "until",
        ReadingPlan.Stop.kind,
        help: "end each partition in front of this offset, or the first record of this time in UTC"
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
        help: "only this partition, of each topic"
    )
    private static let skipDamage = Parameter.flag(
        "skip-damage",
        help: "read on behind damage, and say what is left out; it ends with 1 all the same"
    )
    private static let limit = Parameter.optional(
        "max",
        .integer(1...Int.max),
        help: "end after so many records"
    )
    package static let command = Command(
        "consume",
        summary: "print records",
        discussion: "Partitions are read side by side; the order is kept within each. Integers "
            + "and doubles are big-endian.\nA partition that ends before the offset of --from "
            + "begins at its end; where all do, that is an error.\n--last counts the records "
            + "that --isolation shows, whatever offsets lie between them. A time of\n--until that "
            + "has passed ends a partition without a later record at its end. A partition that a "
            + "topic\ngets, and with --regex a topic that is made, while more is waited for is "
            + "read from its beginning,\nwithin 5 seconds. A group's position is noted every 5 "
            + "seconds and at the end.\n\n"
            + LengthPrefixedRecord.help,
        parameters: [
            topics.declaration, regex.declaration, from.declaration, last.declaration,
            until.declaration, untilEnd.declaration, limit.declaration, partition.declaration,
            group.declaration, isolation.declaration, skipDamage.declaration,
        ] + OutputOption.parameters + LogOption.parameters,
        examples: [
            .init(
                "millrace consume word-counts --until-end --value int64 --format '%k\\t%s\\n'",
                "a word and its count on each line"
            ),
            .init("millrace consume orders --last 10 --until-end --output json", "what came last"),
            .init(
                "millrace consume --regex 'orders-.*' --format '%t %s\\n'",
                "all topics that begin with orders-"
            ),
            .init("millrace consume orders --bootstrap 127.0.0.1:9092", "a topic of a cluster"),
        ],
        exits: [
            .init("0", "done, also where SIGHUP, SIGINT or SIGTERM ended it"),
            .signalled("ended it while nobody took its output"),
        ]
    ) { invocation in
        let style = try OutputOption.style(invocation)
        let reading = try plan(invocation)
        let choice = try TopicChoice(invocation[topics], areExpressions: invocation[regex])
        let signals = try SignalListener.start()
        let isCutShort = try withLog(invocation, signals: signals) { log in
            let index = invocation[partition]
            let partitions = try choice.topics(of: log).flatMap { topic -> [TopicPartition] in
                let all = try log.partitions(of: topic)
                guard let index else { return all }
                return [try log.place.partition(index, of: topic, among: all)]
            }
            var consumer = Consumer(
                log: log,
                partitions: partitions,
                plan: reading,
                printer: RecordPrinter(style, forGroup: reading.group != nil),
                chosenNow: { choice.partitions(of: log, numbered: index) }
            )
            try consumer.begin(signals)
            try consumer.run(signals)
            return consumer.wasCutShort(by: signals)
        }
        return isCutShort ? signals.request ?? .done : .done
    }

    private static func plan(_ invocation: Invocation) throws(UsageError) -> ReadingPlan {
        let start = invocation[from]
        guard start == nil || invocation[last] == nil else {
            throw UsageError("give either --from or --last: both say where to begin")
        }
        return ReadingPlan(
            start: start ?? invocation[last].map { .last(Int64($0)) },
            isolation: invocation[isolation].level,
            group: invocation[group],
            limit: invocation[limit] ?? Int.max,
            stop: invocation[until],
            endsAtEnd: invocation[untilEnd],
            skipsDamage: invocation[skipDamage]
        )
    }
}
