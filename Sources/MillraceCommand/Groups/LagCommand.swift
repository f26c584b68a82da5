import JobRunner
import KafkaClient
import LogModel
import Telemetry
import Terminal

/// `millrace lag`: how far groups are behind.
enum LagCommand {
    private static let groups = Parameter.arguments(
        .nonemptyText("GROUP"),
        help: "only these groups"
    )
    private static let limit = Parameter.optional(
        "slo",
        .duration,
        help: "end with 2 where a group is further behind than this, such as 30s"
    )

    static let command = Command(
        "lag",
        summary: "how far groups are behind, in records and in time",
        discussion: "RECORDS are offsets up to the high watermark. BEHIND is the age of the oldest "
            + "record that is not\nread; `-` where none is left, or only the ends of transactions.",
        parameters: [groups.declaration, limit.declaration, GroupCommands.asJSON.declaration]
            + LogOption.parameters,
        examples: [
            .init("millrace lag", "every group, a line for each topic"),
            .init("millrace lag word-count --slo 30s", "for a check that runs now and then"),
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
            for lag in try log.topicLags(invocation[groups]) {
                if let limit = invocation[limit], let age = lag.age, age > limit { isOver = true }
                guard !invocation[GroupCommands.asJSON] else {
                    TextOutput.standard.write(lag.json)
                    continue
                }
                table.add(
                    lag.group,
                    lag.topic,
                    grouped(Int(lag.records)),
                    lag.age.map { "\(decimal($0.seconds, places: 1)) s" } ?? "-"
                )
            }
            if !invocation[GroupCommands.asJSON] { TextOutput.standard.write(table.text) }
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

    var json: String {
        "{\"group\":\(jsonString(group)),\"topic\":\(jsonString(topic)),\"records\":\(records),"
            + "\"seconds\":\(age.map { decimal($0.seconds, places: 3) } ?? "null")}\n"
    }
}

extension ServedLog {
    /// Of these groups, all for none, by group and topic.
    fileprivate func topicLags(_ chosen: [String]) throws(CommandFailure) -> [TopicLag] {
        var names = chosen
        if names.isEmpty {
            names = try asking("the groups are not told") { cluster throws(KafkaClientError) in
                try cluster.groups().map(\.name)
            }
        } else {
            for name in names { _ = try requireGroup(name) }
        }
        var found: [TopicLag] = []
        for name in names {
            let lags = try lag(ofGroup: name, withAges: true)
            let topics = Dictionary(grouping: lags, by: \.partition.topic)
            for (topic, lags) in topics.sorted(by: { $0.key < $1.key }) {
                found.append(
                    TopicLag(
                        group: name,
                        topic: topic,
                        records: lags.reduce(0) { sum, lag in
                            Offset(sum).advanced(by: lag.records).rawValue
                        },
                        age: lags.compactMap(\.age).max()
                    )
                )
            }
        }
        return found
    }
}
