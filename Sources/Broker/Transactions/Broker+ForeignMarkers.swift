import Coordination
package import LogModel
package import LogStorage

/// Ends of transactions that come from outside: a tool's, for what no coordinator ends.
extension Broker {
    /// Ends the transaction that a producer holds open in a partition, durably. Where it holds
    /// none there is nothing to end. Of a coordinator that a tool makes up no later epoch than ours
    /// is written.
    package func endTransaction(
        of producerID: ProducerID,
        epoch: ProducerEpoch,
        in name: TopicPartition,
        result: TransactionResult,
        coordinatorEpoch: Int32 = -1
    ) throws(BrokerError) {
        let partition = try find(name)
        guard let open = try partition.openTransactionEpoch(of: producerID) else { return }
        if let owner = whoEnds(producerID, in: partition.id) {
            throw .refused(
                .invalidTransactionState,
                "\(name): the transaction is that of \(owner), and is ended without a tool"
            )
        }
        let order = MarkerOrder(
            transactionalID: "",
            producerID: producerID,
            epoch: epoch,
            result: result,
            partitions: [partition.id],
            hasBumpedEpoch: false
        )
        guard order.ends(openEpoch: open) else {
            throw .refused(
                .invalidProducerEpoch,
                "\(name): the producer's transaction is of a later epoch"
            )
        }
        // The log refuses a marker of a coordinator, or of an epoch, older than the producer's last
        // one: with what a tool makes up, the coordinator here could end nothing there any more.
        var marker = order
        marker.epoch = open
        let known = try partition.coordinatorEpoch(of: producerID)
        try appendMarker(
            marker,
            to: partition,
            coordinatorEpoch: max(known, min(coordinatorEpoch, Self.coordinatorEpoch))
        )
        try flush([partition])
        change.raise()
    }

    /// Whose transaction in the partition somebody ends already: a thread of a job in this process,
    /// or the coordinator, once it is decided. Nil where nobody does.
    private func whoEnds(_ producerID: ProducerID, in id: TopicIDPartition) -> String? {
        transactionalIDs().lazy.compactMap { self.describeTransaction($0) }.first {
            $0.producerID == producerID && $0.partitions.contains(id)
                && ($0.state.isPreparing || $0.state == .ongoing && !$0.isRemote)
        }?.transactionalID
    }

    /// The producers that a partition remembers, by id.
    package func activeProducers(
        of name: TopicPartition
    ) throws(BrokerError) -> [ActiveProducer] {
        let partition = try find(name)
        return try storing(name.description) { () throws(LogStorageError) in
            try partition.log.activeProducers
        }
    }
}
