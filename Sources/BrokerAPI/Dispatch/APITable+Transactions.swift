import KafkaWire

extension APITable {
    /// The transaction coordinator.
    static let transactions: [APIEntry] = [
        .answering(22, 0...5, flexibleFrom: 2, Checks.initProducerID) {
            $0.initProducerID($1, $2)
        },
        .answering(24, 0...3, flexibleFrom: 3, Checks.addPartitions) {
            $0.addPartitionsToTransaction($1, $2)
        },
        .answering(25, 0...4, flexibleFrom: 3, Checks.addOffsets) {
            $0.addOffsetsToTransaction($1, $2)
        },
        .answering(26, 0...5, flexibleFrom: 3, Checks.endTransaction) {
            $0.endTransaction($1, $2)
        },
        .answering(28, 0...5, flexibleFrom: 3, Checks.commitTransactionOffsets) {
            $0.commitTransactionOffsets($1, $2)
        },
    ]
}
