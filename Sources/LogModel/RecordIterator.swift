public import Bytes

/// Walks the records of one uncompressed block. Keep it in a local variable: it is a struct so
/// that nothing is allocated and nothing is checked twice.
public struct RecordIterator {
    @usableFromInline var position: UnsafeRawPointer
    @usableFromInline let end: UnsafeRawPointer
    @usableFromInline var index: Int32
    @usableFromInline let count: Int32

    /// The smallest record: length, attributes, two deltas, two lengths, header count.
    @usableFromInline static let minimumByteCount = 7
    /// What stands in front of the key where no number takes more than three bytes: length,
    /// attributes, two deltas, the key's length.
    @usableFromInline static let shortFieldsByteCount = 13

    /// The records in `block`, the uncompressed record block of `batch`.
    @inlinable
    public init(block: UnsafeRawBufferPointer, of batch: RecordBatchView) throws(RecordBatchError) {
        let count = batch.recordCount
        guard count >= 0, Int(count) <= block.count / Self.minimumByteCount else {
            throw .impossibleRecordCount(count)
        }
        // SAFETY: an empty block has a null base; any address will do, for nothing is read.
        position = block.baseAddress ?? batch.base
        // As in Kafka, nothing is looked at where no record is counted: compaction leaves such
        // batches, and produced ones are refused.
        end = position + (count == 0 ? 0 : block.count)
        index = 0
        self.count = count
    }

    /// The next record, or nil behind the last; bytes behind the last record are an error.
    ///
    /// Out of line it would hand over a record's eleven words through memory.
    @inlinable @inline(always)
    public mutating func next() throws(RecordBatchError) -> RecordView? {
        if let record = nextShort() { return record }
        return try nextOfAnySize()
    }

    /// The next record if it is good and none of its numbers takes more than three bytes, as nearly
    /// all are; nil for every other one, and behind the last.
    @inlinable @inline(__always)
    mutating func nextShort() -> RecordView? {
        guard let fields = shortFields() else { return nil }
        var p = fields.key
        let keyByteCount = Self.byteCount(ofLength: fields.keyLength)
        // So far nothing says that key and value end in the record: what is left behind them does.
        guard keyByteCount <= end - p - 3 else { return nil }
        let key = UnsafeRawBufferPointer(start: p, count: keyByteCount)
        p += keyByteCount
        guard let valueLength = Varint.readShort(&p) else { return nil }
        let valueByteCount = Self.byteCount(ofLength: valueLength)
        // A header count is one byte at least.
        guard valueByteCount < fields.end - p else { return nil }
        let value = UnsafeRawBufferPointer(start: p, count: valueByteCount)
        p += valueByteCount
        let headers = UnsafeRawBufferPointer(start: p, count: fields.end - p)
        if headers.count > 1 || p.load(as: UInt8.self) != 0 {
            guard Self.areGood(headers) else { return nil }
        }
        position = fields.end
        index &+= 1
        return RecordView(
            attributes: fields.attributes,
            timestampDelta: Varint.unzigzag(fields.timestampDelta),
            offsetDelta: Int32(truncatingIfNeeded: Varint.unzigzag(fields.offsetDelta)),
            key: fields.keyLength & 1 == 0 ? key : nil,
            value: valueLength & 1 == 0 ? value : nil,
            headers: headers
        )
    }

    /// What stands in front of a record's key, its numbers as they lie there.
    @usableFromInline
    struct ShortFields {
        @usableFromInline let attributes: UInt8
        @usableFromInline let timestampDelta: UInt64
        @usableFromInline let offsetDelta: UInt64
        @usableFromInline let keyLength: UInt64
        /// Where the key begins; it may lie behind the record's end.
        @usableFromInline let key: UnsafeRawPointer
        /// Where the record ends, which lies in the block.
        @usableFromInline let end: UnsafeRawPointer

        @inlinable @inline(__always)
        init(
            attributes: UInt8,
            timestampDelta: UInt64,
            offsetDelta: UInt64,
            keyLength: UInt64,
            key: UnsafeRawPointer,
            end: UnsafeRawPointer
        ) {
            self.attributes = attributes
            self.timestampDelta = timestampDelta
            self.offsetDelta = offsetDelta
            self.keyLength = keyLength
            self.key = key
            self.end = end
        }
    }

    /// The fields in front of the next key, with one check of bounds for all of them; nil where one
    /// takes more than three bytes, near the block's end and behind the last record.
    @inlinable @inline(__always)
    func shortFields() -> ShortFields? {
        guard index < count, end - position >= Self.shortFieldsByteCount else { return nil }
        var p = position
        guard let length = Varint.readShort(&p), length & 1 == 0 else { return nil }
        let byteCount = Int(truncatingIfNeeded: length &>> 1)
        guard byteCount >= 6, byteCount <= end - p else { return nil }
        let recordEnd = p + byteCount
        let attributes = p.load(as: UInt8.self)
        p += 1
        guard let timestampDelta = Varint.readShort(&p), let offsetDelta = Varint.readShort(&p),
            let keyLength = Varint.readShort(&p)
        else { return nil }
        return ShortFields(
            attributes: attributes,
            timestampDelta: timestampDelta,
            offsetDelta: offsetDelta,
            keyLength: keyLength,
            key: p,
            end: recordEnd
        )
    }

    /// The bytes behind a length as it lies there: none for a negative one, which is null.
    @inlinable @inline(__always)
    static func byteCount(ofLength length: UInt64) -> Int {
        length & 1 == 0 ? Int(truncatingIfNeeded: length &>> 1) : 0
    }

    @usableFromInline @inline(never)
    mutating func nextOfAnySize() throws(RecordBatchError) -> RecordView? {
        guard index < count else {
            guard position == end else { throw .trailingBytes(end - position) }
            return nil
        }
        do throws(VarintError) {
            let record = try readRecord()
            index &+= 1
            return record
        } catch {
            throw .malformedRecord(index: index)
        }
    }

    private mutating func readRecord() throws(VarintError) -> RecordView {
        var p = position
        let length = try Varint.read32(&p, end: end)
        guard length >= 6, length <= end - p else { throw .truncated }
        let recordEnd = p + Int(length)
        let attributes = p.load(as: UInt8.self)
        p += 1
        let timestampDelta = try Varint.read(&p, end: recordEnd)
        let offsetDelta = try Varint.read32(&p, end: recordEnd)
        let key = try Self.readBytes(&p, end: recordEnd)
        let value = try Self.readBytes(&p, end: recordEnd)
        let headers = UnsafeRawBufferPointer(start: p, count: recordEnd - p)
        guard headers.count > 0 else { throw .truncated }
        if headers.count > 1 || headers[0] != 0 { try Self.checkHeaders(headers) }
        position = recordEnd
        return RecordView(
            attributes: attributes,
            timestampDelta: timestampDelta,
            offsetDelta: offsetDelta,
            key: key,
            value: value,
            headers: headers
        )
    }

    /// Passes over the next record and returns its key; nil behind the last record, too. What is
    /// behind the key is not looked at.
    @inlinable @inline(always)
    public mutating func nextKey() throws(RecordBatchError) -> UnsafeRawBufferPointer? {
        if let (key, isNull) = nextShortKey() { return isNull ? nil : key }
        return try nextKeyOfAnySize()
    }

    @inlinable @inline(__always)
    mutating func nextShortKey() -> (key: UnsafeRawBufferPointer, isNull: Bool)? {
        guard let fields = shortFields() else { return nil }
        let byteCount = Self.byteCount(ofLength: fields.keyLength)
        guard byteCount <= fields.end - fields.key else { return nil }
        position = fields.end
        index &+= 1
        let key = UnsafeRawBufferPointer(start: fields.key, count: byteCount)
        return (key, fields.keyLength & 1 != 0)
    }

    @usableFromInline @inline(never)
    mutating func nextKeyOfAnySize() throws(RecordBatchError) -> UnsafeRawBufferPointer? {
        guard index < count else { return nil }
        do throws(VarintError) {
            let key = try readKey()
            index &+= 1
            return key
        } catch {
            throw .malformedRecord(index: index)
        }
    }

    private mutating func readKey() throws(VarintError) -> UnsafeRawBufferPointer? {
        var p = position
        let length = try Varint.read32(&p, end: end)
        guard length >= 6, length <= end - p else { throw .truncated }
        let recordEnd = p + Int(length)
        // The attributes.
        p += 1
        _ = try Varint.readUnsigned(&p, end: recordEnd)
        _ = try Varint.readUnsigned(&p, end: recordEnd)
        let key = try Self.readBytes(&p, end: recordEnd)
        position = recordEnd
        return key
    }

    /// A length (negative: null) and that many bytes.
    @inlinable @inline(__always)
    static func readBytes(
        _ p: inout UnsafeRawPointer,
        end: UnsafeRawPointer
    ) throws(VarintError) -> UnsafeRawBufferPointer? {
        let length = try Varint.read32(&p, end: end)
        guard length >= 0 else { return nil }
        guard length <= end - p else { throw .truncated }
        let bytes = UnsafeRawBufferPointer(start: p, count: Int(length))
        p += Int(length)
        return bytes
    }

    @usableFromInline @inline(never)
    static func areGood(_ headers: UnsafeRawBufferPointer) -> Bool {
        do throws(VarintError) { try checkHeaders(headers) } catch { return false }
        return true
    }

    /// Walks a header block to its end, so that readers of it need no checks of their own.
    private static func checkHeaders(_ headers: UnsafeRawBufferPointer) throws(VarintError) {
        var iterator = RecordHeaderIterator(headers)
        while try iterator.nextChecked() != nil {}
        guard iterator.isAtEnd else { throw .truncated }
    }
}
