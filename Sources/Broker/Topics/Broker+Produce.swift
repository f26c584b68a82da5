package import Bytes
import Coordination
package import LogModel
package import LogStorage
import Threads

/// Appends of clients.
extension Broker {
    /// Appends a sealed batch of any kind; base offset and leader epoch are assigned in place.
    /// A transactional batch needs its partition in the open transaction of `transactionalID`.
    /// With `flush` it is durable on return. Where a `topicID` is given, the topic of the name must
    /// be the one of that id.
    package func produce(
        batch: UnsafeMutableRawBufferPointer,
        to name: TopicPartition,
        of topicID: UniqueID? = nil,
        transactionalID: String? = nil,
        flush: Bool
    ) throws(BrokerError) -> AppendOutcome {
        let partition = try find(name)
        if let topicID, topicID != partition.id.topicID {
            throw .refused(.unknownTopicID, "\(name) is of another topic now")
        }
        if let refusal = refusalToClients(of: name) {
            return .refused(refusal.code, refusal.text)
        }
        if let refusal = try refuseOutsideTransaction(
            batch,
            of: partition,
            transactionalID: transactionalID
        ) {
            return refusal
        }
        let outcome = try append(batch, to: partition, origin: .client)
        if flush, case .refused = outcome { return outcome }
        if flush { try self.flush([partition]) }
        return outcome
    }

    /// Why a topic takes no records from outside; nil if it does.
    func refusalToClients(of name: TopicPartition) -> (code: KafkaErrorCode, text: String)? {
        if InternalTopic(rawValue: name.topic) != nil {
            return (.invalidTopic, "Topic '\(name.topic)' is internal: only the log writes to it.")
        }
        guard let topic = topic(name.topic) else { return nil }
        if unfinishedTopics.withLock({ $0.contains(topic.id) }) {
            return (
                .topicAuthorizationFailed,
                "Topic '\(name.topic)' is not whole: the import that made it was killed, and the "
                    + "next one makes it anew."
            )
        }
        guard let owner = topic.options[TopicOptionName.owner] else { return nil }
        return (
            .topicAuthorizationFailed,
            "Topic '\(name.topic)' is that of \(owner) (job/name): only the job writes to it."
        )
    }

    /// Appends a batch whose partition is known to be in its transaction; not durable yet.
    package func append(
        _ batch: UnsafeMutableRawBufferPointer,
        to partition: Partition,
        origin: AppendOrigin = .embedded
    ) throws(BrokerError) -> AppendOutcome {
        try checkOpen()
        try space.claim(batch.count, for: partition.name)
        let outcome: AppendOutcome
        do throws(BrokerError) {
            outcome = try partition.append(batch, origin: origin)
        } catch .full(let what) {
            space.foundFull()
            throw .full(what)
        }
        if partition.wantsWriteback(above: configuration.writebackByteCount) {
            let isQueued = background { [self] in
                partition.writebackDone()
                dataDirectory.groups.syncBulk([partition.log])
            }
            if !isQueued { partition.writebackDone() }
        } else if partition.wantsWriteOut(above: configuration.writeOutByteCount) {
            // Without threads the caller has it begun: it does not wait either.
            if !background({ partition.writeOut() }) { partition.writeOut() }
        }
        return outcome
    }

    /// Appends a sealed batch of another log at exactly its own base offset, which lies at or
    /// behind the partition's end; durable after `flush`. Producer fields and control batches stay.
    /// No coordinator is asked: an imported transaction has none here.
    package func importBatch(
        _ batch: UnsafeMutableRawBufferPointer,
        to name: TopicPartition
    ) throws(BrokerError) {
        let partition = try find(name)
        if let view = try? RecordBatchView(UnsafeRawBufferPointer(batch)), view.producerID != .none
        {
            try refuseOwn(view.producerID, in: name)
            try storing(name.description) { () throws(LogStorageError) in
                try dataDirectory.passProducer(view.producerID)
            }
        }
        if case .refused(let code, let text) = try append(batch, to: partition, origin: .imported) {
            throw .refused(code, "\(name): \(text)")
        }
    }

    /// Another log gave its ids from 0 on, too. In a partition with records of one that a
    /// transactional id has here, its owner's would be taken for those of the other.
    private func refuseOwn(_ id: ProducerID, in name: TopicPartition) throws(BrokerError) {
        let own = try ownProducers.withLock { known throws(BrokerError) in
            if let known { return known }
            let found = try currentProducers()
            known = found
            return found
        }
        guard let owner = own[id] else { return }
        throw .refused(
            .invalidProducerIDMapping,
            "\(name): the producer id \(id.rawValue) of its records is that of the transactional "
                + "id '\(owner)' here; bring the records without their producers (no --raw), or "
                + "into a directory of their own"
        )
    }

    private func currentProducers() throws(BrokerError) -> [ProducerID: String] {
        var found: [ProducerID: String] = [:]
        for shard in transactionShards.withLock({ $0 }) {
            let pairs = try shard.read { coordinator in
                coordinator.transactionalIDs.compactMap { id in
                    coordinator.describe(id).map { ($0.producerID, id) }
                }
            }
            for (producer, id) in pairs { found[producer] = id }
        }
        return found
    }

    /// Has an empty partition begin at `offset`, wherever the first imported batch lies.
    package func beginImport(of name: TopicPartition, at offset: Offset) throws(BrokerError) {
        let log = try find(name).log
        try storing(name.description) { () throws(LogStorageError) in
            try log.beginImport(at: offset)
        }
    }

    /// Ends the import into a partition: gaps that it brought belong there, others would be damage.
    package func sealImport(of name: TopicPartition) throws(BrokerError) {
        let log = try find(name).log
        try storing(name.description) { () throws(LogStorageError) in try log.sealImport() }
    }

    /// Flushes these partitions: what idempotent and plain producers do at their end.
    package func flush(_ names: [TopicPartition]) throws(BrokerError) {
        var partitions: [Partition] = []
        for name in names { partitions.append(try find(name)) }
        try flush(partitions)
    }

    /// Makes what was appended to these partitions durable, and calls back with the first failure;
    /// nobody waits.
    package func flush(
        _ partitions: [Partition],
        completion: @escaping @Sendable (BrokerError?) -> Void
    ) {
        let name = partitions.count == 1 ? partitions[0].name.description : directory
        dataDirectory.groups.flush(partitions.map(\.log)) { failure in
            completion(failure.map { BrokerError($0, in: name) })
        }
    }

    /// Kafka's answer to a transactional batch without an open transaction on the partition. The
    /// partition itself looks again when it appends: an end may come in between.
    private func refuseOutsideTransaction(
        _ batch: UnsafeMutableRawBufferPointer,
        of partition: Partition,
        transactionalID: String?
    ) throws(BrokerError) -> AppendOutcome? {
        let view: RecordBatchView
        do throws(RecordBatchError) {
            view = try RecordBatchView(UnsafeRawBufferPointer(batch))
        } catch {
            // What is no batch the log refuses, by Kafka's order of checks.
            return nil
        }
        guard view.attributes.isTransactional else { return nil }
        guard let transactionalID else {
            return .refused(.invalidProducerIDMapping, "\(partition.name): no transactional id")
        }
        // As in Kafka: a transaction that is open there has been verified.
        if try partition.openTransactionEpoch(of: view.producerID) == view.producerEpoch {
            return nil
        }
        // As in Kafka, which asks the partition first: below the one that says there is none.
        if view.producerID.rawValue >= 0, view.producerEpoch < .none {
            return .refused(.invalidProducerEpoch, "\(partition.name): no epoch is that low")
        }
        let shard = try transactionShard(of: transactionalID)
        var code = try shard.read {
            $0.verify(
                transactionalID: transactionalID,
                producerID: view.producerID,
                epoch: view.producerEpoch,
                partition: partition.id
            )
        }
        // The topic may have been made anew since the transaction has it.
        if code == .transactionAbortable {
            code = try addSuccessor(
                partition,
                transactionalID: transactionalID,
                producerID: view.producerID,
                epoch: view.producerEpoch
            )
        }
        switch code {
        case .none: return nil
        case .invalidProducerIDMapping:
            return .refused(code, "\(partition.name): another producer's id")
        case .invalidProducerEpoch: return .refused(code, "\(partition.name): a newer epoch exists")
        default: return .refused(code, "\(partition.name) was not added to the transaction")
        }
    }
}
