import Bytes
import LogModel

/// Holds what cache files without a checksum say against the batches that it is about: a wrong
/// entry would hide committed records or show aborted ones, or have a segment deleted too early.
extension LogRecovery {
    /// Whether each entry of a transaction index names the marker that lies there, and a batch of
    /// that producer's transaction where it says that it begins. However many there are, the
    /// headers of the batches are gone over a few times at most.
    func areTrue(
        _ entries: [AbortedEntry],
        _ file: PooledFile,
        _ index: SegmentIndex,
        _ step: RecoveryPlan.Step
    ) throws(LogStorageError) -> Bool {
        guard !entries.isEmpty else { return true }
        guard entries.allSatisfy({ $0.firstOffset >= .zero }) else { return false }
        let areMarkers = try onDisk { () throws(DiskError) in
            var search = HeadSearch(try file.file(), index, to: step.byteCount)
            for entry in entries where try !search.isMarker(of: entry) { return false }
            return true
        }
        guard areMarkers else { return false }
        let sorted = entries.sorted { $0.firstOffset < $1.firstOffset }
        let split = sorted.firstIndex { $0.firstOffset >= step.base } ?? sorted.count
        // A cleaner may have removed the batches.
        if !state.mayGap(step.base) {
            let here = sorted[split...]
            guard try areBegins(of: here, file, index, step.byteCount) else { return false }
        }
        return try areBeginsBefore(sorted[..<split], step)
    }

    /// Of transactions that begin in segments before, unless retention has deleted those.
    private func areBeginsBefore(
        _ entries: ArraySlice<AbortedEntry>,
        _ step: RecoveryPlan.Step
    ) throws(LogStorageError) -> Bool {
        var rest = entries
        while let first = rest.first {
            guard
                let place = state.segments.lastIndex(where: { $0.baseOffset <= first.firstOffset })
            else {
                rest.removeFirst()
                continue
            }
            let segment = state.segments[place]
            let next = place + 1 < state.segments.count ? state.segments[place + 1].baseOffset : nil
            let end = rest.firstIndex { entry in next.map { entry.firstOffset >= $0 } ?? false }
            let here = rest[..<(end ?? rest.endIndex)]
            rest = rest[(end ?? rest.endIndex)...]
            guard !state.mayGap(segment.baseOffset) else { continue }
            var known = segment.index ?? context.indexes.index(of: segment.file)
            if known == nil { known = try loadIndex(segment.baseOffset, segment.byteCount) }
            let index = known ?? SegmentIndex()
            guard try areBegins(of: here, segment.file, index, segment.byteCount) else {
                return false
            }
        }
        return true
    }

    private func areBegins(
        of entries: ArraySlice<AbortedEntry>,
        _ file: PooledFile,
        _ index: SegmentIndex,
        _ end: Int64
    ) throws(LogStorageError) -> Bool {
        guard !entries.isEmpty else { return true }
        return try onDisk { () throws(DiskError) in
            var check = TransactionBegins(try file.file(), index, to: end)
            for entry in entries where try !check.isTrue(entry) { return false }
            return true
        }
    }

    /// Whether the largest timestamp that a time index tells is that of the batch that it names:
    /// retention goes by it. Its other entries only say where to begin to look.
    func isTrue(
        _ index: SegmentIndex,
        _ file: PooledFile,
        _ step: RecoveryPlan.Step,
        _ end: Offset
    ) throws(LogStorageError) -> Bool {
        guard let last = index.times.last else { return true }
        guard index.times.allSatisfy({ $0.offset < end }) else { return false }
        return try onDisk { () throws(DiskError) in
            var search = HeadSearch(try file.file(), index, to: step.byteCount)
            return try search.batch(holding: last.offset)?.maxTimestamp == last.timestamp
        }
    }
}

/// Looks for batches by their offsets, ascending, by headers alone.
struct HeadSearch {
    private let file: any DiskFile
    private let index: SegmentIndex
    private var walk: BatchHeadWalk
    private var last: BatchHead?

    /// No marker is larger.
    private static let markerByteLimit = 4 << 10

    init(_ file: any DiskFile, _ index: SegmentIndex, to end: Int64) {
        self.file = file
        self.index = index
        walk = BatchHeadWalk(file: file, position: 0, end: end)
    }

    /// The batch that holds an offset, not before the one looked for last; nil if there is none.
    mutating func batch(holding offset: Offset) throws(DiskError) -> BatchHead? {
        // An entry names its batch's last offset: the batch that holds `offset` lies there or on.
        let known = index.position(for: offset)
        if known > walk.position { walk.skip(to: known) }
        if let last, last.lastOffset >= offset { return last.baseOffset <= offset ? last : nil }
        while let head = try walk.next() {
            last = head
            if head.lastOffset >= offset { return head.baseOffset <= offset ? head : nil }
        }
        return nil
    }

    /// Whether the marker of an aborted transaction lies where its entry says.
    mutating func isMarker(of entry: AbortedEntry) throws(DiskError) -> Bool {
        guard let head = try batch(holding: entry.lastOffset), head.attributes.isControl,
            head.producerID == entry.producerID, head.lastOffset == entry.lastOffset,
            head.byteCount <= Self.markerByteLimit
        else { return false }
        let bytes = try PartitionFiles.bytes(of: file, at: head.position, count: head.byteCount)
        return bytes.withUnsafeBytes { bytes in
            do throws(RecordBatchError) {
                let batch = try RecordBatchView(bytes)
                try batch.verifyChecksum()
                return try EndTransactionMarker(batch)?.result == .abort
            } catch { return false }
        }
    }
}

/// Whether aborted transactions begin in a segment where their entries say, asked in the order of
/// their first offsets: an entry that begins in the middle of its transaction, or in the one
/// before, is told by the batch of its producer next to it.
struct TransactionBegins {
    private let index: SegmentIndex
    private let end: Int64
    private var walk: BatchHeadWalk
    private var last: BatchHead?
    /// Of each producer the headers around the place that is looked at, in order.
    private var heads: [ProducerID: [BatchHead]] = [:]
    private var headCount = 0
    /// No header in front of it is asked for any more.
    private var floor: Int64 = 0

    /// Looks so far back, and on, for other batches of the producer.
    private static let neighbourByteCount: Int64 = 32 << 10
    /// When so many headers are known, those that are of no use any more are forgotten.
    private static let headLimit = 4096

    init(_ file: any DiskFile, _ index: SegmentIndex, to end: Int64) {
        self.index = index
        self.end = end
        walk = BatchHeadWalk(file: file, position: 0, end: end)
    }

    mutating func isTrue(_ entry: AbortedEntry) throws(DiskError) -> Bool {
        guard try readUpToFirst(of: entry),
            let first = heads[entry.producerID]?.last(where: {
                $0.baseOffset <= entry.firstOffset
            }),
            first.baseOffset == entry.firstOffset, first.attributes.isTransactional,
            !first.attributes.isControl
        else { return false }
        let reach = min(end, first.position + Self.neighbourByteCount)
        while walk.position < reach, let head = last, head.baseOffset < entry.lastOffset,
            let next = try walk.next()
        { note(next) }
        for head in (heads[entry.producerID] ?? []).reversed() {
            if head.position < first.position {
                let isNear = head.position >= first.position - Self.neighbourByteCount
                return !isNear || head.attributes.isControl || !head.attributes.isTransactional
            }
            let isInside = head.position > first.position && head.position < reach
            if isInside, head.baseOffset < entry.lastOffset, head.attributes.isControl {
                return false
            }
        }
        return true
    }

    /// Reads up to the batch that holds the first offset; false if there is none.
    private mutating func readUpToFirst(of entry: AbortedEntry) throws(DiskError) -> Bool {
        let near = index.position(for: entry.firstOffset)
        let start = index.position(before: near - Self.neighbourByteCount)
        if start > walk.position { walk.skip(to: start) }
        while true {
            if let last {
                if last.lastOffset >= entry.firstOffset { return true }
                floor = max(floor, last.position - Self.neighbourByteCount)
            }
            guard let head = try walk.next() else { return false }
            note(head)
        }
    }

    private mutating func note(_ head: BatchHead) {
        last = head
        guard head.producerID.rawValue >= 0 else { return }
        if headCount >= Self.headLimit {
            heads = heads.mapValues { [floor] known in known.filter { $0.position >= floor } }
                .filter { !$0.value.isEmpty }
            headCount = heads.values.reduce(0) { $0 + $1.count }
        }
        heads[head.producerID, default: []].append(head)
        headCount += 1
    }
}
