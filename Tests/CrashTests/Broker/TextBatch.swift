import LogModel

/// Batches of texts.
enum TextBatch {
    static func bytes(
        _ values: [String],
        at time: Timestamp,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        sequence: Int32,
        isTransactional: Bool
    ) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for value in values {
            Array(value.utf8).withUnsafeBytes { bytes in
                builder.append(timestamp: time, key: bytes, value: bytes)
            }
        }
        let sealed = builder.seal(
            attributes: BatchAttributes(isTransactional: isTransactional),
            producerID: producerID,
            producerEpoch: epoch,
            baseSequence: SequenceNumber(sequence)
        )
        return Array(sealed)
    }
}
