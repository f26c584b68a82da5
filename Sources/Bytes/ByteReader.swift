/// Reads the fields of a Kafka message one after the other, for messages off the hot path.
///
/// No read goes past the end, and every count is held against the bytes left before anything is
/// allocated. "Compact" lengths are unsigned varints of n+1, 0 standing for null; the old ones are
/// big-endian integers, any negative one standing for null.
public struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    /// What arrays may still take; nil for a reader of bytes that are trusted.
    private var memoryLeft: Int?
    /// Bytes read so far.
    public private(set) var position = 0

    /// A reader of `bytes`, which must outlive it.
    public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// A reader of `bytes`, which must outlive it, that gives up with `.tooManyElements` where
    /// arrays would take more than `memoryByteLimit` bytes: what is in them, and
    /// `elementByteCount` for each element, as much as is later made of one.
    public init(_ bytes: UnsafeRawBufferPointer, memoryByteLimit: Int) {
        self.bytes = bytes
        memoryLeft = memoryByteLimit
    }

    /// What an element of an array is counted with, beside its own size.
    public static let elementByteCount = 256

    private mutating func charge(_ count: Int, ofSize size: Int) throws(WireError) {
        guard let left = memoryLeft else { return }
        // No count is larger than the bytes that it came in.
        let cost = count.multipliedReportingOverflow(by: size + Self.elementByteCount)
        guard !cost.overflow, cost.partialValue <= left else { throw .tooManyElements(count) }
        memoryLeft = left - cost.partialValue
    }

    /// Bytes not yet read.
    public var byteCountLeft: Int { bytes.count - position }
    /// Whether everything was read.
    public var isAtEnd: Bool { position == bytes.count }

    /// A big-endian integer.
    public mutating func readInteger<Integer: FixedWidthInteger>(
        _ type: Integer.Type = Integer.self
    ) throws(WireError) -> Integer {
        let size = MemoryLayout<Integer>.size
        guard byteCountLeft >= size else { throw .truncated }
        let value = bytes.loadUnaligned(fromByteOffset: position, as: type)
        position += size
        return Integer(bigEndian: value)
    }

    /// A byte, any but 0 being true.
    public mutating func readBool() throws(WireError) -> Bool { try readInteger(UInt8.self) != 0 }

    /// An IEEE double, big-endian.
    public mutating func readDouble() throws(WireError) -> Double {
        Double(bitPattern: try readInteger())
    }

    /// Sixteen bytes.
    public mutating func readUniqueID() throws(WireError) -> UniqueID {
        UniqueID(high: try readInteger(), low: try readInteger())
    }

    /// An unsigned integer of one to five bytes; bits above the 32nd are dropped.
    public mutating func readUnsignedVarint() throws(WireError) -> UInt32 {
        UInt32(truncatingIfNeeded: try readVariable(byteLimit: 5))
    }

    /// A zigzag integer of one to ten bytes.
    public mutating func readVarint() throws(WireError) -> Int64 {
        Varint.unzigzag(try readVariable(byteLimit: 10))
    }

    private mutating func readVariable(byteLimit: Int) throws(WireError) -> UInt64 {
        guard let base = bytes.baseAddress else { throw .truncated }
        var pointer = base + position
        let end = pointer + min(byteLimit, byteCountLeft)
        do throws(VarintError) {
            let value = try Varint.readUnsigned(&pointer, end: end)
            position = pointer - base
            return value
        } catch {
            throw byteCountLeft >= byteLimit ? .overlongInteger : .truncated
        }
    }

    /// The next `count` bytes, in place.
    public mutating func readSlice(_ count: Int) throws(WireError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= byteCountLeft else { throw .impossibleLength(Int64(count)) }
        let slice = UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
        position += count
        return slice
    }

    /// Text, or null; `isCompact` chooses the form of its length (16 bits in the old one).
    public mutating func readNullableString(isCompact: Bool) throws(WireError) -> String? {
        let length = isCompact ? try readCompactLength() : Int(try readInteger(Int16.self))
        guard length >= 0 else { return nil }
        guard length <= Int(Int16.max) else { throw .impossibleLength(Int64(length)) }
        let text = String(decoding: try readSlice(length), as: UTF8.self)
        // Repaired, bytes that are no text may have become more than can be written.
        guard text.utf8.count <= Int(Int16.max) else {
            throw .impossibleLength(Int64(text.utf8.count))
        }
        return text
    }

    /// Text; null is an error.
    public mutating func readString(isCompact: Bool) throws(WireError) -> String {
        guard let text = try readNullableString(isCompact: isCompact) else { throw .unexpectedNull }
        return text
    }

    /// Bytes, or null; `isCompact` chooses the form of their length (32 bits in the old one).
    public mutating func readNullableBytes(isCompact: Bool) throws(WireError) -> [UInt8]? {
        let length = isCompact ? try readCompactLength() : Int(try readInteger(Int32.self))
        guard length >= 0 else { return nil }
        return Array(try readSlice(length))
    }

    /// Bytes; null is an error.
    public mutating func readBytes(isCompact: Bool) throws(WireError) -> [UInt8] {
        guard let bytes = try readNullableBytes(isCompact: isCompact) else { throw .unexpectedNull }
        return bytes
    }

    /// The count of an array whose elements take a byte or more each, or nil for null.
    public mutating func readNullableCount(isCompact: Bool) throws(WireError) -> Int? {
        let count = isCompact ? try readCompactLength() : Int(try readInteger(Int32.self))
        guard count >= 0 else { return nil }
        guard count <= byteCountLeft else { throw .impossibleLength(Int64(count)) }
        return count
    }

    /// The count of an array; null is an error.
    public mutating func readCount(isCompact: Bool) throws(WireError) -> Int {
        guard let count = try readNullableCount(isCompact: isCompact) else { throw .unexpectedNull }
        return count
    }

    /// An array, or null.
    public mutating func readNullableArray<Element>(
        isCompact: Bool,
        _ readElement: (inout ByteReader) throws(WireError) -> Element
    ) throws(WireError) -> [Element]? {
        guard let count = try readNullableCount(isCompact: isCompact) else { return nil }
        try charge(count, ofSize: MemoryLayout<Element>.stride)
        var elements: [Element] = []
        for _ in 0..<count { elements.append(try readElement(&self)) }
        return elements
    }

    /// An array; null is an error.
    public mutating func readArray<Element>(
        isCompact: Bool,
        _ readElement: (inout ByteReader) throws(WireError) -> Element
    ) throws(WireError) -> [Element] {
        guard let elements = try readNullableArray(isCompact: isCompact, readElement) else {
            throw .unexpectedNull
        }
        return elements
    }

    /// The tag of the next tagged field and the size it claims.
    public mutating func readTagHeader() throws(WireError) -> (tag: UInt32, byteCount: Int) {
        (try readUnsignedVarint(), Int(try readUnsignedVarint()))
    }

    /// The number of tagged fields that follow; each takes two bytes or more.
    public mutating func readTagCount() throws(WireError) -> Int {
        let count = Int(try readUnsignedVarint())
        guard count <= byteCountLeft / 2 else { throw .impossibleLength(Int64(count)) }
        try charge(count, ofSize: MemoryLayout<RawTaggedField>.stride)
        return count
    }

    /// The content of a tagged field that no schema knows.
    public mutating func readUnknownTag(
        _ tag: UInt32,
        byteCount: Int
    ) throws(WireError) -> RawTaggedField {
        RawTaggedField(tag: tag, bytes: Array(try readSlice(byteCount)))
    }

    /// n from n+1; -1 for null, and for lengths above 2^31-1 as Kafka reads them.
    private mutating func readCompactLength() throws(WireError) -> Int {
        Int(Int32(bitPattern: try readUnsignedVarint() &- 1))
    }
}
