import DirectoryAccess
package import KafkaClient
package import LogModel
import Telemetry
package import Terminal

/// `millrace txn …`.
package enum TransactionCommands {
    static let identifier = Parameter.argument(
        .nonemptyText("ID"),
        help: "the transactional id"
    )

    package static let command = Command(
        "txn",
        summary: "list, describe and abort transactions",
        examples: [.init("millrace txn list", "those that are open, with their age")],
        subcommands: [list, describe, AbortCommand.command]
    )

    private static let all = Parameter.flag("all", help: "those that have ended too")

    private static let list = Command(
        "list",
        summary: "the open transactions with their age and owner",
        parameters: [all.declaration, GroupCommands.asJSON.declaration] + LogOption.parameters,
        examples: [.init("millrace txn list", "what readers of committed records wait for")]
    ) { invocation in
        try withCluster(invocation) { log in
            let now = SystemTimeSource().wallTime()
            let found = try log.transactions().filter { invocation[all] || $0.isOpen }
            if invocation[GroupCommands.asJSON] {
                for transaction in found { TextOutput.standard.write(transaction.json(at: now)) }
                return
            }
            var table = Table(
                ("TRANSACTIONAL ID", .left),
                ("STATE", .left),
                ("AGE", .right),
                ("PRODUCER", .right),
                ("PARTITIONS", .right)
            )
            for transaction in found {
                table.add(
                    transaction.transactionalID,
                    transaction.state,
                    transaction.age(at: now).map { $0.spelled } ?? "-",
                    "\(transaction.producerID.rawValue)",
                    "\(transaction.partitions.count)"
                )
            }
            TextOutput.standard.write(table.text)
        }
        return .done
    }

    private static let describe = Command(
        "describe",
        summary: "a transactional id's state and the partitions of its transaction",
        parameters: [identifier.declaration, GroupCommands.asJSON.declaration]
            + LogOption.parameters,
        examples: [.init("millrace txn describe billing-0", "who holds it, since when")]
    ) { invocation in
        try withCluster(invocation) { log in
            let transaction = try log.requireTransaction(invocation[identifier])
            let now = SystemTimeSource().wallTime()
            if invocation[GroupCommands.asJSON] {
                TextOutput.standard.write(transaction.json(at: now))
                return
            }
            TextOutput.standard.write(transaction.text(at: now))
        }
        return .done
    }
}

extension ClusterTransaction {
    /// Whether readers of committed records wait for it.
    package var isOpen: Bool { ["Ongoing", "PrepareCommit", "PrepareAbort"].contains(state) }

    /// How long ago it began; nil for one that has ended.
    package func age(at now: Timestamp) -> Duration? {
        guard isOpen, let start else { return nil }
        let (milliseconds, overflows) = now.rawValue.subtractingReportingOverflow(start.rawValue)
        return overflows ? nil : .milliseconds(max(milliseconds, 0))
    }

    fileprivate func text(at now: Timestamp) -> String {
        var text = "transactional id \(transactionalID): \(state)\n"
        if let age = age(at: now) { text += "  open for   \(age.spelled)\n" }
        text += "  time-out   \(timeout.spelled)\n"
        text += "  producer   \(producerID.rawValue), epoch \(epoch.rawValue)\n"
        for partition in partitions { text += "  partition  \(partition)\n" }
        return text
    }

    fileprivate func json(at now: Timestamp) -> String {
        let partitions = partitions.map { jsonString("\($0)") }
        let seconds = age(at: now).map { decimal($0.seconds, places: 3) } ?? "null"
        return "{\"transactional_id\":\(jsonString(transactionalID)),"
            + "\"state\":\(jsonString(state)),\"producer_id\":\(producerID.rawValue),"
            + "\"producer_epoch\":\(epoch.rawValue),\"open_seconds\":\(seconds),"
            + "\"timeout_seconds\":\(decimal(timeout.seconds, places: 3)),"
            + "\"partitions\":[\(partitions.joined(separator: ","))]}\n"
    }
}

extension ServedLog {
    /// What the coordinators know, by transactional id.
    package func transactions() throws(CommandFailure) -> [ClusterTransaction] {
        try asking("the transactions are not told") { cluster throws(KafkaClientError) in
            var found: [ClusterTransaction] = []
            for id in try cluster.transactionalIDs() {
                // Between the two it may have been forgotten.
                if let known = try cluster.describe(transactionalID: id) { found.append(known) }
            }
            return found
        }
    }

    /// What is known of a transactional id, or an error that names the nearest.
    func requireTransaction(_ id: String) throws(CommandFailure) -> ClusterTransaction {
        let what = "the transactional id '\(id)' is not described"
        let found = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.describe(transactionalID: id)
        }
        if let found { return found }
        let names = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.transactionalIDs()
        }
        throw CommandFailure(
            "the transactional id '\(id)' is not known",
            place: "\(place)",
            reason: Suggestion.nearest(to: id, among: names).map { "did you mean '\($0)'?" },
            next: place.next("txn list --all")
        )
    }
}
