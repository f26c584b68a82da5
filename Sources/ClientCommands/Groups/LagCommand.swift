import DirectoryAccess
import KafkaClient
import LogModel
import Telemetry
package import Terminal

/// `millrace lag`: how far groups are behind.
package enum LagCommand {
    private static let groups = Parameter.arguments(
        .nonemptyText("GROUP"),
        help: "only these groups"
    )
    private static let limit = Parameter.optional(
        "slo",
        .duration,
        help: "end with 2 where a group is further behind than this, such as 30s"
    )

    package static let command = Command(
        "lag",
        summary: "how far groups are behind, in records and in time",
        discussion: "Of each topic that a group has a position in, or a member of it is to read, "
            + "all partitions count.\nRECORDS are offsets up to the high watermark: those of "
            + "aborted transactions and of their ends are\namong them. BEHIND is the age of the "
            + "oldest committed record that is not read: `-` where there is\nnone, whatever is "
            + "aborted or waits for an open transaction (see `millrace txn list`), or where it\n"
            + "has no time, `?` where it cannot be read (exit code 1). In a partition without a "
            + "position all that is\nthere counts, from the log's begin, and --slo takes any "
            + "committed record there for too far behind.\nNothing can be counted in a partition "
            + "that nobody leads, nor from a position behind the end of its\npartition (exit code "
            + "1).",
        parameters: [groups.declaration, limit.declaration, GroupCommands.asJSON.declaration]
            + LogOption.parameters,
        examples: [
            .init("millrace lag", "every group, a line for each topic"),
            .init("millrace lag word-count --slo 30s", "for a check that runs now and then"),
        ],
        exits: [
            .init("2", "with --slo: a group is further behind, or lacks a position")
        ]
    ) { invocation in
        var isOver = false
        try withCluster(invocation) { log in
            var table = Table(
                ("GROUP", .left),
                ("TOPIC", .left),
                ("RECORDS", .right),
                ("BEHIND", .right)
            )
            let partitions = try log.lags(ofGroups: invocation[groups])
            for lag in partitions.flatMap({ TopicLag.of($0.group, $0.lags) }) {
                if let limit = invocation[limit] {
                    isOver = isOver || lag.isUnread || lag.age.map { $0 > limit } ?? false
                }
                guard !invocation[GroupCommands.asJSON] else {
                    TextOutput.standard.write(lag.json)
                    continue
                }
                table.add(
                    lag.group,
                    lag.topic,
                    lag.isKnown ? grouped(Int(lag.records)) : "?",
                    lag.age?.spelled ?? (lag.isAgeKnown ? "-" : "?")
                )
            }
            if !invocation[GroupCommands.asJSON] {
                TextOutput.standard.write(table.text)
                for (group, lags) in partitions {
                    TextOutput.standard.write(
                        PartitionLag.words(ofMissingPositions: lags, of: group)
                    )
                }
            }
            for (group, lags) in partitions { try log.requireKnown(lags, of: group) }
        }
        return isOver ? .found : .done
    }
}

/// How far a group is behind in a topic.
private struct TopicLag {
    let group: String
    let topic: String
    let records: Int64
    /// Of the partition that is furthest behind.
    let age: Duration?
    /// Partitions without a position.
    let missingCount: Int
    /// Whether there are committed records in one of those.
    let isUnread: Bool
    /// Whether all of the records could be counted.
    let isKnown: Bool
    /// Whether the oldest of them could be found.
    let isAgeKnown: Bool

    var json: String {
        "{\"group\":\(jsonString(group)),\"topic\":\(jsonString(topic)),"
            + "\"records\":\(isKnown ? "\(records)" : "null"),"
            + "\"partitions_without_position\":\(missingCount),"
            + "\"seconds\":\(age.map { decimal($0.seconds, places: 3) } ?? "null")}\n"
    }

    /// Of a group, by topic.
    static func of(_ group: String, _ lags: [PartitionLag]) -> [TopicLag] {
        let topics = Dictionary(grouping: lags, by: \.partition.topic)
        return topics.sorted { $0.key < $1.key }.map { topic, lags in
            TopicLag(
                group: group,
                topic: topic,
                records: lags.reduce(0) { sum, lag in
                    Offset(sum).advanced(by: lag.records).rawValue
                },
                age: lags.compactMap(\.age).max(),
                missingCount: lags.count { $0.position == nil },
                isUnread: lags.contains(where: \.isUnread),
                isKnown: lags.allSatisfy { $0.trouble == nil && !$0.isBehindEnd },
                isAgeKnown: lags.allSatisfy { $0.doubt == nil }
            )
        }
    }
}

extension ServedLog {
    /// Of these groups, all for none, by partition.
    fileprivate func lags(
        ofGroups chosen: [String]
    ) throws(CommandFailure) -> [(group: String, lags: [PartitionLag])] {
        var names = chosen
        if names.isEmpty {
            names = try asking("the groups are not told") { cluster throws(KafkaClientError) in
                try cluster.groups().filter { $0.kind == .reader }.map(\.name)
            }
        } else {
            for name in names { _ = try requireGroup(name) }
        }
        return try lags(ofGroups: names, withAges: true)
    }
}
