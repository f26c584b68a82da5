import Coordination
import LogModel
import LogStorage
import Synchronization

/// The transactions that a crash left.
extension Broker {
    /// Ends every decided transaction as it was decided, then aborts what partitions hold open
    /// without a record of it. Durable on return; done again by the next open if a crash comes in
    /// between. A damaged partition takes no markers: its transactions wait, everything else goes
    /// on.
    func finishWhatACrashLeft() throws(BrokerError) {
        for order in coordinator.withLock({ $0.transactions.unfinishedOrders() }) {
            do throws(BrokerError) {
                try finishAgain(order)
            } catch {
                guard case .readOnly = error else { throw error }
                coordinator.withLock { $0.undecided[order.transactionalID] = error }
            }
        }
        var touched: [Partition] = []
        for partition in topics().flatMap(\.partitions) where partition.log.readOnlyReason == nil {
            if try abortHangingTransactions(in: partition) { touched.append(partition) }
        }
        try flush(touched)
        coordinator.withLock { $0.checkInvariants() }
    }

    /// Writes the markers of a decided transaction again, but not where a later one of the same
    /// producer is open: its marker is in the log there, in front of that one.
    private func finishAgain(_ order: MarkerOrder) throws(BrokerError) {
        let partitions = existing(order.partitions)
        for partition in partitions {
            let later = partition.log.activeProducers.contains {
                $0.producerID == order.producerID && $0.currentTransactionFirstOffset != nil
                    && order.hasBumpedEpoch && $0.epoch >= order.epoch
            }
            if !later { try appendMarker(order, to: partition) }
        }
        try flush(partitions)
        try complete(order)
    }

    /// Whether anything had to be aborted.
    private func abortHangingTransactions(in partition: Partition) throws(BrokerError) -> Bool {
        var hasAborted = false
        for producer in partition.log.activeProducers
        where producer.currentTransactionFirstOffset != nil {
            let fate = coordinator.withLock {
                $0.transactions.adopt(
                    producerID: producer.producerID,
                    epoch: producer.epoch,
                    partition: partition.name
                )
            }
            guard fate == .abort else { continue }
            let order = MarkerOrder(
                transactionalID: "",
                producerID: producer.producerID,
                epoch: producer.epoch,
                result: .abort,
                partitions: [partition.name],
                hasBumpedEpoch: false
            )
            try appendMarker(order, to: partition)
            hasAborted = true
        }
        return hasAborted
    }
}
