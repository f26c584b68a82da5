import Bytes

/// The first block of a journal file. Written anew when the file is used again, with the first
/// group that goes into it.
///
///      0  8  magic "MILLRJNL"
///      8  4  format: 3; 2 had 32 bytes below the CRC, 1 had 24
///     12  4  CRC-32C of the 40 bytes that follow
///     16  8  sequence of the first group in this file
///     24  8  bytes of the file
///     32  8  sequence below which everything had been written back when this was written
///     40  8  bytes up to which the file was filled and flushed before: it is never shorter
///     48  8  salt: a random number for each use of the file, which every group in it repeats
struct JournalFileHeader: Equatable, Sendable {
    static let byteCount = 4096
    private static let magic: UInt64 = 0x4D49_4C4C_524A_4E4C
    private static let format: UInt32 = 3
    /// The format whose groups have no salt.
    private static let saltlessFormat: UInt32 = 2
    /// The one that does not say how long the file is either.
    private static let shortFormat: UInt32 = 1

    var firstSequence: UInt64
    var fileByteCount: Int64
    var replayFrom: UInt64
    /// 0 where the header does not tell.
    var filledByteCount: Int64 = 0
    /// Nil where groups have none.
    var salt: UInt64?

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        func put<Integer: FixedWidthInteger>(_ value: Integer) {
            withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
        }
        put(Self.magic)
        put(salt == nil ? Self.saltlessFormat : Self.format)
        put(UInt32(0))
        put(firstSequence)
        put(fileByteCount)
        put(replayFrom)
        put(filledByteCount)
        if let salt { put(salt) }
        let checksum = bytes[16...].withUnsafeBytes { crc32c($0) }
        withUnsafeBytes(of: checksum.bigEndian) { bytes.replaceSubrange(12..<16, with: $0) }
        bytes.append(contentsOf: repeatElement(0, count: Self.byteCount - bytes.count))
        return bytes
    }

    init(
        firstSequence: UInt64,
        fileByteCount: Int64,
        replayFrom: UInt64,
        filledByteCount: Int64 = 0,
        salt: UInt64?
    ) {
        self.firstSequence = firstSequence
        self.fileByteCount = fileByteCount
        self.replayFrom = replayFrom
        self.filledByteCount = filledByteCount
        self.salt = salt
    }

    /// The header at the start of a file; nil for bytes that are none.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 56, let p = bytes.baseAddress,
            p.bigEndian(UInt64.self, at: 0) == Self.magic
        else { return nil }
        let end: Int
        switch p.bigEndian(UInt32.self, at: 8) {
        case Self.format: end = 56
        case Self.saltlessFormat: end = 48
        case Self.shortFormat: end = 40
        default: return nil
        }
        guard
            p.bigEndian(UInt32.self, at: 12)
                == crc32c(UnsafeRawBufferPointer(rebasing: bytes[16..<end]))
        else { return nil }
        if end >= 48 { filledByteCount = p.bigEndian(Int64.self, at: 40) }
        if end >= 56 { salt = p.bigEndian(UInt64.self, at: 48) }
        firstSequence = p.bigEndian(UInt64.self, at: 16)
        fileByteCount = p.bigEndian(Int64.self, at: 24)
        replayFrom = p.bigEndian(UInt64.self, at: 32)
        guard firstSequence < UInt64.max / 2, fileByteCount >= Int64(Self.byteCount) else {
            return nil
        }
    }
}
