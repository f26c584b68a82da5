package import LogModel

/// Tells which batches of a fetch answer belong to aborted transactions, as every Kafka client
/// does: a transactional batch is hidden from the offset at which an aborted transaction of its
/// producer begins until that producer's abort marker.
package struct AbortedFilter {
    /// Transactions of the answer that begin further on, the next one last.
    private var upcoming: [AbortedTransaction]
    /// Producers whose current transaction was aborted.
    private var hidden: Set<ProducerID> = []

    /// A filter for one answer with these aborted transactions.
    package init(_ transactions: [AbortedTransaction] = []) {
        upcoming = transactions.sorted { $0.firstOffset > $1.firstOffset }
    }

    /// Whether a data batch must not be seen.
    package mutating func hides(_ batch: RecordBatchView) -> Bool {
        guard batch.attributes.isTransactional else { return false }
        begin(upTo: batch.lastOffset)
        return hidden.contains(batch.producerID)
    }

    /// Takes note of a marker: an abort ends what its producer has hidden.
    package mutating func noteControl(of batch: RecordBatchView) throws(RecordBatchError) {
        begin(upTo: batch.lastOffset)
        if try EndTransactionMarker(batch)?.result == .abort { hidden.remove(batch.producerID) }
    }

    private mutating func begin(upTo offset: Offset) {
        while let next = upcoming.last, next.firstOffset <= offset {
            hidden.insert(next.producerID)
            upcoming.removeLast()
        }
    }
}
