import KafkaClient
import LogClient
import LogModel
import Terminal

/// `millrace group reset`: other positions for a group, shown before they are set.
enum ResetCommand {
    private static let to = Parameter.option(
        "to",
        ReadingPlan.Start.kind,
        default: .beginning,
        shown: "beginning",
        help: "where it goes on; an offset, a time in UTC, or a word"
    )
    private static let topic = Parameter.optional(
        "topic",
        .nonemptyText("TOPIC"),
        help: "only in this topic, whether it has a position there or not"
    )
    private static let execute = Parameter.flag("execute", help: "do it, and not only show it")

    static let command = Command(
        "reset",
        summary: "set where a group goes on",
        discussion: "Shows what would change; --execute changes it. The group must have no members "
            + "meanwhile. An offset\noutside of a partition becomes its begin or its end, and a "
            + "time behind its last record its end.",
        parameters: [
            GroupCommands.group.declaration, to.declaration, topic.declaration,
            execute.declaration,
        ] + LogOption.parameters,
        examples: [
            .init("millrace group reset audit --to beginning", "show what it would do"),
            .init("millrace group reset audit --to 2013-01-31T05:00:00Z --execute", "do it"),
        ]
    ) { invocation in
        let name = invocation[GroupCommands.group]
        try withCluster(invocation) { log in
            let changes = try log.changes(of: name, to: invocation[to], in: invocation[topic])
            var table = Table(
                ("TOPIC", .left),
                ("PART", .right),
                ("POSITION", .right),
                ("NEW", .right)
            )
            for change in changes {
                table.add(
                    change.partition.topic,
                    "\(change.partition.partition.rawValue)",
                    change.old.map { "\($0.rawValue)" } ?? "-",
                    "\(change.new.rawValue)"
                )
            }
            TextOutput.standard.write(table.text)
            guard invocation[execute] else {
                TextOutput.standard.write("nothing is changed; --execute changes it\n")
                return
            }
            try log.changing("the positions of '\(name)'", .were, "set") {
                cluster throws(KafkaClientError) in
                try cluster.commitOffsets(
                    group: name,
                    Dictionary(uniqueKeysWithValues: changes.map { ($0.partition, $0.new) })
                )
            }
            TextOutput.standard.write("set \(counted(changes.count, "position")) of \(name)\n")
        }
        return .done
    }
}

/// Another position of a group.
private struct PositionChange {
    let partition: TopicPartition
    let old: Offset?
    let new: Offset
}

extension ServedLog {
    fileprivate func changes(
        of group: String,
        to start: ReadingPlan.Start,
        in topic: String?
    ) throws(CommandFailure) -> [PositionChange] {
        let what = "the positions of the group '\(group)' are not told"
        let found = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.describe(group: group)
        }
        if let (known, members) = found {
            if !known.mayBeRead { throw place.jobGroup(group, toStartOver: true) }
            guard members.isEmpty else {
                throw CommandFailure(
                    "the group '\(group)' has \(counted(members.count, "member"))",
                    place: "\(place)",
                    reason: "they move its positions, and would not see that another did",
                    next: "stop them, then the same command"
                )
            }
        } else if topic == nil {
            // Its own error, with the nearest name.
            _ = try requireGroup(group)
        }
        let old = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.committedOffsets(group: group, partitions: nil)
        }
        let names = try topic.map { topic throws(CommandFailure) in
            try requireTopic(topic, canBeMade: false).partitionNames
        }
        let partitions = names ?? old.keys.sorted()
        let new = try positions(start, of: partitions)
        return partitions.compactMap { partition in
            new[partition].map {
                PositionChange(partition: partition, old: old[partition], new: $0)
            }
        }
    }

    /// Where reading begins in each partition; those that cannot be used now are left out.
    private func positions(
        _ start: ReadingPlan.Start,
        of partitions: [TopicPartition]
    ) throws(CommandFailure) -> [TopicPartition: Offset] {
        let what = "the offsets are not told"
        let bounds = try bounds(of: partitions)
        var times: [TopicPartition: Result<Offset?, KafkaClientError>] = [:]
        if case .time(let time) = start {
            try refuseUnaskable(time)
            times = try asking(what) { cluster throws(KafkaClientError) in
                try cluster.offsets(.time(time), of: partitions, isolation: .readUncommitted)
            }
        }
        var positions: [TopicPartition: Offset] = [:]
        for partition in partitions {
            guard case .success(let ends) = bounds[partition] else { continue }
            switch start {
            case .beginning: positions[partition] = ends.logStart
            case .end: positions[partition] = ends.highWatermark
            case .last(let count):
                let begin = max(0, ends.highWatermark.rawValue - count)
                positions[partition] = max(Offset(begin), ends.logStart)
            case .offset(let offset):
                positions[partition] = min(max(offset, ends.logStart), ends.highWatermark)
            case .time:
                guard case .success(let found) = times[partition] else { continue }
                positions[partition] = found ?? ends.highWatermark
            }
        }
        return positions
    }
}
