import DirectoryAccess
import KafkaClient
import LogModel
import Telemetry
package import Terminal

/// `millrace group …`.
package enum GroupCommands {
    static let group = Parameter.argument(.nonemptyText("GROUP"), help: "the group's name")
    static let asJSON = Parameter.flag("json", help: "one JSON object a line")

    package static let command = Command(
        "group",
        summary: "list, describe, reset and delete groups of readers",
        examples: [.init("millrace group describe audit", "where it stands, and who reads")],
        subcommands: [list, describe, ResetCommand.command, delete]
    )

    private static let list = Command(
        "list",
        summary: "the groups with their states",
        parameters: [asJSON.declaration] + LogOption.parameters,
        examples: [.init("millrace group list", "also those that have positions alone")]
    ) { invocation in
        try withCluster(invocation) { log in
            let groups = try log.asking("the groups are not told") {
                cluster throws(KafkaClientError) in
                try cluster.groups()
            }
            if invocation[asJSON] {
                for group in groups {
                    TextOutput.standard.write(
                        "{\"group\":\(jsonString(group.name)),"
                            + "\"state\":\(jsonString(group.state)),"
                            + "\"protocol_type\":\(jsonString(group.protocolType)),"
                            + "\"kind\":\(jsonString(group.kind.word))}\n"
                    )
                }
                return
            }
            var table = Table(("GROUP", .left), ("STATE", .left), ("", .left))
            for group in groups { table.add(group.name, group.state, group.kind.words ?? "") }
            TextOutput.standard.write(table.text)
        }
        return .done
    }

    private static let describe = Command(
        "describe",
        summary: "a group's members, positions and lag",
        discussion: "Of each topic that the group has a position in, or a member is to read, all "
            + "partitions are shown: `-`\nwhere it has none. LAG is the number of offsets up to "
            + "the high watermark, from the log's begin where\nthere is no position; a "
            + "transaction's end takes one too.",
        parameters: [group.declaration, asJSON.declaration] + LogOption.parameters,
        examples: [.init("millrace group describe audit", "a line for each partition")]
    ) { invocation in
        let name = invocation[group]
        try withCluster(invocation) { log in
            let (known, members) = try log.requireGroup(name)
            let lags = try log.lags(ofGroups: [name], withAges: false).flatMap(\.lags)
            if invocation[asJSON] {
                TextOutput.standard.write(json(known, members, lags))
                return try log.requireKnown(lags, of: name)
            }
            TextOutput.standard.write("group \(visible(name)): \(known.state)\n")
            for member in members {
                TextOutput.standard.write(
                    "  member \(visible(member.id)), client \(visible(member.clientID)), from "
                        + "\(visible(member.host))\n"
                )
            }
            var table = Table(
                ("TOPIC", .left),
                ("PART", .right),
                ("POSITION", .right),
                ("END", .right),
                ("LAG", .right)
            )
            for lag in lags {
                table.add(
                    lag.partition.topic,
                    "\(lag.partition.partition.rawValue)",
                    lag.position.map { "\($0.rawValue)" } ?? "-",
                    lag.trouble == nil ? "\(lag.end.rawValue)" : "?",
                    lag.trouble == nil && !lag.isBehindEnd ? grouped(Int(lag.records)) : "?"
                )
            }
            if !lags.isEmpty { TextOutput.standard.write("\n" + table.text) }
            try log.requireKnown(lags, of: name)
        }
        return .done
    }

    private static func json(
        _ group: ClusterGroup,
        _ members: [ClusterGroupMember],
        _ lags: [PartitionLag]
    ) -> String {
        let members = members.map { member in
            "{\"member\":\(jsonString(member.id)),\"client\":\(jsonString(member.clientID)),"
                + "\"host\":\(jsonString(member.host))}"
        }
        let partitions = lags.map { lag in
            "{\"topic\":\(jsonString(lag.partition.topic)),"
                + "\"partition\":\(lag.partition.partition.rawValue),"
                + "\"position\":\(lag.position.map { "\($0.rawValue)" } ?? "null"),"
                + "\"end\":\(lag.trouble == nil ? "\(lag.end.rawValue)" : "null"),"
                + "\"lag\":\(lag.trouble == nil && !lag.isBehindEnd ? "\(lag.records)" : "null")}"
        }
        return "{\"group\":\(jsonString(group.name)),\"state\":\(jsonString(group.state)),"
            + "\"members\":[\(members.joined(separator: ","))],"
            + "\"partitions\":[\(partitions.joined(separator: ","))]}\n"
    }

    private static let delete = Command(
        "delete",
        summary: "remove a group and its positions",
        parameters: [group.declaration] + LogOption.parameters,
        examples: [.init("millrace group delete audit", "it must have no members")]
    ) { invocation in
        let name = invocation[group]
        try withCluster(invocation) { log in
            let (known, _) = try log.requireGroup(name)
            if !known.mayBeRead { throw log.place.jobGroup(name, toStartOver: true) }
            try log.changing("the group '\(name)'", .was, "removed") {
                cluster throws(KafkaClientError) in
                try cluster.deleteGroup(name)
            }
        }
        TextOutput.standard.write("deleted \(name)\n")
        return .done
    }
}

extension ServedLog {
    /// The group of this name with its members, or an error that names the nearest.
    func requireGroup(
        _ name: String
    ) throws(CommandFailure) -> (ClusterGroup, [ClusterGroupMember]) {
        let what = "the group '\(name)' is not described"
        let found = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.describe(group: name)
        }
        if let found { return found }
        let groups = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.groups()
        }
        if let listed = groups.first(where: { $0.name == name }) { try refuseOtherKind(listed) }
        let names = groups.map(\.name).filter { $0 != name }
        throw CommandFailure(
            "the group '\(name)' does not exist",
            place: "\(place)",
            reason: Suggestion.nearest(to: name, among: names).map { "did you mean '\($0)'?" },
            next: place.next("group list")
        )
    }
}
