package import LogModel

/// Makes the entries of Kafka's segments by hand: batches, markers, and messages of the formats
/// before batches.
package enum KafkaSegmentMaker {
    /// One record: its distance from the base offset, key and value.
    package struct Record {
        package var delta: Int32
        package var key: String?
        package var value: String?
        package var headers: [(String, String)]

        package init(
            _ delta: Int32,
            _ value: String?,
            key: String? = nil,
            headers: [(String, String)] = []
        ) {
            self.delta = delta
            self.key = key
            self.value = value
            self.headers = headers
        }
    }

    /// A producer's fields; transactional where a transaction is meant.
    package struct Producer {
        package var id: Int64
        package var epoch: Int16
        package var sequence: Int32
        package var isTransactional: Bool

        package init(_ id: Int64, epoch: Int16 = 0, sequence: Int32, isTransactional: Bool = true) {
            self.id = id
            self.epoch = epoch
            self.sequence = sequence
            self.isTransactional = isTransactional
        }
    }

    /// A batch whose records all have the same time. `span` is the last offset's distance from the
    /// base, where it is not the last record's.
    package static func batch(
        _ base: Int64,
        _ records: [Record],
        time: Int64 = 1_700_000_000_000,
        producer: Producer? = nil,
        span: Int32? = nil,
        epoch: Int32 = 0,
        isLogAppendTime: Bool = false
    ) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for record in records { append(record, to: &builder) }
        let header = RecordBatchHeader(
            baseOffset: Offset(base),
            leaderEpoch: LeaderEpoch(epoch),
            attributes: BatchAttributes(
                isLogAppendTime: isLogAppendTime,
                isTransactional: producer?.isTransactional ?? false
            ),
            lastOffsetDelta: span ?? records.last?.delta ?? 0,
            baseTimestamp: Timestamp(time),
            maxTimestamp: Timestamp(time),
            producerID: ProducerID(producer?.id ?? -1),
            producerEpoch: ProducerEpoch(producer?.epoch ?? -1),
            baseSequence: SequenceNumber(producer?.sequence ?? -1),
            recordCount: Int32(records.count)
        )
        return Array(builder.seal(as: header))
    }

    /// A batch of values, one after the other.
    package static func batch(
        _ base: Int64,
        values: String...,
        time: Int64 = 1_700_000_000_000,
        producer: Producer? = nil
    ) -> [UInt8] {
        let records = values.enumerated().map { Record(Int32($0.offset), $0.element) }
        return batch(base, records, time: time, producer: producer)
    }

    /// The end of a transaction.
    package static func marker(
        _ base: Int64,
        _ result: TransactionResult,
        producer: Int64,
        epoch: Int16 = 0,
        time: Int64 = 1_700_000_000_000
    ) -> [UInt8] {
        var builder = RecordBatchBuilder()
        let batch = EndTransactionMarker(result: result, coordinatorEpoch: 0).seal(
            in: &builder,
            timestamp: Timestamp(time),
            producerID: ProducerID(producer),
            producerEpoch: ProducerEpoch(epoch),
            baseOffset: Offset(base)
        )
        return Array(batch)
    }

    /// A message of format 0 or 1.
    package static func message(
        _ offset: Int64,
        format: UInt8,
        time: Int64 = -1,
        key: String? = nil,
        value: String?,
        attributes: UInt8 = 0
    ) throws -> [UInt8] {
        try LegacyMessage(
            offset: Offset(offset),
            magic: format,
            attributes: attributes,
            timestamp: Timestamp(time),
            key: key.map { Array($0.utf8) },
            value: value.map { Array($0.utf8) }
        ).encoded()
    }

    /// A compressed wrapper around messages; its offset is that of the last one.
    package static func wrapper(
        _ offset: Int64,
        format: UInt8,
        time: Int64 = -1,
        around messages: [[UInt8]],
        attributes: UInt8 = 0
    ) throws -> [UInt8] {
        var compressor = RecordCompressor()
        let packed = try messages.flatMap { $0 }.withUnsafeBytes {
            Array(try compressor.compress($0, codec: .gzip))
        }
        return try LegacyMessage(
            offset: Offset(offset),
            magic: format,
            attributes: CompressionCodec.gzip.rawValue | attributes,
            timestamp: Timestamp(time),
            key: nil,
            value: packed
        ).encoded()
    }

    private static func append(_ record: Record, to builder: inout RecordBatchBuilder) {
        var headers = RecordHeaderBlock()
        for (name, value) in record.headers {
            Array(value.utf8).withUnsafeBytes { headers.append(key: name, value: $0) }
        }
        withBytes(record.key) { key in
            withBytes(record.value) { value in
                headers.withBytes { headers in
                    builder.append(
                        copying: RecordView(
                            attributes: 0,
                            timestampDelta: 0,
                            offsetDelta: record.delta,
                            key: key,
                            value: value,
                            headers: headers
                        )
                    )
                }
            }
        }
    }

    private static func withBytes(
        _ text: String?,
        _ body: (UnsafeRawBufferPointer?) -> Void
    ) {
        guard let text else { return body(nil) }
        Array(text.utf8).withUnsafeBytes { body($0) }
    }
}
