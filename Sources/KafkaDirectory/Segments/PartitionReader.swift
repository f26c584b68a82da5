package import LogModel
package import LogStorage

/// Reads a partition's segments in order, entry by entry, up to its end or to what cannot be read.
///
/// A bad entry is a torn tail only where a broker was killed, in the last segment, above what was
/// flushed, and with nothing whole behind it. Everything else that is bad is damage: reading ends
/// in front of it.
package struct PartitionReader: ~Copyable {
    private let partition: KafkaPartition
    private let disk: any Disk
    private var segmentIndex = 0
    private var scanner: EntryScanner?
    private var file: (any DiskFile)?
    /// Bytes of the entry lent last, stepped over by the next call.
    private var lentByteCount = 0
    private var lentPosition: Int64 = 0
    /// Where the entry lent last may begin: what a wrapper holds lies between this and its offset.
    private(set) var lentStart = Offset.zero
    private var hasEnded = false

    /// The offset that the next entry has, or a later one.
    package private(set) var nextOffset: Offset
    /// Whether reading ended in front of something that cannot be read.
    package private(set) var wasCutShort = false
    /// What was found so far.
    package private(set) var findings: [KafkaFinding] = []
    /// Bytes of whole entries so far.
    package private(set) var byteCount: Int64 = 0
    /// A segment was missing in front of what is lent next, or was lent last.
    private var passedMissing = false
    /// How many times offsets were missing, and how many offsets in all.
    package private(set) var gaps = (count: 0, offsets: Int64(0))

    /// Kafka's indexes name offsets of a segment in four bytes.
    private static let segmentReach = Int64(Int32.max)

    package init(_ partition: KafkaPartition, disk: any Disk) {
        self.partition = partition
        self.disk = disk
        nextOffset = partition.segments.first?.baseOffset ?? partition.logStart
    }

    deinit { file?.close() }

    /// The next entry, valid until the next call; nil at the end, which `findings` then explain.
    package mutating func next() throws(DiskError) -> StoredEntry? {
        while !hasEnded {
            guard try openSegment() else { break }
            let step = try scan()
            switch step {
            case .entry(let entry):
                if let reason = try fault(of: entry) {
                    try end(because: reason, isWhole: true)
                    break
                }
                note(entry)
                return entry
            case .end: closeSegment()
            case .bad(let reason): try end(because: reason, isWhole: false)
            }
        }
        return nil
    }

    /// Where the entry lent last lies.
    package var place: (path: String, position: Int64)? {
        guard lentByteCount > 0 else { return nil }
        return (partition.segments[segmentIndex].path, lentPosition)
    }

    /// Whether a segment was missing in front of the entry lent last; told once.
    package mutating func takeMissing() -> Bool {
        defer { passedMissing = false }
        return passedMissing
    }

    /// Says of the entry lent last that its records are no good: it is damage, and the end.
    package mutating func refuseLast(_ entry: StoredEntry, because reason: String) {
        byteCount -= Int64(lentByteCount)
        lentByteCount = 0
        report(.damage, at: scanner?.position, entry.firstOffset, reason)
        wasCutShort = true
        finish()
    }

    private mutating func scan() throws(DiskError) -> EntryScanner.Step {
        guard scanner != nil else { return .end }
        scanner?.advance(by: lentByteCount)
        lentByteCount = 0
        return try scanner?.next() ?? .end
    }

    /// Opens the segment that is due; false behind the last one.
    private mutating func openSegment() throws(DiskError) -> Bool {
        guard scanner == nil else { return true }
        guard segmentIndex < partition.segments.count else {
            checkEnd()
            return false
        }
        let segment = partition.segments[segmentIndex]
        if segment.baseOffset < nextOffset {
            report(
                .damage,
                at: 0,
                segment.baseOffset,
                "it begins before the end of the segment in front of it, \(nextOffset.rawValue)"
            )
            wasCutShort = true
            finish()
            return false
        }
        noteMissingSegment(in: segment)
        nextOffset = segment.baseOffset
        let file = try disk.open(segment.path, .read)
        self.file = file
        scanner = EntryScanner(file: file, to: try file.byteCount())
        return true
    }

    private mutating func closeSegment() {
        scanner = nil
        file?.close()
        file = nil
        segmentIndex += 1
    }

    /// Why a whole entry cannot stand where it does: no checksum covers its base offset.
    private mutating func fault(of entry: StoredEntry) throws(DiskError) -> String? {
        let base = partition.segments[segmentIndex].baseOffset
        if entry.firstOffset < nextOffset {
            return "offset \(entry.firstOffset.rawValue), where \(nextOffset.rawValue) is next"
        }
        if base.distance(to: entry.lastOffset) > Self.segmentReach {
            return "offset \(entry.lastOffset.rawValue), which a segment that begins at "
                + "\(base.rawValue) cannot hold"
        }
        guard entry.firstOffset > nextOffset, let following = try offsetBehind(entry) else {
            return nil
        }
        guard following >= nextOffset, following <= entry.lastOffset else { return nil }
        return "offset \(entry.firstOffset.rawValue), where \(nextOffset.rawValue) is next and "
            + "\(following.rawValue) follows"
    }

    /// The offset that stands behind an entry, in its segment or as the beginning of the next.
    private mutating func offsetBehind(_ entry: StoredEntry) throws(DiskError) -> Offset? {
        if let offset = try scanner?.offset(behind: entry.byteCount) { return offset }
        let rest = partition.segments[(segmentIndex + 1)...]
        return rest.first?.baseOffset
    }

    private mutating func note(_ entry: StoredEntry) {
        // The messages of an old format's wrapper lie in front of its offset.
        if case .batch(let batch) = entry { noteGap(to: batch.baseOffset) }
        lentStart = nextOffset
        lentByteCount = entry.byteCount
        lentPosition = scanner?.position ?? 0
        byteCount += Int64(entry.byteCount)
        nextOffset = entry.lastOffset.advanced(by: 1)
    }

    /// A segment begins where the one in front of it ends, but for what the cleaner took. What lies
    /// behind a missing one is whole, and is read.
    private mutating func noteMissingSegment(in segment: KafkaSegment) {
        guard segment.baseOffset > nextOffset, !partition.wasCompacted else {
            return noteGap(to: segment.baseOffset)
        }
        report(
            .damage,
            at: 0,
            nextOffset,
            "a segment is missing: the one in front of this ends at \(nextOffset.rawValue), this "
                + "begins at \(segment.baseOffset.rawValue)"
        )
        passedMissing = true
        gaps.count += 1
        gaps.offsets += nextOffset.distance(to: segment.baseOffset)
    }

    /// Offsets are missing: compaction leaves such gaps. Elsewhere the first is told, for a base
    /// offset lies outside the checksum.
    private mutating func noteGap(to offset: Offset) {
        guard offset > nextOffset else { return }
        if !partition.wasCompacted, gaps.count == 0 {
            report(
                .note,
                at: scanner?.position,
                nextOffset,
                "no record has an offset from here to \(offset.rawValue - 1), and nothing tells of "
                    + "compaction"
            )
        }
        gaps.count += 1
        gaps.offsets += nextOffset.distance(to: offset)
    }

    /// Ends the reading in front of something bad, and says what it is; what cannot have held a
    /// record is stepped over.
    private mutating func end(because reason: String, isWhole: Bool) throws(DiskError) {
        let position = scanner?.position ?? 0
        if !isWhole, try isFollowedWithoutLoss() {
            report(
                .note,
                at: position,
                nextOffset,
                "zeros from here on, and the next segment begins at this offset"
            )
            return closeSegment()
        }
        let isLast = partition.segments[(segmentIndex + 1)...].allSatisfy { $0.byteCount == 0 }
        let isUnflushed = !isWhole && isLast && nextOffset >= partition.recoveryPoint
        if isUnflushed, try scanner?.isZeroToEnd() ?? false {
            report(
                .note,
                at: position,
                nextOffset,
                "zeros from here on, as files made in advance have"
            )
            return finish()
        }
        let search = try scanner?.findNext(atLeast: nextOffset) ?? .nothing
        if isUnflushed, !partition.isClean, case .nothing = search {
            let left = (scanner?.end ?? position) - position
            report(
                .note,
                at: position,
                nextOffset,
                "a torn tail of \(left) bytes, left when the broker was killed: \(reason)"
            )
            return finish()
        }
        report(.damage, at: position, nextOffset, "\(reason); \(try whatFollows(search))")
        wasCutShort = true
        finish()
    }

    /// Whether nothing but zeros is left of this segment, and the next one proves that nothing is
    /// missing: room made in advance that a roll did not cut.
    private mutating func isFollowedWithoutLoss() throws(DiskError) -> Bool {
        let rest = partition.segments[(segmentIndex + 1)...]
        guard let following = rest.first(where: { $0.byteCount > 0 }),
            following.baseOffset == nextOffset
        else { return false }
        return try scanner?.isZeroToEnd() ?? false
    }

    /// What lies behind damage and is not read.
    private mutating func whatFollows(
        _ search: EntryScanner.Search
    ) throws(DiskError) -> String {
        if case .found = search, let position = scanner?.position,
            case .entry(let entry)? = try scanner?.next()
        {
            return "whole batches go on at byte \(position), offset \(entry.firstOffset.rawValue)"
        }
        let rest = partition.segments[(segmentIndex + 1)...]
        if let following = rest.first(where: { $0.byteCount > 0 }) {
            return "the next segment begins at offset \(following.baseOffset.rawValue)"
        }
        if case .gaveUp = search { return "whether anything whole follows was not found out" }
        return "nothing whole that this segment could hold follows"
    }

    /// Holds the end against what was flushed.
    private mutating func checkEnd() {
        defer { finish() }
        guard nextOffset < partition.recoveryPoint, partition.logStart < partition.recoveryPoint
        else { return }
        segmentIndex = max(0, partition.segments.count - 1)
        report(
            .damage,
            at: nil,
            nextOffset,
            "the log ends here, but everything below \(partition.recoveryPoint.rawValue) was "
                + "flushed"
        )
    }

    private mutating func finish() {
        hasEnded = true
        scanner = nil
        file?.close()
        file = nil
    }

    private mutating func report(
        _ severity: KafkaFinding.Severity,
        at position: Int64?,
        _ offset: Offset,
        _ reason: String
    ) {
        let isInside = partition.segments.indices.contains(segmentIndex)
        findings.append(
            KafkaFinding(
                severity: severity,
                partition: partition.name,
                file: isInside ? partition.segments[segmentIndex].path : partition.path,
                position: position,
                offset: offset,
                reason: reason
            )
        )
    }
}
