import Coordination
package import LogModel
import LogStorage
import Synchronization

/// The ends of decided transactions, and what time brings.
extension Broker {
    /// Writes the markers of a decided transaction, flushes them, appends the Complete record.
    /// What cannot be written now is tried again by `housekeeping`.
    func finish(_ order: MarkerOrder) {
        do throws(BrokerError) {
            let partitions = existing(order.partitions)
            for partition in partitions { try appendMarker(order, to: partition) }
            try flush(partitions)
            try complete(order)
        } catch {
            coordinator.withLock { state in
                state.unfinished.append(order)
                // Without space it will be done later; without the partition it will not.
                if case .full = error { return }
                state.undecided[order.transactionalID] = error
            }
        }
        change.raise()
    }

    /// Aborts transactions that took too long, ends what could not be ended before, applies
    /// retention. Called by a thread of its own, or stepped in simulation.
    package func housekeeping(now: Timestamp) {
        let unfinished = coordinator.withLock { state in
            defer { state.unfinished = [] }
            return state.unfinished
        }
        for order in unfinished { finish(order) }
        expireTransactions(now: now)
        condenseCoordinators()
        for topic in topics() {
            for partition in topic.partitions {
                do throws(LogStorageError) {
                    try partition.log.flushOverdue()
                    try partition.log.applyRetention(now: now)
                } catch {
                    counters.countFailure()
                }
            }
        }
    }

    /// Aborts transactions that took longer than their timeout, and forgets idle ids.
    package func expireTransactions(now: Timestamp) {
        guard topic(InternalTopic.transactionState.rawValue) != nil else { return }
        for id in coordinator.withLock({ $0.transactions.dueIDs(now: now) }) {
            do throws(BrokerError) {
                _ = try decide(id) { $0.expire(id, now: now) }
            } catch {
                counters.countFailure()
            }
        }
    }

    /// Appends one marker; for offsets, also what it does to them, in the order of the log.
    func appendMarker(_ order: MarkerOrder, to partition: Partition) throws(BrokerError) {
        guard partition.name.topic == InternalTopic.consumerOffsets.rawValue else {
            return try partition.appendMarker(order, coordinatorEpoch: coordinatorEpoch)
        }
        let failure = coordinator.withLock { state -> BrokerError? in
            do throws(BrokerError) {
                try partition.appendMarker(order, coordinatorEpoch: coordinatorEpoch)
            } catch {
                return error
            }
            state.offsets[Int(partition.name.partition.rawValue)].end(
                producerID: order.producerID,
                result: order.result
            )
            return nil
        }
        if let failure { throw failure }
    }

    /// Appends the Complete record: every marker is durable.
    func complete(_ order: MarkerOrder) throws(BrokerError) {
        let id = order.transactionalID
        let partition = try transactionPartition(of: id)
        let now = time.wallTime()
        let failure = coordinator.withLock { state -> BrokerError? in
            guard let decision = state.transactions.markersWritten(order, now: now) else {
                return nil
            }
            switch Self.step(decision, id, in: partition, now: now, &state) {
            case .failed(let error): return error
            case .answered, .written: return nil
            }
        }
        if let failure { throw failure }
    }
}
