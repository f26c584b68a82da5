import LogModel

/// Builds batches whose every record says who wrote it and when.
struct TestBatches {
    var producerID: Int64 = -1
    var epoch: Int16 = -1
    var isTransactional = false

    /// The bytes of a batch of `count` records, as a client sends it.
    func batch(
        count: Int,
        baseSequence: Int32,
        tag: Int,
        valueByteCount: Int,
        timestamp: Int64
    ) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for index in 0..<count {
            let key = Array("p\(producerID)-\(tag)-\(index)".utf8)
            let value = [UInt8](
                repeating: UInt8(truncatingIfNeeded: tag &* 31 &+ index),
                count: valueByteCount
            )
            key.withUnsafeBytes { key in
                value.withUnsafeBytes { value in
                    builder.append(
                        timestamp: Timestamp(timestamp + Int64(index)),
                        key: key,
                        value: value
                    )
                }
            }
        }
        let sealed = builder.seal(
            attributes: BatchAttributes(isTransactional: isTransactional),
            producerID: ProducerID(producerID),
            producerEpoch: ProducerEpoch(epoch),
            baseSequence: SequenceNumber(baseSequence)
        )
        return Array(sealed)
    }
}
