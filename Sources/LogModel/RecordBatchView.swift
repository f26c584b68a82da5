public import Bytes

/// A record batch in memory that somebody else owns: its header's fields and its records.
///
/// Creating a view checks magic, length and offsets: the length against the bytes at hand, and
/// that every offset from the first to the next batch's is one, so that nobody who computes with
/// them can overflow. All other fields may hold anything. `verifyChecksum()` is the caller's to
/// call once a batch. The view is valid as long as the memory.
public struct RecordBatchView {
    /// The first byte of the header.
    public let base: UnsafeRawPointer
    /// Header and records.
    public let byteCount: Int

    /// The batch that begins at the first of `bytes`; what lies behind it is ignored.
    @inlinable
    public init(_ bytes: UnsafeRawBufferPointer) throws(RecordBatchError) {
        try self.init(ofAnyOffsets: bytes)
        try checkOffsets()
    }

    /// The batch as it lies there, for who answers a client by the order of Kafka's checks, in
    /// which offsets come behind the checksum.
    @inlinable
    init(ofAnyOffsets bytes: UnsafeRawBufferPointer) throws(RecordBatchError) {
        let headerByteCount = RecordBatchLayout.headerByteCount
        guard bytes.count >= RecordBatchLayout.lengthPrefixByteCount, let base = bytes.baseAddress
        else { throw .truncated(needed: headerByteCount, available: bytes.count) }
        let length: Int32 = base.bigEndian(at: RecordBatchLayout.length)
        guard length >= RecordBatchLayout.minimumLength else { throw .impossibleLength(length) }
        let byteCount = Int(length) + RecordBatchLayout.lengthPrefixByteCount
        guard bytes.count > RecordBatchLayout.magic else {
            throw .truncated(needed: byteCount, available: bytes.count)
        }
        let magic: UInt8 = base.load(fromByteOffset: RecordBatchLayout.magic, as: UInt8.self)
        guard magic == RecordBatchLayout.magicValue else { throw .unsupportedMagic(magic) }
        guard byteCount >= headerByteCount else { throw .impossibleLength(length) }
        guard bytes.count >= byteCount else {
            throw .truncated(needed: byteCount, available: bytes.count)
        }
        self.base = base
        self.byteCount = byteCount
    }

    /// Refuses offsets below 0, and those of which the next batch's would pass 64 bits.
    @inlinable func checkOffsets() throws(RecordBatchError) {
        let first = baseOffset.rawValue
        let delta = lastOffsetDelta
        guard first >= 0, delta >= 0, first < Int64.max - Int64(delta) else {
            throw .impossibleOffsets(base: first, lastDelta: delta)
        }
    }

    @inlinable public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base, count: byteCount)
    }
    @inlinable public var baseOffset: Offset {
        Offset(base.bigEndian(at: RecordBatchLayout.baseOffset))
    }
    @inlinable public var leaderEpoch: LeaderEpoch {
        LeaderEpoch(base.bigEndian(at: RecordBatchLayout.leaderEpoch))
    }
    @inlinable public var storedChecksum: UInt32 { base.bigEndian(at: RecordBatchLayout.checksum) }
    @inlinable public var attributes: BatchAttributes {
        BatchAttributes(rawValue: base.bigEndian(at: RecordBatchLayout.attributes))
    }
    @inlinable public var lastOffsetDelta: Int32 {
        base.bigEndian(at: RecordBatchLayout.lastOffsetDelta)
    }
    @inlinable public var baseTimestamp: Timestamp {
        Timestamp(base.bigEndian(at: RecordBatchLayout.baseTimestamp))
    }
    @inlinable public var maxTimestamp: Timestamp {
        Timestamp(base.bigEndian(at: RecordBatchLayout.maxTimestamp))
    }
    @inlinable public var producerID: ProducerID {
        ProducerID(base.bigEndian(at: RecordBatchLayout.producerID))
    }
    @inlinable public var producerEpoch: ProducerEpoch {
        ProducerEpoch(base.bigEndian(at: RecordBatchLayout.producerEpoch))
    }
    @inlinable public var baseSequence: SequenceNumber {
        SequenceNumber(base.bigEndian(at: RecordBatchLayout.baseSequence))
    }
    @inlinable public var recordCount: Int32 { base.bigEndian(at: RecordBatchLayout.recordCount) }

    @inlinable public var lastOffset: Offset { baseOffset.advanced(by: Int64(lastOffsetDelta)) }
    /// The offset that the next batch begins at, or later.
    @inlinable public var nextOffset: Offset { lastOffset.advanced(by: 1) }
    /// The last record's sequence number; `.none` without a producer.
    @inlinable public var lastSequence: SequenceNumber {
        baseSequence.rawValue < 0 ? .none : baseSequence.advanced(by: lastOffsetDelta)
    }

    /// Whether a producer's batch of data has no sequence number: clients may not send such a one.
    package var lacksSequence: Bool {
        producerID.rawValue >= 0 && baseSequence.rawValue < 0 && !attributes.isControl
    }

    /// The offset of one of the batch's records.
    @inlinable @inline(__always)
    public func offset(of record: RecordView) -> Offset {
        Offset(baseOffset.rawValue &+ Int64(record.offsetDelta))
    }

    /// The timestamp of one of the batch's records: the batch's own where the log assigned it.
    @inlinable @inline(__always)
    public func timestamp(of record: RecordView) -> Timestamp {
        attributes.isLogAppendTime
            ? maxTimestamp : Timestamp(baseTimestamp.rawValue &+ record.timestampDelta)
    }

    /// The time after which tombstones and markers may go, in a batch that compaction has seen.
    @inlinable public var deleteHorizon: Timestamp? {
        attributes.hasDeleteHorizon ? baseTimestamp : nil
    }

    /// The CRC-32C of everything from the attributes on.
    @inlinable public var computedChecksum: UInt32 {
        crc32c(UnsafeRawBufferPointer(rebasing: bytes[RecordBatchLayout.attributes...]))
    }

    /// Refuses a batch whose bytes are not those that were sealed.
    @inlinable public func verifyChecksum() throws(RecordBatchError) {
        let computed = computedChecksum
        guard computed == storedChecksum else {
            throw .checksumMismatch(stored: storedChecksum, computed: computed)
        }
    }

    /// The codec of the records.
    public func codec() throws(RecordBatchError) -> CompressionCodec {
        guard let codec = CompressionCodec(rawValue: attributes.codecNumber) else {
            throw .unknownCodec(attributes.codecNumber)
        }
        return codec
    }

    /// The block of records as it lies in the batch, compressed or not.
    @inlinable public var recordBlock: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[RecordBatchLayout.headerByteCount...])
    }

    /// The records of an uncompressed batch. For a compressed one, decompress `recordBlock` and
    /// use `RecordIterator(block:of:)`.
    @inlinable public func records() throws(RecordBatchError) -> RecordIterator {
        guard try codec() == .none else { throw .compressedRecords }
        return try RecordIterator(block: recordBlock, of: self)
    }
}

/// One record of a batch; all views into the batch's (or the decompressed block's) memory.
public struct RecordView {
    /// Raw record attributes: unused by Kafka, kept.
    public var attributes: UInt8
    public var timestampDelta: Int64
    public var offsetDelta: Int32
    /// Null or the key's bytes.
    public var key: UnsafeRawBufferPointer?
    /// Null (a tombstone) or the value's bytes.
    public var value: UnsafeRawBufferPointer?
    /// The headers as they lie there: count, then each header. One zero byte if there are none.
    public var headers: UnsafeRawBufferPointer

    @inlinable
    public init(
        attributes: UInt8,
        timestampDelta: Int64,
        offsetDelta: Int32,
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        headers: UnsafeRawBufferPointer
    ) {
        self.attributes = attributes
        self.timestampDelta = timestampDelta
        self.offsetDelta = offsetDelta
        self.key = key
        self.value = value
        self.headers = headers
    }
}

extension RecordView {
    /// What the record's length field says: every byte behind that field.
    public var byteCount: Int {
        let keyCount = key?.count ?? -1
        let valueCount = value?.count ?? -1
        return 1 + Varint.byteCount(timestampDelta) + Varint.byteCount(Int64(offsetDelta))
            + Varint.byteCount(Int64(keyCount)) + max(0, keyCount)
            + Varint.byteCount(Int64(valueCount)) + max(0, valueCount) + headers.count
    }
}

/// Walks the whole batches in a stretch of memory, such as a fetch answer: a cut last one is left.
public struct RecordBatchSequence {
    private var rest: UnsafeRawBufferPointer

    public init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

    /// The next whole batch, nil at the end or in front of a cut batch.
    public mutating func next() throws(RecordBatchError) -> RecordBatchView? {
        do {
            let batch = try RecordBatchView(rest)
            rest = UnsafeRawBufferPointer(rebasing: rest[batch.byteCount...])
            return batch
        } catch .truncated {
            return nil
        }
    }
}
