import Terminal

/// What there is of topics. A partition that cannot be used is shown with the reason, and keeps no
/// other from being shown.
extension TopicCommands {
    private static let asJSON = Parameter.flag("json", help: "one JSON object a line")
    private static let withInternal = Parameter.flag(
        "internal",
        help: "the coordinators' topics too"
    )

    static let list = Command(
        "list",
        summary: "the topics with their partitions and offsets",
        parameters: [withInternal.declaration, asJSON.declaration] + LogOption.parameters,
        examples: [
            .init("millrace topic list --data ./millrace-data", "all but the internal ones"),
            .init("millrace topic list --bootstrap 127.0.0.1:9092", "those of a cluster"),
        ]
    ) { invocation in
        try withLog(invocation) { log in
            let shown = try log.shownTopics(withInternal: invocation[withInternal])
            if invocation[asJSON] {
                for topic in shown { TextOutput.standard.write(topic.json) }
                return
            }
            var table = Table(
                ("TOPIC", .left),
                ("PARTITIONS", .right),
                ("OFFSETS", .right),
                ("", .left)
            )
            for topic in shown {
                table.add(
                    topic.name,
                    "\(topic.partitions.count)",
                    grouped(topic.offsetCount),
                    topic.troubles
                )
            }
            TextOutput.standard.write(table.text)
        }
        return .done
    }

    private static let withDefaults = Parameter.flag(
        "defaults",
        help:
            "the defaults beside the options that are set, and those that are not; also Kafka's "
            + "options that are fixed in this log"
    )

    private static let withRecords = Parameter.flag(
        "records",
        help: "count the committed records as well, which reads all of them"
    )

    static let describe = Command(
        "describe",
        summary: "a topic's options and the state of its partitions",
        discussion: "START, STABLE and HIGH are the log start, the last stable offset and the "
            + "high watermark. There may be\nfewer records than offsets: ends of transactions take "
            + "some, and compaction leaves gaps.\nIt shows what opening the partitions finds; "
            + "`millrace log verify` finds the rest.",
        parameters: [
            name.declaration, withDefaults.declaration, withRecords.declaration,
            asJSON.declaration,
        ] + LogOption.parameters,
        examples: [.init("millrace topic describe orders", "a line for each partition")]
    ) { invocation in
        try withLog(invocation) { log in
            var found = try log.describedTopic(invocation[name])
            let damage = invocation[withRecords] ? try count(&found, in: log) : nil
            if invocation[asJSON] {
                TextOutput.standard.write(found.json)
            } else {
                let options = found.optionLines(withDefaults: invocation[withDefaults])
                TextOutput.standard.write(
                    "topic \(found.name)\n\(options)\n\(found.table)\(found.countLine)"
                )
            }
            if let damage { throw damage }
        }
        return .done
    }

    /// Those of partitions that can be used. Of one that is damaged they are not counted, and the
    /// first such failure is to be told once the rest is shown.
    private static func count(
        _ topic: inout ShownTopic,
        in log: any CommandLog
    ) throws -> CommandFailure? {
        var counter = RecordCounter(log)
        var first: CommandFailure?
        for (index, name) in zip(topic.partitions.indices, try log.partitions(of: topic.name))
        where topic.partitions[index].bounds != nil {
            do {
                topic.partitions[index].recordCount = try counter.count(of: name)
            } catch let damage as DamageFound {
                topic.partitions[index].uncounted = damage.failure.reason ?? damage.failure.what
                first = first ?? damage.failure
            }
        }
        return first
    }
}
