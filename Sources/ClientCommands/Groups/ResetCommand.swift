import DirectoryAccess
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
        help: "where it goes on; an offset, a time (UTC, or with +05:30 in the place of Z), or a "
            + "word"
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
            let (changes, doubt) = try log.changes(
                of: name,
                to: invocation[to],
                in: invocation[topic]
            )
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
                    change.new.map { "\($0.rawValue)" } ?? "?"
                )
            }
            TextOutput.standard.write(table.text)
            if let doubt { throw doubt }
            guard invocation[execute] else {
                TextOutput.standard.write("nothing is changed; --execute changes it\n")
                return
            }
            try log.changing("the positions of '\(name)'", .were, "set") {
                cluster throws(KafkaClientError) in
                try cluster.commitOffsets(
                    group: name,
                    Dictionary(
                        uniqueKeysWithValues: changes.compactMap { change in
                            change.new.map { (change.partition, $0) }
                        }
                    )
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
    /// Nil where it is not known.
    let new: Offset?
}

extension ServedLog {
    /// What would change, and why nothing may be where it is not known of all.
    fileprivate func changes(
        of group: String,
        to start: ReadingPlan.Start,
        in topic: String?
    ) throws(CommandFailure) -> (changes: [PositionChange], doubt: CommandFailure?) {
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
        } else {
            try refuseOtherKind(group)
        }
        let old = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.committedOffsets(group: group, partitions: nil)
        }
        let names = try topic.map { topic throws(CommandFailure) in
            try requireTopic(topic, canBeMade: false).partitionNames
        }
        let partitions = names ?? old.keys.sorted()
        let (new, doubt) = try positions(start, of: partitions)
        let changes = partitions.compactMap { partition in
            new[partition].map {
                PositionChange(partition: partition, old: old[partition], new: $0)
            }
        }
        return (changes, doubt)
    }

    /// Where reading begins in each partition, nil in those that do not tell their offsets; and
    /// that as a failure: set in the others alone, the group would go on from two times.
    private func positions(
        _ start: ReadingPlan.Start,
        of partitions: [TopicPartition]
    ) throws(CommandFailure) -> (of: [TopicPartition: Offset?], doubt: CommandFailure?) {
        let what = "the offsets are not told"
        let bounds = try bounds(of: partitions)
        var times: [TopicPartition: Result<Offset?, KafkaClientError>] = [:]
        if case .time(let time) = start {
            try refuseUnaskable(time)
            times = try asking(what) { cluster throws(KafkaClientError) in
                try cluster.offsets(.time(time), of: partitions, isolation: .readUncommitted)
            }
        }
        var positions: [TopicPartition: Offset?] = [:]
        var unknown: [(partition: TopicPartition, error: KafkaClientError)] = []
        for partition in partitions {
            let position: Result<Offset, KafkaClientError>?
            switch bounds[partition] {
            case .success(let ends)?: position = Self.position(start, ends, times[partition])
            case .failure(let error)?: position = .failure(error)
            case nil: position = nil
            }
            switch position {
            case .success(let position): positions[partition] = position
            case .failure(let error) where error.code == .unknownTopicOrPartition:
                TextOutput.error.write("note: \(partition) is not there any more: left out\n")
            case .failure(let error): unknown.append((partition, error))
            case nil: unknown.append((partition, .nonsense(cluster.entry, "it is left out")))
            }
        }
        for (partition, _) in unknown { positions[partition] = .some(nil) }
        return (positions, unknown.first.map { untold($0, unknown.count - 1) })
    }

    private func untold(
        _ first: (partition: TopicPartition, error: KafkaClientError),
        _ otherCount: Int
    ) -> CommandFailure {
        let others =
            otherCount == 0 ? "" : " and of \(counted(otherCount, "other partition"))"
        let what = "no position is set: the offsets of \(first.partition)\(others) are not told"
        var failure = failure(what, first.error)
        failure.next = place.next("topic describe \(argument: first.partition.topic)")
        return failure
    }

    private static func position(
        _ start: ReadingPlan.Start,
        _ ends: PartitionBounds,
        _ ofTime: Result<Offset?, KafkaClientError>?
    ) -> Result<Offset, KafkaClientError>? {
        switch start {
        case .beginning: return .success(ends.logStart)
        case .end: return .success(ends.highWatermark)
        case .last(let count):
            let begin = max(0, ends.highWatermark.rawValue - count)
            return .success(max(Offset(begin), ends.logStart))
        case .offset(let offset):
            return .success(min(max(offset, ends.logStart), ends.highWatermark))
        case .time:
            return ofTime.map { $0.map { $0 ?? ends.highWatermark } }
        }
    }
}
