public import Bytes

/// Writes the records of one batch into a growing buffer of its own, then seals the header.
///
/// Keep it in a struct behind a pointer or in a local variable, not in a class property.
/// Nothing is allocated per record while the capacity suffices; `reset()` keeps the capacity.
/// Offsets are dense: record n has offset delta n.
public struct RecordBatchBuilder: ~Copyable {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    /// Header and records so far.
    public private(set) var byteCount: Int
    /// Records so far.
    public private(set) var recordCount: Int32
    @usableFromInline var baseTimestamp: Int64
    @usableFromInline var maxTimestamp: Int64

    /// An empty batch in a buffer of `capacity` bytes, which grows as needed.
    public init(capacity: Int = 4096) {
        self.capacity = max(capacity, 256)
        base = .allocate(byteCount: self.capacity, alignment: 64)
        byteCount = RecordBatchLayout.headerByteCount
        recordCount = 0
        baseTimestamp = -1
        maxTimestamp = -1
    }

    deinit { base.deallocate() }

    /// Whether no record was appended since the start or the last `reset()`.
    @inlinable public var isEmpty: Bool { recordCount == 0 }

    /// Forgets the records and keeps the buffer.
    public mutating func reset() {
        byteCount = RecordBatchLayout.headerByteCount
        recordCount = 0
        baseTimestamp = -1
        maxTimestamp = -1
    }

    /// The most bytes that a batch can have: its length field has four bytes.
    public static let byteLimit = Int(Int32.max)

    /// Whether a record with this many bytes of key, value and headers can be appended so that the
    /// batch still takes no more than `limit` bytes.
    public func hasRoom(for byteCount: Int, limit: Int = byteLimit) -> Bool {
        let (framed, overflow) = byteCount.addingReportingOverflow(Self.recordFrameByteLimit)
        return !overflow && framed <= min(limit, Self.byteLimit) - self.byteCount
    }

    /// What a record takes beside key, value and headers, at most: an attribute byte, two varints
    /// of ten bytes, four of five.
    @usableFromInline static let recordFrameByteLimit = 41
    /// With fewer bytes of key, value and headers the length of a record mostly takes one byte.
    @usableFromInline static let shortPartsByteCount = 56

    /// Appends one record. `headers` is a header block as a `RecordView` has it; nil for none.
    ///
    /// The caller asks `hasRoom(for:limit:)` where a record may be as large as memory.
    @inlinable @inline(__always)
    public mutating func append(
        timestamp: Timestamp,
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        headers: UnsafeRawBufferPointer? = nil
    ) {
        // Nearly all are such, and where they come from is mostly known to be so.
        guard headers == nil, let key, let keyBase = key.baseAddress, key.count < 64,
            let value, let valueBase = value.baseAddress,
            capacity &- byteCount >= key.count &+ value.count &+ Self.recordFrameByteLimit
        else { return appendAny(timestamp: timestamp, key: key, value: value, headers: headers) }
        noteTime(timestamp.rawValue)
        let start = base + byteCount
        let guess = key.count &+ value.count < Self.shortPartsByteCount ? 1 : 2
        let body = start + guess
        var p = body
        p.storeBytes(of: 0, as: UInt8.self)
        p += 1
        Varint.write(timestamp.rawValue &- baseTimestamp, to: &p)
        Varint.writeUnsigned(UInt64(UInt32(bitPattern: recordCount)) &<< 1, to: &p)
        p.storeBytes(of: UInt8(truncatingIfNeeded: key.count &<< 1), as: UInt8.self)
        p += 1
        p.copyBytes(from: keyBase, count: key.count)
        p += key.count
        Varint.writeUnsigned(UInt64(truncatingIfNeeded: value.count) &<< 1, to: &p)
        p.copyBytes(from: valueBase, count: value.count)
        p += value.count
        p.storeBytes(of: 0, as: UInt8.self)
        p += 1
        noteAppended(byteCount: close(start, body, end: p) - base)
    }

    /// Takes note of a record's time.
    @inlinable @inline(__always)
    mutating func noteTime(_ time: Int64) {
        if recordCount == 0 {
            baseTimestamp = time
            maxTimestamp = time
        } else if time > maxTimestamp {
            maxTimestamp = time
        }
    }

    /// Writes a record's length in front of its body, which is moved where the length takes more
    /// or fewer bytes than there are; returns the record's end.
    @inlinable @inline(__always)
    func close(
        _ start: UnsafeMutableRawPointer,
        _ body: UnsafeMutableRawPointer,
        end: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let length = UInt64(truncatingIfNeeded: end - body) &<< 1
        let shift = Varint.byteCount(unsigned: length) &- (body - start)
        if shift != 0 { Self.move(body, end, by: shift) }
        var front = start
        Varint.writeUnsigned(length, to: &front)
        return end + shift
    }

    @usableFromInline @inline(never)
    static func move(
        _ body: UnsafeMutableRawPointer,
        _ end: UnsafeMutableRawPointer,
        by shift: Int
    ) {
        (body + shift).copyMemory(from: body, byteCount: end - body)
    }

    @usableFromInline @inline(never)
    mutating func appendAny(
        timestamp: Timestamp,
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        headers: UnsafeRawBufferPointer?
    ) {
        let time = timestamp.rawValue
        noteTime(time)
        let byteCountOfParts =
            (key?.count ?? 0) &+ (value?.count ?? 0) &+ (headers?.count ?? 0)
        let room = byteCountOfParts &+ Self.recordFrameByteLimit
        if capacity &- byteCount < room { grow(by: room) }

        // The record is written behind the one or two bytes that its length will most likely take.
        let start = base + byteCount
        let guess = byteCountOfParts < Self.shortPartsByteCount ? 1 : 2
        let body = start + guess
        var p = body
        p.storeBytes(of: 0, as: UInt8.self)
        p += 1
        Varint.write(time &- baseTimestamp, to: &p)
        Varint.write(Int64(recordCount), to: &p)
        Varint.write(Int64(key?.count ?? -1), to: &p)
        Self.copy(key, to: &p)
        Varint.write(Int64(value?.count ?? -1), to: &p)
        Self.copy(value, to: &p)
        if headers == nil {
            p.storeBytes(of: 0, as: UInt8.self)
            p += 1
        } else {
            Self.copy(headers, to: &p)
        }
        noteAppended(byteCount: close(start, body, end: p) - base)
    }

    /// What a batch takes, uncompressed, that has one record of such parts and no other: so many
    /// bytes a log looks at. `headers` is a header block; nil for none.
    public static func byteCount(
        ofOneRecordWithKey key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        headers: UnsafeRawBufferPointer?
    ) -> Int {
        let parts = partsByteCount(
            Int64(key?.count ?? -1),
            Int64(value?.count ?? -1),
            headers?.count ?? 1
        )
        // The attributes, and the deltas of the first record, which are 0.
        let length = 3 + parts
        return RecordBatchLayout.headerByteCount + Varint.byteCount(Int64(length)) + length
    }

    /// What key, value and headers of a record take with their lengths; -1 for one that is null.
    private static func partsByteCount(_ key: Int64, _ value: Int64, _ headers: Int) -> Int {
        Varint.byteCount(key) + max(0, Int(key)) + Varint.byteCount(value) + max(0, Int(value))
            + headers
    }

    @inlinable @inline(__always)
    static func copy(_ bytes: UnsafeRawBufferPointer?, to pointer: inout UnsafeMutableRawPointer) {
        guard let bytes, let source = bytes.baseAddress else { return }
        pointer.copyBytes(from: source, count: bytes.count)
        pointer += bytes.count
    }

    @usableFromInline @inline(__always)
    mutating func noteAppended(byteCount: Int) {
        self.byteCount = byteCount
        recordCount &+= 1
    }

    @usableFromInline @inline(never)
    mutating func grow(by needed: Int) {
        let newCapacity = max(capacity * 2, byteCount + needed)
        let newBase = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 64)
        newBase.copyMemory(from: base, byteCount: byteCount)
        base.deallocate()
        base = newBase
        capacity = newCapacity
    }

    /// Fills in the header of an uncompressed batch and lends its bytes; they are valid until the
    /// builder is next changed. Base offset and leader epoch are for the log to assign.
    ///
    /// - Precondition: the batch holds a record.
    public mutating func seal(
        attributes: BatchAttributes = BatchAttributes(),
        producerID: ProducerID = .none,
        producerEpoch: ProducerEpoch = .none,
        baseSequence: SequenceNumber = .none,
        baseOffset: Offset = .zero,
        leaderEpoch: LeaderEpoch = LeaderEpoch(0)
    ) -> UnsafeMutableRawBufferPointer {
        precondition(recordCount > 0, "a batch without records is no batch")
        return seal(
            as: header(
                attributes: attributes,
                producerID: producerID,
                producerEpoch: producerEpoch,
                baseSequence: baseSequence,
                baseOffset: baseOffset,
                leaderEpoch: leaderEpoch
            )
        )
    }

    /// The header of the records so far.
    func header(
        attributes: BatchAttributes,
        producerID: ProducerID,
        producerEpoch: ProducerEpoch,
        baseSequence: SequenceNumber,
        baseOffset: Offset,
        leaderEpoch: LeaderEpoch
    ) -> RecordBatchHeader {
        RecordBatchHeader(
            baseOffset: baseOffset,
            leaderEpoch: leaderEpoch,
            attributes: attributes,
            lastOffsetDelta: recordCount - 1,
            baseTimestamp: Timestamp(baseTimestamp),
            maxTimestamp: Timestamp(maxTimestamp),
            producerID: producerID,
            producerEpoch: producerEpoch,
            baseSequence: baseSequence,
            recordCount: recordCount
        )
    }

    /// The records so far, without the header.
    public var recordBlock: UnsafeRawBufferPointer {
        let header = RecordBatchLayout.headerByteCount
        return UnsafeRawBufferPointer(start: base + header, count: byteCount - header)
    }
}

/// The header fields of a batch that is being made.
public struct RecordBatchHeader: Equatable, Sendable {
    public var baseOffset: Offset
    public var leaderEpoch: LeaderEpoch
    public var attributes: BatchAttributes
    public var lastOffsetDelta: Int32
    public var baseTimestamp: Timestamp
    public var maxTimestamp: Timestamp
    public var producerID: ProducerID
    public var producerEpoch: ProducerEpoch
    public var baseSequence: SequenceNumber
    public var recordCount: Int32

    public init(
        baseOffset: Offset,
        leaderEpoch: LeaderEpoch,
        attributes: BatchAttributes,
        lastOffsetDelta: Int32,
        baseTimestamp: Timestamp,
        maxTimestamp: Timestamp,
        producerID: ProducerID,
        producerEpoch: ProducerEpoch,
        baseSequence: SequenceNumber,
        recordCount: Int32
    ) {
        self.baseOffset = baseOffset
        self.leaderEpoch = leaderEpoch
        self.attributes = attributes
        self.lastOffsetDelta = lastOffsetDelta
        self.baseTimestamp = baseTimestamp
        self.maxTimestamp = maxTimestamp
        self.producerID = producerID
        self.producerEpoch = producerEpoch
        self.baseSequence = baseSequence
        self.recordCount = recordCount
    }

    /// The header of a batch at hand.
    public init(of batch: RecordBatchView) {
        self.init(
            baseOffset: batch.baseOffset,
            leaderEpoch: batch.leaderEpoch,
            attributes: batch.attributes,
            lastOffsetDelta: batch.lastOffsetDelta,
            baseTimestamp: batch.baseTimestamp,
            maxTimestamp: batch.maxTimestamp,
            producerID: batch.producerID,
            producerEpoch: batch.producerEpoch,
            baseSequence: batch.baseSequence,
            recordCount: batch.recordCount
        )
    }

    /// Writes the header in front of the records that `batch` (header space and records) already
    /// holds, length and CRC included.
    public func write(to batch: UnsafeMutableRawBufferPointer) {
        precondition(batch.count >= RecordBatchLayout.headerByteCount, "no room for a header")
        // SAFETY: the count, hence a base, was checked above.
        let p = UnsafeMutableRawPointer(batch.baseAddress.unsafelyUnwrapped)
        p.storeBigEndian(baseOffset.rawValue, at: RecordBatchLayout.baseOffset)
        p.storeBigEndian(
            Int32(batch.count - RecordBatchLayout.lengthPrefixByteCount),
            at: RecordBatchLayout.length
        )
        p.storeBigEndian(leaderEpoch.rawValue, at: RecordBatchLayout.leaderEpoch)
        p.storeBytes(
            of: RecordBatchLayout.magicValue,
            toByteOffset: RecordBatchLayout.magic,
            as: UInt8.self
        )
        p.storeBigEndian(attributes.rawValue, at: RecordBatchLayout.attributes)
        p.storeBigEndian(lastOffsetDelta, at: RecordBatchLayout.lastOffsetDelta)
        p.storeBigEndian(baseTimestamp.rawValue, at: RecordBatchLayout.baseTimestamp)
        p.storeBigEndian(maxTimestamp.rawValue, at: RecordBatchLayout.maxTimestamp)
        p.storeBigEndian(producerID.rawValue, at: RecordBatchLayout.producerID)
        p.storeBigEndian(producerEpoch.rawValue, at: RecordBatchLayout.producerEpoch)
        p.storeBigEndian(baseSequence.rawValue, at: RecordBatchLayout.baseSequence)
        p.storeBigEndian(recordCount, at: RecordBatchLayout.recordCount)
        let summed = UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(batch)[RecordBatchLayout.attributes...]
        )
        p.storeBigEndian(crc32c(summed), at: RecordBatchLayout.checksum)
    }
}
