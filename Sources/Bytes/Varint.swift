/// Why a variable-length integer cannot be read.
public enum VarintError: Error, Equatable, Sendable {
    /// The bytes end inside the integer.
    case truncated
    /// More bytes than the type can need (5 for 32 bits, 10 for 64).
    case overlong
}

/// Variable-length integers as Kafka writes them: seven bits a byte, lowest first; signed ones
/// in zigzag order.
public enum Varint {
    /// The bytes that the unsigned form of `value` takes: 1 to 10.
    @inlinable @inline(__always)
    public static func byteCount(unsigned value: UInt64) -> Int {
        (70 &- (value | 1).leadingZeroBitCount) / 7
    }

    /// The bytes that the zigzag form of `value` takes: 1 to 10.
    @inlinable @inline(__always)
    public static func byteCount(_ value: Int64) -> Int { byteCount(unsigned: zigzag(value)) }

    /// Maps small magnitudes of either sign to small unsigned numbers.
    @inlinable @inline(__always)
    public static func zigzag(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: (value &<< 1) ^ (value &>> 63))
    }

    /// The inverse of `zigzag`.
    @inlinable @inline(__always)
    public static func unzigzag(_ value: UInt64) -> Int64 {
        Int64(bitPattern: (value &>> 1) ^ (0 &- (value & 1)))
    }

    /// Writes the zigzag form at `pointer` and advances it. The caller has reserved 10 bytes.
    @inlinable @inline(__always)
    public static func write(_ value: Int64, to pointer: inout UnsafeMutableRawPointer) {
        writeUnsigned(zigzag(value), to: &pointer)
    }

    /// Writes the unsigned form at `pointer` and advances it. The caller has reserved 10 bytes.
    @inlinable @inline(__always)
    public static func writeUnsigned(_ value: UInt64, to pointer: inout UnsafeMutableRawPointer) {
        if value < 0x80 {
            pointer.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
            pointer += 1
        } else if value < 0x4000 {
            let both = UInt16(truncatingIfNeeded: (value & 0x7f) | 0x80 | (value &>> 7) &<< 8)
            pointer.storeBytes(of: both.littleEndian, as: UInt16.self)
            pointer += 2
        } else {
            writeLong(value, to: &pointer)
        }
    }

    @inlinable @inline(__always)
    static func writeLong(_ value: UInt64, to pointer: inout UnsafeMutableRawPointer) {
        var rest = value
        while rest >= 0x80 {
            pointer.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, as: UInt8.self)
            pointer += 1
            rest &>>= 7
        }
        pointer.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
        pointer += 1
    }

    /// Appends the zigzag form to `bytes`.
    public static func append(_ value: Int64, to bytes: inout [UInt8]) {
        appendUnsigned(zigzag(value), to: &bytes)
    }

    /// Appends the unsigned form to `bytes`.
    public static func appendUnsigned(_ value: UInt64, to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: 10, alignment: 1) { buffer in
            guard let base = buffer.baseAddress else { return }
            var end = base
            writeUnsigned(value, to: &end)
            bytes.append(contentsOf: buffer[..<(end - base)])
        }
    }

    /// Reads a zigzag integer of at most 64 bits and advances `pointer`.
    @inlinable @inline(__always)
    public static func read(
        _ pointer: inout UnsafeRawPointer,
        end: UnsafeRawPointer
    ) throws(VarintError) -> Int64 {
        unzigzag(try readUnsigned(&pointer, end: end))
    }

    /// Reads a zigzag integer of at most five bytes and advances `pointer`; bits above the 32nd are
    /// dropped as Kafka does.
    @inlinable @inline(__always)
    public static func read32(
        _ pointer: inout UnsafeRawPointer,
        end: UnsafeRawPointer
    ) throws(VarintError) -> Int32 {
        let start = pointer
        let value = UInt32(truncatingIfNeeded: try readUnsigned(&pointer, end: end))
        guard pointer - start <= 5 else { throw .overlong }
        return Int32(bitPattern: (value &>> 1) ^ (0 &- (value & 1)))
    }

    /// Reads an unsigned integer of at most 64 bits and advances `pointer`.
    @inlinable @inline(__always)
    public static func readUnsigned(
        _ pointer: inout UnsafeRawPointer,
        end: UnsafeRawPointer
    ) throws(VarintError) -> UInt64 {
        guard pointer < end else { throw .truncated }
        let first = UInt64(pointer.load(as: UInt8.self))
        pointer += 1
        if first < 0x80 { return first }
        guard pointer < end else { throw .truncated }
        let second = UInt64(pointer.load(as: UInt8.self))
        pointer += 1
        let value = (first & 0x7f) | (second & 0x7f) &<< 7
        if second < 0x80 { return value }
        return try readRest(&pointer, end: end, value: value)
    }

    /// Reads an unsigned integer of at most 32 bits; bits above the 32nd are dropped as Kafka does.
    public static func readUnsigned32(
        _ pointer: inout UnsafeRawPointer,
        end: UnsafeRawPointer
    ) throws(VarintError) -> UInt32 {
        let start = pointer
        let value = try readUnsigned(&pointer, end: end)
        guard pointer - start <= 5 else { throw .overlong }
        return UInt32(truncatingIfNeeded: value)
    }

    @usableFromInline @inline(never)
    static func readRest(
        _ pointer: inout UnsafeRawPointer,
        end: UnsafeRawPointer,
        value: UInt64
    ) throws(VarintError) -> UInt64 {
        var value = value
        var shift: UInt64 = 14
        while true {
            guard pointer < end else { throw .truncated }
            guard shift < 70 else { throw .overlong }
            let byte = UInt64(pointer.load(as: UInt8.self))
            pointer += 1
            value |= (byte & 0x7f) &<< shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }
}
