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
        // Comparisons that nearly always come out the same cost less than a division.
        if value < 0x80 { return 1 }
        if value < 0x4000 { return 2 }
        if value < 0x20_0000 { return 3 }
        return (70 &- value.leadingZeroBitCount) / 7
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
        } else if value < 0x20_0000 {
            let both = UInt16(truncatingIfNeeded: (value & 0x7f) | 0x8080 | (value & 0x3f80) &<< 1)
            pointer.storeBytes(of: both.littleEndian, as: UInt16.self)
            pointer.storeBytes(
                of: UInt8(truncatingIfNeeded: value &>> 14),
                toByteOffset: 2,
                as: UInt8.self
            )
            pointer += 3
        } else {
            pointer = writeLong(value, at: pointer)
        }
    }

    @usableFromInline @inline(never)
    static func writeLong(
        _ value: UInt64,
        at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        // A pointer that is lent out of line lies in memory from then on, and costs everybody.
        var pointer = start
        var rest = value
        while rest >= 0x80 {
            pointer.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, as: UInt8.self)
            pointer += 1
            rest &>>= 7
        }
        pointer.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
        return pointer + 1
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
        let (whole, rest) = try readRest(pointer, end: end, value: value)
        pointer = rest
        return whole
    }

    /// Reads an unsigned form of one to three bytes and advances `pointer`; nil for a longer one.
    /// The caller has checked that three bytes are there.
    @inlinable @inline(__always)
    public static func readShort(_ pointer: inout UnsafeRawPointer) -> UInt64? {
        let first = UInt64(pointer.load(as: UInt8.self))
        if first < 0x80 {
            pointer += 1
            return first
        }
        let second = UInt64(pointer.load(fromByteOffset: 1, as: UInt8.self))
        if second < 0x80 {
            pointer += 2
            return (first & 0x7f) | second &<< 7
        }
        let third = UInt64(pointer.load(fromByteOffset: 2, as: UInt8.self))
        guard third < 0x80 else { return nil }
        pointer += 3
        return (first & 0x7f) | (second & 0x7f) &<< 7 | third &<< 14
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
        _ start: UnsafeRawPointer,
        end: UnsafeRawPointer,
        value: UInt64
    ) throws(VarintError) -> (value: UInt64, rest: UnsafeRawPointer) {
        // As in `writeLong`.
        var pointer = start
        var value = value
        var shift: UInt64 = 14
        while true {
            guard pointer < end else { throw .truncated }
            guard shift < 70 else { throw .overlong }
            let byte = UInt64(pointer.load(as: UInt8.self))
            pointer += 1
            value |= (byte & 0x7f) &<< shift
            if byte < 0x80 { return (value, pointer) }
            shift += 7
        }
    }
}
