import Bytes
import LogModel

/// The aborted transactions of a segment, in the order in which they ended: what read_committed
/// readers are told to leave out. An entry lies in the segment of its marker.
///
///     2  version = 0
///     8  producer id
///     8  first offset of the transaction
///     8  offset of its marker
///     8  last stable offset when it ended
struct AbortedEntry: Equatable, Sendable {
    var producerID: ProducerID
    var firstOffset: Offset
    var lastOffset: Offset
    var lastStableOffset: Offset

    static let byteCount = 34

    var encoded: [UInt8] {
        var bytes: [UInt8] = [0, 0]
        for number in [
            producerID.rawValue, firstOffset.rawValue, lastOffset.rawValue,
            lastStableOffset.rawValue,
        ] { withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) } }
        return bytes
    }

    /// The entries of a file; nil if they make no sense for a segment that begins at `base`.
    static func decode(_ bytes: [UInt8], base: Offset) -> [AbortedEntry]? {
        guard bytes.count % byteCount == 0 else { return nil }
        var entries: [AbortedEntry] = []
        for start in stride(from: 0, to: bytes.count, by: byteCount) {
            let entry: AbortedEntry? = bytes.withUnsafeBytes { raw in
                guard let p = raw.baseAddress, p.bigEndian(Int16.self, at: start) == 0 else {
                    return nil
                }
                return AbortedEntry(
                    producerID: ProducerID(p.bigEndian(at: start + 2)),
                    firstOffset: Offset(p.bigEndian(at: start + 10)),
                    lastOffset: Offset(p.bigEndian(at: start + 18)),
                    lastStableOffset: Offset(p.bigEndian(at: start + 26))
                )
            }
            guard let entry, entry.lastOffset >= base, entry.firstOffset <= entry.lastOffset,
                entries.last.map({ $0.lastOffset < entry.lastOffset }) ?? true
            else { return nil }
            entries.append(entry)
        }
        return entries
    }
}
