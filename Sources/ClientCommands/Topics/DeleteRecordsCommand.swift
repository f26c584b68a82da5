import DirectoryAccess
import KafkaClient
import LogClient
import LogModel
import Terminal

/// `millrace topic delete-records`: moves the log start of partitions, shown before it is done.
enum DeleteRecordsCommand {
    private static let partition = Parameter.optional(
        "partition",
        .integer(0...9_999),
        help: "only of this partition; an offset needs it where there are several"
    )
    private static let before = Parameter.optional(
        "before",
        ReadingPlan.Stop.kind,
        help: "the first offset that stays, or the time of the first record that stays, in UTC"
    )
    private static let execute = Parameter.flag("execute", help: "do it, and not only show it")

    private static let force = Parameter.flag(
        "force",
        help: "also dead letters that are open, and notes about those that were dealt with"
    )

    static let command = Command(
        "delete-records",
        summary: "delete the oldest records of a topic",
        discussion: "Shows what would go; --execute deletes it, and no command brings it back.\n"
            + "Of a time, everything in front of the first record of that time or later goes; all, "
            + "where there is\nnone. A compacted topic, and one that is a job's own, keep theirs.",
        parameters: [
            TopicCommands.name.declaration, partition.declaration, before.declaration,
            execute.declaration, force.declaration,
        ] + LogOption.parameters,
        examples: [
            .init(
                "millrace topic delete-records orders --before 2013-01-31T05:00:00Z",
                "show what would go"
            ),
            .init(
                "millrace topic delete-records orders --partition 0 --before 1000 --execute",
                "do it"
            ),
        ]
    ) { invocation in
        guard let stop = invocation[before] else {
            throw UsageError("give what stays: --before OFFSET, or a time in UTC")
        }
        try withCluster(invocation) { log in
            let topic = invocation[TopicCommands.name]
            try log.requireKnown(topic)
            var partitions = try log.partitions(of: topic)
            if let index = invocation[partition] {
                partitions = [try log.place.partition(index, of: topic, among: partitions)]
            }
            if case .offset = stop, partitions.count > 1 {
                throw UsageError(
                    "an offset is one partition's, and '\(topic)' has \(partitions.count): "
                        + "give --partition too"
                )
            }
            try log.refuseDeletion(of: topic)
            let deletions = try log.deletions(of: partitions, before: stop)
            let loss =
                invocation[force]
                ? nil
                : try log.wordsOfLoss(
                    topic,
                    deleting: Dictionary(
                        uniqueKeysWithValues: deletions.map {
                            ($0.partition, $0.start.rawValue..<$0.new.rawValue)
                        }
                    )
                )
            TextOutput.standard.write(table(deletions))
            guard invocation[execute] else {
                TextOutput.standard.write(
                    "nothing is deleted; --execute deletes it for ever\n"
                        + (loss.map { "that needs --force as well: \($0)\n" } ?? "")
                )
                return
            }
            if let loss {
                throw CommandFailure(
                    "no records of '\(topic)' were deleted",
                    place: "\(log.place)",
                    reason: loss,
                    next: "\(log.place.listOfLetters(topic)) shows dead letters; --force "
                        + "deletes the records all the same"
                )
            }
            try log.delete(deletions.filter { $0.count > 0 })
        }
        return .done
    }

    private static func table(_ deletions: [RecordDeletion]) -> String {
        var table = Table(
            ("PART", .right),
            ("START", .right),
            ("NEW", .right),
            ("OFFSETS", .right)
        )
        for deletion in deletions {
            table.add(
                "\(deletion.partition.partition.rawValue)",
                "\(deletion.start.rawValue)",
                "\(deletion.new.rawValue)",
                grouped(Int(deletion.count))
            )
        }
        return table.text
    }
}

/// Another log start of a partition.
private struct RecordDeletion {
    let partition: TopicPartition
    let start: Offset
    let new: Offset

    var count: Int64 { start.distance(to: new) }
}

extension ServedLog {
    /// The owner refuses it with a code alone: that says why.
    fileprivate func refuseDeletion(of topic: String) throws(CommandFailure) {
        let what = "the options of '\(topic)' are not told"
        let options = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.options(of: [topic], withDefaults: true)
        }
        let own = options[topic] ?? [:]
        var reason: String?
        if let owner = own[TopicOptionName.owner], !owner.isEmpty {
            reason = "it is that of \(owner) (job/name), whose state it holds or carries"
        } else if let policy = own["cleanup.policy"], !policy.contains("delete") {
            reason =
                policy.isEmpty
                ? "it keeps every record for ever: cleanup.policy is empty"
                : "it is compacted (cleanup.policy=\(policy)): records go when later ones of their "
                    + "key come"
        }
        guard let reason else { return }
        throw CommandFailure(
            "the records of '\(topic)' stay",
            place: "\(place)",
            reason: reason,
            next: place.next("topic describe \(argument: topic)")
        )
    }

    fileprivate func deletions(
        of partitions: [TopicPartition],
        before stop: ReadingPlan.Stop
    ) throws -> [RecordDeletion] {
        try partitions.map { partition -> RecordDeletion in
            let bounds = try toldBounds(of: partition)
            let end = bounds.highWatermark
            let new: Offset
            switch stop {
            case .time(let time):
                let first = try offset(at: time, in: partition, isolation: .readUncommitted)
                new = first ?? end
            case .offset(let offset):
                guard offset <= end else {
                    throw CommandFailure(
                        "offset \(offset.rawValue) lies behind the end of \(partition)",
                        place: "\(place)",
                        reason: "it ends at \(end.rawValue)",
                        next: place.next("topic describe \(argument: partition.topic)")
                    )
                }
                new = offset
            }
            return RecordDeletion(
                partition: partition,
                start: bounds.logStart,
                new: max(new, bounds.logStart)
            )
        }
    }

    fileprivate func delete(_ deletions: [RecordDeletion]) throws(CommandFailure) {
        let what = "no records were deleted"
        let answers = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.deleteRecords(
                before: Dictionary(uniqueKeysWithValues: deletions.map { ($0.partition, $0.new) })
            )
        }
        var first: CommandFailure?
        for deletion in deletions {
            let partition = deletion.partition
            switch answers[partition] {
            case .success(let start):
                TextOutput.standard.write(
                    "deleted \(partition) before \(start.rawValue)\n"
                )
            case .failure(let error):
                first = first ?? failure("the records of \(partition) were not deleted", error)
            case nil:
                first =
                    first
                    ?? failure(
                        "the records of \(partition) were not deleted",
                        .nonsense(cluster.entry, "it leaves out \(partition)")
                    )
            }
        }
        if let first { throw first }
        if deletions.isEmpty { TextOutput.standard.write("there was nothing to delete\n") }
    }
}
