package import LogModel

/// The end of a transaction on its partitions.
package struct MarkerOrder: Equatable, Sendable {
    /// Empty where no transactional id is known: the end of what a crash left in a partition.
    package var transactionalID: String
    package var producerID: ProducerID
    /// The epoch of the marker: above that of the transaction's records where the end bumped it.
    package var epoch: ProducerEpoch
    package var result: TransactionResult
    /// Sorted.
    package var partitions: [TopicIDPartition]
    /// The marker's epoch is above that of every record of its transaction, so that a record
    /// with the marker's own epoch belongs to a later one.
    package var hasBumpedEpoch: Bool

    package init(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        result: TransactionResult,
        partitions: [TopicIDPartition],
        hasBumpedEpoch: Bool
    ) {
        self.transactionalID = transactionalID
        self.producerID = producerID
        self.epoch = epoch
        self.result = result
        self.partitions = partitions
        self.hasBumpedEpoch = hasBumpedEpoch
    }

    /// Whether a transaction that its producer holds open with `openEpoch` is the one that this
    /// order ends. A later one has begun behind the marker, which must not be written again then:
    /// it would end that one.
    package func ends(openEpoch: ProducerEpoch) -> Bool {
        hasBumpedEpoch ? openEpoch < epoch : openEpoch <= epoch
    }
}
