/// Record batch v2, the one unit in which records are stored, sent and checked.
///
///     offset  bytes  field
///          0      8  base offset              assigned by the log      ┐ outside
///          8      4  length of what follows   (batch size - 12)        │ the CRC
///         12      4  partition leader epoch   assigned by the log      │
///         16      1  magic = 2                                         │
///         17      4  CRC-32C of byte 21 to the end                     ┘
///         21      2  attributes               see `BatchAttributes`
///         23      4  last offset delta
///         27      8  base timestamp           (delete horizon if bit 6 is set)
///         35      8  max timestamp
///         43      8  producer id              -1: none
///         51      2  producer epoch
///         53      4  base sequence
///         57      4  record count
///         61      …  records, compressed as one block
public enum RecordBatchLayout {
    public static let baseOffset = 0
    public static let length = 8
    public static let leaderEpoch = 12
    public static let magic = 16
    public static let checksum = 17
    public static let attributes = 21
    public static let lastOffsetDelta = 23
    public static let baseTimestamp = 27
    public static let maxTimestamp = 35
    public static let producerID = 43
    public static let producerEpoch = 51
    public static let baseSequence = 53
    public static let recordCount = 57
    /// Bytes of the header; the records follow.
    public static let headerByteCount = 61
    /// Bytes in front of what `length` counts.
    public static let lengthPrefixByteCount = 12
    /// The smallest length that any record format has, v0 and v1 included: their magic, too, is at
    /// byte 16.
    public static let minimumLength = 14
    /// The magic number of this format.
    public static let magicValue: UInt8 = 2
}

/// The 16 attribute bits of a batch.
public struct BatchAttributes: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Bits 0–2. 5 to 7 are no codec.
    @inlinable public var codecNumber: UInt8 { UInt8(rawValue & 0x07) }
    /// Bit 3: every record has the batch's max timestamp, which the log assigned.
    @inlinable public var isLogAppendTime: Bool { rawValue & 0x08 != 0 }
    /// Bit 4.
    @inlinable public var isTransactional: Bool { rawValue & 0x10 != 0 }
    /// Bit 5: the batch holds one control record.
    @inlinable public var isControl: Bool { rawValue & 0x20 != 0 }
    /// Bit 6: the base timestamp is the time after which tombstones and markers may go.
    @inlinable public var hasDeleteHorizon: Bool { rawValue & 0x40 != 0 }

    public init(
        codec: CompressionCodec = .none,
        isLogAppendTime: Bool = false,
        isTransactional: Bool = false,
        isControl: Bool = false,
        hasDeleteHorizon: Bool = false
    ) {
        rawValue =
            UInt16(codec.rawValue) | (isLogAppendTime ? 0x08 : 0) | (isTransactional ? 0x10 : 0)
            | (isControl ? 0x20 : 0) | (hasDeleteHorizon ? 0x40 : 0)
    }
}

/// How the records of a batch are compressed; the number is the one of the batch's attributes.
public enum CompressionCodec: UInt8, CaseIterable, Sendable {
    case none = 0
    case gzip = 1
    case snappy = 2
    case lz4 = 3
    case zstd = 4
}

/// Why bytes are no good record batch.
public enum RecordBatchError: Error, Equatable, Sendable {
    /// Fewer bytes than the header, or than the length in it, needs.
    case truncated(needed: Int, available: Int)
    /// A length that no batch can have.
    case impossibleLength(Int32)
    /// Another format: message sets v0 and v1, or none at all.
    case unsupportedMagic(UInt8)
    /// The CRC-32C in the header is not that of the bytes.
    case checksumMismatch(stored: UInt32, computed: UInt32)
    /// Attribute bits 0–2 name no codec.
    case unknownCodec(UInt8)
    /// The records are compressed where only plain ones can be read.
    case compressedRecords
    /// The compressed block does not decompress, or grows past the limit.
    case damagedCompression(CompressionCodec)
    /// The record with this position in the batch is malformed.
    case malformedRecord(index: Int32)
    /// Bytes remain behind the last counted record.
    case trailingBytes(Int)
    /// A negative record count, or one that the bytes cannot hold.
    case impossibleRecordCount(Int32)
    /// A negative base offset or last offset delta, or offsets beyond 64 bits.
    case impossibleOffsets(base: Int64, lastDelta: Int32)
    /// More bytes than a batch may have, see `BatchLimit`.
    case tooLarge(byteCount: Int)
}

extension RecordBatchError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated(let needed, let available):
            "a batch of \(needed) bytes of which \(available) are there"
        case .impossibleLength(let length): "a batch length of \(length)"
        case .unsupportedMagic(let magic): "magic \(magic), where 2 is known"
        case .checksumMismatch(let stored, let computed):
            "the checksum is \(stored), that of the bytes \(computed)"
        case .unknownCodec(let number): "compression codec \(number), which does not exist"
        case .compressedRecords: "compressed records where plain ones are expected"
        case .damagedCompression(let codec):
            "the \(codec) block does not decompress, or has more than "
                + "\(BatchLimit.recordByteCount) bytes then"
        case .malformedRecord(let index): "record \(index) of the batch is malformed"
        case .trailingBytes(let count): "\(count) bytes behind the last record"
        case .impossibleRecordCount(let count): "a record count of \(count)"
        case .impossibleOffsets(let base, let lastDelta):
            "a base offset of \(base) with a last one \(lastDelta) behind it"
        case .tooLarge(let byteCount):
            "\(byteCount) bytes, where a batch may have \(BatchLimit.byteCount)"
        }
    }
}
