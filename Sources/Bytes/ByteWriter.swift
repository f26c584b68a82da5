/// Writes the fields of a Kafka message one after the other, for messages off the hot path.
///
/// What cannot be written (text longer than its length field can say) is remembered and thrown by
/// `finish()`, so that the writing itself reads like the format.
public struct ByteWriter {
    private var bytes: [UInt8] = []
    private var failure: WireError?
    /// What comes before `bytes`, in order.
    private var pieces: [[UInt8]] = []
    /// Whether long byte fields become pieces of their own.
    private let gathers: Bool

    public init() { gathers = false }

    /// A writer that does not copy long byte fields: `finishPieces` gives them as they came.
    public init(gathering gathers: Bool) { self.gathers = gathers }

    /// From here on a byte field is a piece of its own.
    private static let pieceByteCount = 4096

    /// Bytes written so far.
    public var byteCount: Int { pieces.reduce(bytes.count) { $0 + $1.count } }

    /// The message, or why there is none.
    public consuming func finish() throws(WireError) -> [UInt8] {
        if let failure { throw failure }
        return pieces.isEmpty ? bytes : Array(pieces.joined()) + bytes
    }

    /// The message in pieces that belong one behind the other, or why there is none.
    public consuming func finishPieces() throws(WireError) -> [[UInt8]] {
        if let failure { throw failure }
        return bytes.isEmpty ? pieces : pieces + [bytes]
    }

    /// Makes `finish()` throw `error`, unless an earlier one was noted.
    public mutating func fail(_ error: WireError) {
        if failure == nil { failure = error }
    }

    /// A big-endian integer.
    public mutating func writeInteger<Integer: FixedWidthInteger>(_ value: Integer) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// A byte, 1 for true.
    public mutating func writeBool(_ value: Bool) { bytes.append(value ? 1 : 0) }

    /// An IEEE double, big-endian.
    public mutating func writeDouble(_ value: Double) { writeInteger(value.bitPattern) }

    /// Sixteen bytes.
    public mutating func writeUniqueID(_ value: UniqueID) {
        writeInteger(value.high)
        writeInteger(value.low)
    }

    /// An unsigned integer of variable length.
    public mutating func writeUnsignedVarint(_ value: UInt32) {
        Varint.appendUnsigned(UInt64(value), to: &bytes)
    }

    /// A zigzag integer of variable length.
    public mutating func writeVarint(_ value: Int64) { Varint.append(value, to: &bytes) }

    /// Bytes as they are, without a length.
    public mutating func writeRaw(_ content: some Sequence<UInt8>) {
        bytes.append(contentsOf: content)
    }

    /// Text or null, with a compact length or one of 16 bits.
    public mutating func writeString(_ value: String?, isCompact: Bool) {
        guard let value else {
            if isCompact { writeUnsignedVarint(0) } else { writeInteger(Int16(-1)) }
            return
        }
        let count = value.utf8.count
        guard count <= Int(Int16.max) else { return fail(.tooLong(count)) }
        if isCompact { writeUnsignedVarint(UInt32(count + 1)) } else { writeInteger(Int16(count)) }
        bytes.append(contentsOf: value.utf8)
    }

    /// Bytes or null, with a compact length or one of 32 bits.
    public mutating func writeBytes(_ value: [UInt8]?, isCompact: Bool) {
        writeCount(value?.count, isCompact: isCompact)
        guard let value else { return }
        guard gathers, value.count >= Self.pieceByteCount else {
            return bytes.append(contentsOf: value)
        }
        pieces.append(bytes)
        pieces.append(value)
        bytes = []
    }

    /// The count of an array, nil for null, compact or in 32 bits.
    public mutating func writeCount(_ count: Int?, isCompact: Bool) {
        let count = count ?? -1
        guard count < Int(Int32.max) else { return fail(.tooLong(count)) }
        if isCompact { writeUnsignedVarint(UInt32(count + 1)) } else { writeInteger(Int32(count)) }
    }

    /// The tagged fields of a struct, in ascending order.
    public mutating func writeTags(_ fields: [RawTaggedField]) {
        writeUnsignedVarint(UInt32(fields.count))
        for field in fields.sorted(by: { $0.tag < $1.tag }) {
            writeUnsignedVarint(field.tag)
            writeUnsignedVarint(UInt32(field.bytes.count))
            bytes.append(contentsOf: field.bytes)
        }
    }

    /// A tagged field whose content `write` makes; its failure becomes this writer's.
    public mutating func makeTag(
        _ tag: UInt32,
        _ write: (inout ByteWriter) -> Void
    ) -> RawTaggedField {
        var content = ByteWriter()
        write(&content)
        if let failure = content.failure { fail(failure) }
        return RawTaggedField(tag: tag, bytes: content.bytes)
    }
}
