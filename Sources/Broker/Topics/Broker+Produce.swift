import Coordination
package import LogModel
package import LogStorage
import Synchronization

/// Appends of clients.
extension Broker {
    /// Appends a sealed batch of any kind; base offset and leader epoch are assigned in place.
    /// A transactional batch needs its partition in the open transaction of `transactionalID`.
    /// With `flush` it is durable on return.
    package func produce(
        batch: UnsafeMutableRawBufferPointer,
        to name: TopicPartition,
        transactionalID: String? = nil,
        flush: Bool
    ) throws(BrokerError) -> AppendOutcome {
        let partition = try find(name)
        if let refusal = try refuseOutsideTransaction(
            batch,
            of: name,
            transactionalID: transactionalID
        ) {
            return refusal
        }
        let outcome = try append(batch, to: partition, origin: .client)
        if flush, case .refused = outcome { return outcome }
        if flush { try partition.flush() }
        return outcome
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
            if let pool = pool.withLock({ $0 }) {
                pool.add(.writeback(partition))
            } else {
                partition.writebackDone()
            }
        }
        return outcome
    }

    /// Appends a sealed batch of another log at exactly its own base offset, which must be the end
    /// of the partition or lie behind it; durable after `flush`. Producer fields and control
    /// batches stay. No coordinator is asked: an imported transaction has none here.
    package func importBatch(
        _ batch: UnsafeMutableRawBufferPointer,
        to name: TopicPartition
    ) throws(BrokerError) {
        let partition = try find(name)
        try space.claim(batch.count, for: name)
        let outcome: AppendOutcome
        do throws(LogStorageError) { outcome = try partition.log.appendImported(batch) } catch {
            throw BrokerError(error, in: name.description)
        }
        if case .refused(let code, let text) = outcome { throw .refused(code, "\(name): \(text)") }
    }

    /// Flushes these partitions: what idempotent and plain producers do at their end.
    package func flush(_ names: [TopicPartition]) throws(BrokerError) {
        var partitions: [Partition] = []
        for name in names { partitions.append(try find(name)) }
        try flush(partitions)
    }

    /// Kafka's answer to a transactional batch without an open transaction on the partition.
    private func refuseOutsideTransaction(
        _ batch: UnsafeMutableRawBufferPointer,
        of partition: TopicPartition,
        transactionalID: String?
    ) throws(BrokerError) -> AppendOutcome? {
        let view: RecordBatchView
        do throws(RecordBatchError) {
            view = try RecordBatchView(UnsafeRawBufferPointer(batch))
        } catch {
            return .refused(.corruptMessage, "\(error)")
        }
        guard view.attributes.isTransactional else { return nil }
        guard let transactionalID, let owner = describeTransaction(transactionalID),
            owner.producerID == view.producerID
        else {
            return .refused(.invalidProducerIDMapping, "\(partition): another producer's id")
        }
        guard owner.epoch == view.producerEpoch else {
            return .refused(.invalidProducerEpoch, "\(partition): a newer epoch exists")
        }
        guard owner.state == .ongoing, owner.partitions.contains(partition) else {
            return .refused(
                .transactionAbortable,
                "\(partition) was not added to the transaction"
            )
        }
        return nil
    }
}
