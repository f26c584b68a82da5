import Bytes
import Coordination
import LogModel
import LogStorage
import Synchronization

/// Keeps the coordinators' logs short: what Kafka's log cleaner does for its internal topics.
///
/// The latest record of everything is appended anew and flushed; then all that lies before is
/// deleted. A crash in between leaves both, which say the same.
extension Broker {
    func condenseCoordinators() {
        for topic in InternalTopic.allCases {
            let partitions = self.topic(topic.rawValue)?.partitions ?? []
            for partition in partitions {
                let bounds = partition.log.bounds
                let count = bounds.logStart.distance(to: bounds.logEnd)
                guard count > configuration.coordinatorRecordLimit else { continue }
                do throws(BrokerError) {
                    try condense(
                        topic,
                        partition,
                        of: Int32(partitions.count),
                        below: count / 2
                    )
                } catch {
                    counters.countFailure()
                }
            }
        }
    }

    /// Condenses one partition if that leaves fewer than `limit` records.
    private func condense(
        _ topic: InternalTopic,
        _ partition: Partition,
        of partitionCount: Int32,
        below limit: Int64
    ) throws(BrokerError) {
        let now = time.wallTime()
        let written = coordinator.withLock { state -> Result<Offset?, BrokerError> in
            do throws(BrokerError) {
                switch topic {
                case .transactionState:
                    return .success(
                        try Self.rewriteTransactions(
                            in: partition,
                            of: partitionCount,
                            now: now,
                            limit,
                            state
                        )
                    )
                case .consumerOffsets:
                    return .success(
                        try Self.rewriteOffsets(in: partition, now: now, limit, &state)
                    )
                }
            } catch {
                return .failure(error)
            }
        }
        guard let start = try written.get() else { return }
        try partition.flush()
        do throws(LogStorageError) {
            try partition.log.deleteRecords(before: start)
        } catch {
            throw BrokerError(error, in: partition.name.description)
        }
    }

    /// Appends the latest record of every id; the first one's offset.
    private static func rewriteTransactions(
        in partition: Partition,
        of partitionCount: Int32,
        now: Timestamp,
        _ limit: Int64,
        _ state: CoordinatorState
    ) throws(BrokerError) -> Offset? {
        let index = partition.name.partition.rawValue
        let settled = state.transactions.settledRecords {
            coordinatorPartition(of: $0, count: partitionCount) == index
        }
        guard let records = settled, Int64(records.count) < limit else { return nil }
        var start: Offset?
        var batch = CoordinatorBatch(now: now)
        for record in records {
            try batch.add(record)
            if batch.isFull {
                let base = try batch.append(to: partition)
                start = start ?? base
                batch = CoordinatorBatch(now: now)
            }
        }
        guard batch.recordCount > 0 else { return start }
        let base = try batch.append(to: partition)
        return start ?? base
    }

    /// Appends every committed offset, and takes it over at its new place; the first one's offset.
    private static func rewriteOffsets(
        in partition: Partition,
        now: Timestamp,
        _ limit: Int64,
        _ state: inout CoordinatorState
    ) throws(BrokerError) -> Offset? {
        let index = Int(partition.name.partition.rawValue)
        guard state.offsets.indices.contains(index),
            let records = state.offsets[index].settledRecords(), Int64(records.count) < limit
        else { return nil }
        var start: Offset?
        var rest = records[...]
        while !rest.isEmpty {
            var batch = CoordinatorBatch(now: now)
            var taken: [OffsetRecord] = []
            while let record = rest.popFirst() {
                try batch.add(record)
                taken.append(record)
                if batch.isFull { break }
            }
            let base = try batch.append(to: partition)
            start = start ?? base
            for (distance, record) in taken.enumerated() {
                state.offsets[index].apply(record, at: base.advanced(by: Int64(distance)))
            }
        }
        return start
    }
}
