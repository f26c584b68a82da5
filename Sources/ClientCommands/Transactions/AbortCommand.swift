import DirectoryAccess
import KafkaClient
import LogModel
import Terminal

/// `millrace txn abort`: of a transactional id, or of what a partition holds without one.
enum AbortCommand {
    private static let identifier = Parameter.optionalArgument(
        .nonemptyText("ID"),
        help: "the transactional id whose open transaction is aborted"
    )
    private static let topic = Parameter.optional(
        "topic",
        .nonemptyText("TOPIC"),
        help: "instead of ID: abort what hangs in a partition of this topic"
    )
    private static let partition = Parameter.optional(
        "partition",
        .integer(0...9_999),
        help: "that partition's number"
    )
    private static let start = Parameter.optional(
        "start-offset",
        .integer(0...Int.max),
        help: "where the transaction that hangs begins there"
    )

    static let command = Command(
        "abort",
        summary: "abort an open transaction",
        discussion: "With ID, its coordinator aborts it, and its owner is fenced: it can write "
            + "nothing more until it starts anew.\nA job's transactions are the job's: nobody else "
            + "ends them. With --topic, --partition and --start-offset, a\nmarker is written that "
            + "ends a transaction there of which no coordinator knows, as only a lost coordinator\n"
            + "leaves one: readers of committed records wait for it for ever.",
        parameters: [
            identifier.declaration, topic.declaration, partition.declaration, start.declaration,
        ] + LogOption.parameters,
        examples: [
            .init("millrace txn abort billing-0", "what its owner has written is never seen"),
            .init(
                "millrace txn abort --topic orders --partition 0 --start-offset 4711",
                "one that hangs"
            ),
        ]
    ) { invocation in
        if let id = invocation[identifier] {
            guard invocation[topic] == nil, invocation[partition] == nil,
                invocation[start] == nil
            else { throw UsageError("give either ID or a place: they name two transactions") }
            try withCluster(invocation) { try $0.abort(id) }
            TextOutput.standard.write("aborted the transaction of \(id)\n")
            return .done
        }
        guard let topic = invocation[topic], let partition = invocation[partition],
            let start = invocation[start]
        else {
            throw UsageError("give ID, or --topic, --partition and --start-offset")
        }
        try withCluster(invocation) { log in
            let names = try log.requireTopic(topic, canBeMade: false).partitionNames
            let name = try log.place.partition(partition, of: topic, among: names)
            try log.abort(in: name, from: Offset(Int64(start)))
        }
        TextOutput.standard.write(
            "aborted what began at offset \(start) of \(topic)-\(partition)\n"
        )
        return .done
    }
}

extension ServedLog {
    fileprivate func abort(_ id: String) throws(CommandFailure) {
        let known = try requireTransaction(id)
        guard known.state == "Ongoing" else {
            throw CommandFailure(
                "'\(id)' has no transaction that could be aborted",
                place: "\(place)",
                reason: "its state is \(known.state)",
                next: place.next("txn list")
            )
        }
        do throws(KafkaClientError) { try cluster.abort(transactionalID: id) } catch {
            var failure = failure("the transaction of '\(id)' was not aborted", error)
            if error.code == .transactionalIDAuthorizationFailed {
                failure.next =
                    "stop whoever has it, such as the job of that name: its next start "
                    + "ends what it left open"
            }
            throw failure
        }
    }

    fileprivate func abort(
        in partition: TopicPartition,
        from start: Offset
    ) throws(CommandFailure) {
        let what = "the transaction in \(partition) was not aborted"
        let producers = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.producers(of: partition)
        }
        let open = producers.filter { $0.transactionStart != nil }
        guard let producer = open.first(where: { $0.transactionStart == start }) else {
            let starts = open.compactMap(\.transactionStart).sorted().map { "\($0.rawValue)" }
            throw CommandFailure(
                "no open transaction of \(partition) begins at offset \(start.rawValue)",
                place: "\(place)",
                reason: starts.isEmpty
                    ? "none is open there"
                    : "open ones begin at \(starts.joined(separator: ", "))"
            )
        }
        // Ended here alone, it would be committed in its other partitions.
        if let owner = try transactions().first(where: {
            $0.isOpen && $0.producerID == producer.producerID && $0.partitions.contains(partition)
        }) {
            throw CommandFailure(
                "the transaction in \(partition) does not hang",
                place: "\(place)",
                reason: "it is that of '\(owner.transactionalID)', whose coordinator ends it in "
                    + "all of its partitions",
                next: place.next("txn abort \(argument: owner.transactionalID)")
            )
        }
        try asking(what) { cluster throws(KafkaClientError) in
            try cluster.abort(producer, in: partition)
        }
    }
}
