import Bytes
package import Coordination
package import LogModel
import Synchronization

/// Committed offsets of groups.
extension Broker {
    /// Commits offsets of a group outside any transaction; durable on return.
    package func commitOffsets(
        group: String,
        _ offsets: [TopicPartition: CommittedOffset]
    ) throws(BrokerError) {
        try check(offsets)
        let partition = try offsetsPartition(of: group)
        try space.claim(0, for: partition.name)
        _ = try write(offsets, of: group, to: partition, producerID: .none, epoch: .none) { _ in
            .none
        }
        try partition.flush()
    }

    /// Adds offsets to the open transaction (or opens one): they count once it is committed.
    package func addOffsets(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        group: String,
        offsets: [TopicPartition: CommittedOffset]
    ) throws(BrokerError) -> TransactionReply {
        try check(offsets)
        let partition = try offsetsPartition(of: group)
        let reply = try addPartitions(
            transactionalID: transactionalID,
            producerID: producerID,
            epoch: epoch,
            partitions: [partition.name],
            mustBeDurable: false
        )
        guard reply == .done, !offsets.isEmpty else { return reply }
        let code = try write(
            offsets,
            of: group,
            to: partition,
            producerID: producerID,
            epoch: epoch
        ) { transactions in
            // Looked at again under the lock: an abort may have come in between.
            guard let owner = transactions.describe(transactionalID), owner.epoch == epoch,
                owner.state == .ongoing
            else { return .invalidProducerEpoch }
            return .none
        }
        return code == .none ? .done : .error(code)
    }

    /// What a group has committed, for these partitions (nil: for all that it has). Nothing is
    /// told that a crash could take back.
    package func committedOffsets(
        group: String,
        partitions: [TopicPartition]?,
        requireStable: Bool
    ) throws(BrokerError) -> [TopicPartition: OffsetAnswer] {
        try checkOpen()
        guard topic(InternalTopic.consumerOffsets.rawValue) != nil else { return [:] }
        let log = try offsetsPartition(of: group)
        if log.isDirty { try log.flush() }
        return coordinator.withLock { state in
            let offsets = state.offsets[Int(log.name.partition.rawValue)]
            var answers: [TopicPartition: OffsetAnswer] = [:]
            for partition in partitions ?? offsets.partitions(of: group) {
                let answer = offsets.offset(
                    of: partition,
                    group: group,
                    requireStable: requireStable
                )
                if answer != .none { answers[partition] = answer }
            }
            return answers
        }
    }

    /// The groups that have committed offsets, sorted.
    package func groups() -> [String] {
        coordinator.withLock { $0.offsets.flatMap(\.groups).sorted() }
    }

    /// Refuses offsets of partitions that do not exist, and metadata that is too long.
    private func check(_ offsets: [TopicPartition: CommittedOffset]) throws(BrokerError) {
        for partition in offsets.keys.sorted() { _ = try find(partition) }
        let code = GroupOffsets.check(offsets.values)
        guard code == .none else {
            throw .refused(
                code,
                "offset metadata may have \(GroupOffsets.metadataByteLimit) bytes"
            )
        }
    }

    /// Appends the records of these offsets and takes them over, in one step of the log.
    private func write(
        _ offsets: [TopicPartition: CommittedOffset],
        of group: String,
        to partition: Partition,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        unless refusal: (borrowing TransactionCoordinator) -> KafkaErrorCode
    ) throws(BrokerError) -> KafkaErrorCode {
        guard !offsets.isEmpty else { return .none }
        let records = offsets.keys.sorted().map {
            OffsetRecord(group: group, partition: $0, value: offsets[$0])
        }
        let now = time.wallTime()
        let outcome = coordinator.withLock { state -> Result<KafkaErrorCode, BrokerError> in
            let code = refusal(state.transactions)
            guard code == .none else { return .success(code) }
            do throws(BrokerError) {
                var batch = CoordinatorBatch(now: now)
                for record in records { try batch.add(record) }
                let base = try batch.append(to: partition, producerID: producerID, epoch: epoch)
                for (index, record) in records.enumerated() {
                    state.offsets[Int(partition.name.partition.rawValue)].apply(
                        record,
                        at: base.advanced(by: Int64(index)),
                        producerID: producerID
                    )
                }
                return .success(.none)
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    /// The partition of `__consumer_offsets` that holds this group's records.
    private func offsetsPartition(of group: String) throws(BrokerError) -> Partition {
        try checkOpen()
        let partitions = try internalPartitions(.consumerOffsets)
        coordinator.withLock { state in
            while state.offsets.count < partitions.count { state.offsets.append(GroupOffsets()) }
        }
        let index = coordinatorPartition(of: group, count: Int32(partitions.count))
        return partitions[Int(index)]
    }
}
