import Bytes
import LogModel

/// The sidecar `durable-offset` of a partition: a lower bound of what was flushed, and the log
/// start. It is written after each successful flush, without a flush of its own, so it never
/// claims too much: exact after a kill, a lower bound after a power loss. Recovery cuts nothing
/// below it. (The log start in it is flushed when it moves.)
///
///      0  8  everything below this offset was flushed
///      8  8  log start offset
///     16  4  CRC-32C of the bytes before
struct DurableMark: Equatable, Sendable {
    var durable: Offset
    var logStart: Offset

    static let fileName = "durable-offset"
    static let byteCount = 20

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: durable.rawValue.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: logStart.rawValue.bigEndian) { bytes.append(contentsOf: $0) }
        let checksum = bytes.withUnsafeBytes { crc32c($0) }
        withUnsafeBytes(of: checksum.bigEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    init(durable: Offset, logStart: Offset) {
        self.durable = durable
        self.logStart = logStart
    }

    /// The mark in a file's bytes; nil if they are none.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        let fields = bytes.withUnsafeBytes { raw -> (Int64, Int64)? in
            guard let p = raw.baseAddress,
                crc32c(UnsafeRawBufferPointer(rebasing: raw[..<16]))
                    == p.bigEndian(UInt32.self, at: 16)
            else { return nil }
            return (p.bigEndian(at: 0), p.bigEndian(at: 8))
        }
        guard let fields, fields.0 >= 0, fields.1 >= 0 else { return nil }
        self.init(durable: Offset(fields.0), logStart: Offset(fields.1))
    }
}
