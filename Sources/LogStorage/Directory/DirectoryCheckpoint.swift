import Bytes
package import LogModel

/// A place in a partition's log.
package struct LogPlace: Equatable, Sendable {
    package var offset: Offset
    /// The segment that ends, or goes on, there.
    package var segment: Offset
    /// The byte in that segment's file.
    package var position: Int64

    package init(offset: Offset, segment: Offset, position: Int64) {
        self.offset = offset
        self.segment = segment
        self.position = position
    }

    package static let zero = LogPlace(offset: .zero, segment: .zero, position: 0)
}

/// What was written back of one partition.
struct PartitionCheckpoint: Equatable, Sendable {
    /// What the start that wrote this could not settle.
    enum Doubt: UInt8, Sendable {
        case none = 0
        /// Where the log ends is not known: nothing of it may be cut.
        case endUnknown = 1
        /// The journal was damaged where it told of this partition.
        case recordsMissing = 2
        /// What lies behind was acknowledged with relaxed durability, whatever the topic's is now.
        case tailRelaxed = 3
        /// The directory was closed with bytes behind, which were never acknowledged.
        case tailUnacknowledged = 4

        /// Whether a start cuts what lies behind.
        var cutsTail: Bool { self == .none || self == .tailUnacknowledged }
    }

    /// Everything below was flushed in the segments themselves: the recovery point.
    var place: LogPlace
    var logStart: Offset
    /// The last stable offset there: below `place` where a transaction was open.
    var lastStable: Offset
    /// How many transactions the segment's transaction index had there.
    var abortedCount: UInt32 = 0
    /// The producers there, as in a snapshot file; nil where they are many: then in that file.
    var snapshot: [UInt8]?

    /// The closed segments below `place.segment`, by offset.
    var sealed: [SealedSegment] = []

    /// Snapshots up to this size need no file of their own.
    static let inlineSnapshotByteCount = 1024
    var doubt = Doubt.none

    static let zero = PartitionCheckpoint(place: .zero, logStart: .zero, lastStable: .zero)
}

/// What the index files of a closed segment said when they were written back: entries that were
/// lost since are told by it. As long as the segment has this length; a cleaner makes it anew.
struct SealedSegment: Equatable, Sendable {
    var base: Offset
    var byteCount: Int64
    var largestTimestamp: Timestamp
    var abortedCount: UInt32

    static let byteCount = 28

    init(_ segment: Segment) {
        base = segment.baseOffset
        byteCount = segment.byteCount
        largestTimestamp = segment.largestTimestamp
        abortedCount = UInt32(clamping: segment.aborted.count)
    }

    init(_ p: UnsafeRawPointer) {
        base = Offset(p.bigEndian(at: 0))
        byteCount = p.bigEndian(at: 8)
        largestTimestamp = Timestamp(p.bigEndian(at: 16))
        abortedCount = p.bigEndian(at: 24)
    }

    /// Whether these are index files of the segment as it was.
    func allows(_ index: SegmentIndex, _ aborted: [AbortedEntry], byteCount: Int64) -> Bool {
        self.byteCount != byteCount
            || index.largestTimestamp == largestTimestamp && aborted.count == Int(abortedCount)
    }
}

/// `.millrace/checkpoint`: up to where the segments stand for themselves. What lies behind, only
/// groups of the journal vouch for. Replaced in one step; a partition that it does not name is
/// empty there.
///
///      0  8  magic "MILLRCKP"
///      8  4  format: 1, or 2 where something follows that 1 does not have
///     12  4  CRC-32C of all that follows
///     16  8  sequence of the first group of the journal that counts
///     24  4  number of partitions
///     28  …  each: topic id (16), partition (4), offset (8), segment (8), position (8), log start
///            (8), last stable offset (8), entries of that segment's transaction index (4),
///            what is in doubt (1), bytes of the snapshot (2) and the snapshot; 0 bytes: in a file;
///            with format 2 the number of closed segments that are sealed (4), each: base offset
///            (8), bytes (8), largest timestamp (8), entries of its transaction index (4)
///      …  1  with format 2: whether `journal/held` must be there
struct DirectoryCheckpoint: Equatable, Sendable {
    static let fileName = "checkpoint"
    private static let magic: UInt64 = 0x4D49_4C4C_5243_4B50
    private static let plainFormat: UInt32 = 1
    private static let format: UInt32 = 2
    private static let headerByteCount = 28
    private static let entryByteCount = 67

    var replayFrom: UInt64 = 1
    var partitions: [PartitionKey: PartitionCheckpoint] = [:]
    /// What some partitions could not take is kept in the journal's folder, in a file of its own.
    var hasHeldGroups = false

    /// Whether the segments do not hold for themselves what a group says of a partition.
    func isBehind(_ entry: JournalEntry) -> Bool {
        guard let known = partitions[entry.partition] else { return true }
        return entry.end > known.place.offset || entry.logStart > known.logStart
    }

    private var isPlain: Bool {
        !hasHeldGroups && partitions.values.allSatisfy(\.sealed.isEmpty)
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerByteCount + partitions.count * Self.entryByteCount)
        func put<Integer: FixedWidthInteger>(_ value: Integer) {
            withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
        }
        put(Self.magic)
        let isPlain = isPlain
        put(isPlain ? Self.plainFormat : Self.format)
        put(UInt32(0))
        put(replayFrom)
        put(UInt32(partitions.count))
        for (key, value) in partitions.sorted(by: { $0.key < $1.key }) {
            put(key.topicID.high)
            put(key.topicID.low)
            put(key.partition.rawValue)
            put(value.place.offset.rawValue)
            put(value.place.segment.rawValue)
            put(value.place.position)
            put(value.logStart.rawValue)
            put(value.lastStable.rawValue)
            put(value.abortedCount)
            put(value.doubt.rawValue)
            put(UInt16(value.snapshot?.count ?? 0))
            bytes.append(contentsOf: value.snapshot ?? [])
            guard !isPlain else { continue }
            put(UInt32(value.sealed.count))
            for segment in value.sealed {
                put(segment.base.rawValue)
                put(segment.byteCount)
                put(segment.largestTimestamp.rawValue)
                put(segment.abortedCount)
            }
        }
        if !isPlain { put(UInt8(hasHeldGroups ? 1 : 0)) }
        let checksum = bytes[16...].withUnsafeBytes { crc32c($0) }
        withUnsafeBytes(of: checksum.bigEndian) { bytes.replaceSubrange(12..<16, with: $0) }
        return bytes
    }

    init() {}

    /// The checkpoint in a file's bytes; nil if they are none.
    init?(_ bytes: [UInt8]) {
        let decoded = bytes.withUnsafeBytes { Self.decode($0) }
        guard let decoded else { return nil }
        self = decoded
    }

    private static func decode(_ raw: UnsafeRawBufferPointer) -> DirectoryCheckpoint? {
        guard raw.count >= headerByteCount, let p = raw.baseAddress,
            p.bigEndian(UInt64.self, at: 0) == magic,
            p.bigEndian(UInt32.self, at: 12)
                == crc32c(UnsafeRawBufferPointer(rebasing: raw[16...]))
        else { return nil }
        let found = p.bigEndian(UInt32.self, at: 8)
        guard found == plainFormat || found == format else { return nil }
        let isPlain = found == plainFormat
        let count = Int(p.bigEndian(UInt32.self, at: 24))
        guard raw.count >= headerByteCount + count * entryByteCount else { return nil }
        var checkpoint = DirectoryCheckpoint()
        checkpoint.replayFrom = p.bigEndian(UInt64.self, at: 16)
        guard checkpoint.replayFrom < UInt64.max / 2 else { return nil }
        checkpoint.partitions.reserveCapacity(count)
        var at = headerByteCount
        for _ in 0..<count {
            guard raw.count - at >= entryByteCount else { return nil }
            let id = UniqueID(
                high: p.bigEndian(UInt64.self, at: at),
                low: p.bigEndian(UInt64.self, at: at + 8)
            )
            let number = PartitionIndex(p.bigEndian(Int32.self, at: at + 16))
            guard let doubt = PartitionCheckpoint.Doubt(rawValue: raw[at + 64]) else { return nil }
            var value = PartitionCheckpoint(
                place: LogPlace(
                    offset: Offset(p.bigEndian(Int64.self, at: at + 20)),
                    segment: Offset(p.bigEndian(Int64.self, at: at + 28)),
                    position: p.bigEndian(Int64.self, at: at + 36)
                ),
                logStart: Offset(p.bigEndian(Int64.self, at: at + 44)),
                lastStable: Offset(p.bigEndian(Int64.self, at: at + 52)),
                abortedCount: p.bigEndian(UInt32.self, at: at + 60),
                doubt: doubt
            )
            guard number.rawValue >= 0, value.place.segment >= .zero, value.place.position >= 0,
                value.place.offset >= value.place.segment, value.logStart >= .zero
            else { return nil }
            let snapshotByteCount = Int(p.bigEndian(UInt16.self, at: at + 65))
            at += entryByteCount
            guard raw.count - at >= snapshotByteCount else { return nil }
            if snapshotByteCount > 0 { value.snapshot = Array(raw[at..<at + snapshotByteCount]) }
            at += snapshotByteCount
            if !isPlain {
                guard let sealed = sealedSegments(raw, at: &at) else { return nil }
                value.sealed = sealed
            }
            checkpoint.partitions[PartitionKey(topicID: id, partition: number)] = value
        }
        if !isPlain {
            guard at < raw.count, raw[at] <= 1 else { return nil }
            checkpoint.hasHeldGroups = raw[at] == 1
            at += 1
        }
        return at == raw.count ? checkpoint : nil
    }

    private static func sealedSegments(
        _ raw: UnsafeRawBufferPointer,
        at place: inout Int
    ) -> [SealedSegment]? {
        guard let p = raw.baseAddress, raw.count - place >= 4 else { return nil }
        let count = Int(p.bigEndian(UInt32.self, at: place))
        place += 4
        guard (raw.count - place) / SealedSegment.byteCount >= count else { return nil }
        defer { place += count * SealedSegment.byteCount }
        return (0..<count).map { SealedSegment(p + place + $0 * SealedSegment.byteCount) }
    }
}
