import Coordination
package import LogModel
package import LogStorage

/// Ends of transactions that come from outside: a tool's, for what no coordinator ends.
extension Broker {
    /// Ends the transaction that a producer holds open in a partition, durably. Where it holds
    /// none there is nothing to end.
    package func endTransaction(
        of producerID: ProducerID,
        epoch: ProducerEpoch,
        in name: TopicPartition,
        result: TransactionResult,
        coordinatorEpoch: Int32
    ) throws(BrokerError) {
        let partition = try find(name)
        guard let open = try partition.openTransactionEpoch(of: producerID) else { return }
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
        // The log refuses a marker of a coordinator older than the producer's last one.
        let known = try partition.coordinatorEpoch(of: producerID)
        try appendMarker(order, to: partition, coordinatorEpoch: max(known, coordinatorEpoch))
        try flush([partition])
        change.raise()
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
