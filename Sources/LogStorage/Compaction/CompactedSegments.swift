import Bytes
import LogModel

/// The file `compacted-segments` of a partition: which of its segments a cleaner wrote, and how
/// far the last cleaning came.
///
/// In a segment that is not named here every offset is there, and each batch begins where the one
/// before it ends. In one that is, offsets may be missing, but the checksum says of each header
/// what it must be, base offset and leader epoch included, which no checksum of a batch covers.
///
/// The file is also what decides a cleaning: from the moment that `pending` stands in it the new
/// segment counts, before that the old ones do.
///
///      0  4  "MRcs"
///      4  2  format = 1
///      6  1  1: the last entry is pending
///      7  1  0
///      8  8  first dirty offset
///     16  4  count of entries, the pending one included
///     20  …  entries:
///             8  base offset
///             8  end: the base of the next segment
///             8  byte count
///             4  CRC-32C of the first 21 bytes of each batch
///      …  4  CRC-32C of everything before
struct CompactedSegments: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        var base: Offset
        /// No batch of the segment reaches this offset; the next segment begins here.
        var end: Offset
        var byteCount: Int64
        var checksum: UInt32

        static let byteCount = 28
    }

    static let fileName = "compacted-segments"
    /// What is to be said where the file cannot be read. Segments with gaps do not tell by
    /// themselves what is missing in them.
    static let damage =
        "the file \(fileName), which says where offsets may be missing, is damaged: put it back "
        + "from a copy of the folder; until then, what the segments hold is printed by "
        + "millrace log dump --records"
    private static let magic = Array("MRcs".utf8)
    private static let format: UInt16 = 1
    private static let headerByteCount = 20

    /// By base; they do not overlap.
    private(set) var entries: [Entry] = []
    /// A segment that replaces those between its base and its end, which may still be there.
    private(set) var pending: Entry?
    /// Where the last cleaning ended.
    var firstDirtyOffset: Offset?

    init() {}

    /// The entry of the segment with this base; nil if no cleaner wrote it.
    func entry(at base: Offset) -> Entry? {
        let index = firstIndex(from: base)
        return index < entries.count && entries[index].base == base ? entries[index] : nil
    }

    /// Whether a cleaner has written what a segment of this base held once.
    func covers(_ base: Offset) -> Bool {
        func holds(_ entry: Entry) -> Bool { entry.base <= base && base < entry.end }
        let index = firstIndex(from: base)
        if index < entries.count, holds(entries[index]) { return true }
        if index > 0, holds(entries[index - 1]) { return true }
        return pending.map(holds) ?? false
    }

    /// Whether a closed segment has all that it has to have: what lies behind that place is what a
    /// failed write left. The last records of a compacted one may be gone: of it the entry knows
    /// how long it is.
    ///
    /// - Parameters:
    ///   - position: Where its batches end, as they were read,
    ///   - end: with this offset.
    ///   - next: The base of the next segment.
    func isWhole(_ base: Offset, upTo position: Int64, _ end: Offset, next: Offset) -> Bool {
        if next == end { return true }
        guard let entry = entry(at: base) else { return false }
        return position == entry.byteCount && next == entry.end
    }

    /// The first entry whose base is not below this one.
    private func firstIndex(from base: Offset) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].base < base { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Changes

    /// Decides for a new segment.
    ///
    /// - Precondition: none is pending.
    mutating func begin(_ entry: Entry) {
        precondition(pending == nil, "two cleanings at once")
        precondition(entry.base < entry.end, "a segment ends behind its base")
        pending = entry
    }

    /// The pending segment is in place, and those that it replaced are gone. So is one that
    /// reached into it: what is said of that was of an earlier time.
    mutating func complete() {
        guard let pending else { return }
        entries.removeAll { $0.base < pending.end && $0.end > pending.base }
        let place = entries.firstIndex { $0.base > pending.base } ?? entries.count
        entries.insert(pending, at: place)
        self.pending = nil
        checkInvariants()
    }

    /// Forgets segments that were removed because the log begins behind them.
    ///
    /// - Parameter first: The base of the first segment that is there.
    mutating func removeSegments(before first: Offset) {
        entries.removeAll { $0.end <= first }
    }

    /// Leaves out what is said of segments that are not there: given up by a person, for one. The
    /// offsets come again, and other segments with them.
    ///
    /// - Parameters:
    ///   - bases: Those of the segments that are there.
    ///   - logEnd: Where the log ends: what comes there is new to the cleaner.
    mutating func keep(only bases: Set<Offset>, logEnd: Offset) {
        entries.removeAll { !bases.contains($0.base) }
        firstDirtyOffset = firstDirtyOffset.map { min($0, logEnd) }
    }

    /// Says of the segment at `base` what it is now; nil for one without gaps.
    mutating func set(_ entry: Entry?, at base: Offset) {
        entries.removeAll { $0.base == base }
        guard let entry else { return }
        begin(entry)
        complete()
    }

    /// Traps if the entries contradict one another.
    func checkInvariants() {
        for (left, right) in zip(entries, entries.dropFirst()) {
            precondition(left.end <= right.base, "compacted segments overlap")
        }
    }

    // MARK: Bytes

    var encoded: [UInt8] {
        let all = entries + (pending.map { [$0] } ?? [])
        var bytes = Self.magic
        bytes.reserveCapacity(Self.headerByteCount + all.count * Entry.byteCount + 4)
        Self.append(Self.format, to: &bytes)
        bytes.append(pending == nil ? 0 : 1)
        bytes.append(0)
        Self.append(firstDirtyOffset?.rawValue ?? -1, to: &bytes)
        Self.append(UInt32(all.count), to: &bytes)
        for entry in all {
            Self.append(entry.base.rawValue, to: &bytes)
            Self.append(entry.end.rawValue, to: &bytes)
            Self.append(entry.byteCount, to: &bytes)
            Self.append(entry.checksum, to: &bytes)
        }
        Self.append(bytes.withUnsafeBytes { crc32c($0) }, to: &bytes)
        return bytes
    }

    /// What a file's bytes say; nil if they are damaged.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.headerByteCount + 4, bytes.starts(with: Self.magic),
            (bytes.count - Self.headerByteCount - 4) % Entry.byteCount == 0
        else { return nil }
        let count = (bytes.count - Self.headerByteCount - 4) / Entry.byteCount
        let isRead = bytes.withUnsafeBytes { raw -> Bool in
            guard let p = raw.baseAddress,
                p.bigEndian(UInt32.self, at: raw.count - 4)
                    == crc32c(UnsafeRawBufferPointer(rebasing: raw.dropLast(4))),
                p.bigEndian(UInt16.self, at: 4) == Self.format, raw[6] <= 1,
                Int(p.bigEndian(UInt32.self, at: 16)) == count, count > 0 || raw[6] == 0
            else { return false }
            let firstDirty: Int64 = p.bigEndian(at: 8)
            firstDirtyOffset = firstDirty < 0 ? nil : Offset(firstDirty)
            entries.reserveCapacity(count)
            for index in 0..<count {
                let start = Self.headerByteCount + index * Entry.byteCount
                entries.append(
                    Entry(
                        base: Offset(p.bigEndian(at: start)),
                        end: Offset(p.bigEndian(at: start + 8)),
                        byteCount: p.bigEndian(at: start + 16),
                        checksum: p.bigEndian(at: start + 24)
                    )
                )
            }
            if raw[6] == 1 { pending = entries.popLast() }
            return true
        }
        guard isRead, (entries + (pending.map { [$0] } ?? [])).allSatisfy(Self.makesSense),
            zip(entries, entries.dropFirst()).allSatisfy({ $0.end <= $1.base })
        else { return nil }
    }

    private static func makesSense(_ entry: Entry) -> Bool {
        entry.base.rawValue >= 0 && entry.base < entry.end && entry.byteCount >= 0
    }

    private static func append<Integer: FixedWidthInteger>(
        _ value: Integer,
        to bytes: inout [UInt8]
    ) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}

extension CompactedSegments {
    /// What the folder of a partition says; nothing is compacted where the file is missing.
    ///
    /// - Throws: `.corrupt` if the file is damaged: which gaps are right is then not known.
    init(in files: PartitionFiles) throws(LogStorageError) {
        let bytes = try onDisk { () throws(DiskError) in
            try files.content(of: files.path(Self.fileName))
        }
        guard let bytes else {
            self.init()
            return
        }
        guard let read = Self(bytes) else { throw .corrupt(Self.damage) }
        self = read
    }

    /// Puts the file in place; durable when it returns.
    func write(to files: PartitionFiles) throws(LogStorageError) {
        try onDisk { () throws(DiskError) in
            try files.replace(files.path(Self.fileName), with: encoded)
        }
        try files.flushNames()
    }
}
