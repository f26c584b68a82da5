import Bytes
import LogModel

/// Holds what cache files without a checksum say against the batches that it is about: a wrong
/// entry would hide committed records or show aborted ones, or have a segment deleted too early.
extension LogRecovery {
    /// No marker is larger.
    private static let markerByteLimit = 4 << 10

    /// Whether each entry of a transaction index names the marker that lies there, and a batch of
    /// that producer's transaction where it says that it begins. Costs a read or two for each.
    func areTrue(
        _ entries: [AbortedEntry],
        _ file: PooledFile,
        _ index: SegmentIndex,
        _ step: RecoveryPlan.Step
    ) throws(LogStorageError) -> Bool {
        for entry in entries {
            let isMarker = try onDisk { () throws(DiskError) in
                try Self.isMarker(of: entry, try file.file(), index, step.byteCount)
            }
            guard isMarker, entry.firstOffset >= .zero else { return false }
            if entry.firstOffset >= step.base {
                // A cleaner may have removed the batch.
                guard !state.mayGap(step.base) else { continue }
                guard try isBegin(of: entry, file, index, step.byteCount) else { return false }
                continue
            }
            // It begins in a segment before, unless retention has deleted that one.
            let before = state.segments.last {
                $0.baseOffset <= entry.firstOffset && $0.baseOffset < step.base
            }
            guard let before, !state.mayGap(before.baseOffset) else { continue }
            var known = before.index ?? context.indexes.index(of: before.file)
            if known == nil { known = try loadIndex(before.baseOffset, before.byteCount) }
            let begins = try isBegin(
                of: entry,
                before.file,
                known ?? SegmentIndex(),
                before.byteCount
            )
            guard begins else { return false }
        }
        return true
    }

    private func isBegin(
        of entry: AbortedEntry,
        _ file: PooledFile,
        _ index: SegmentIndex,
        _ end: Int64
    ) throws(LogStorageError) -> Bool {
        try onDisk { () throws(DiskError) in
            try Self.isBegin(of: entry, try file.file(), index, end)
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
            let file = try file.file()
            let found = try Self.batch(holding: last.offset, file, index, step.byteCount)
            return found?.maxTimestamp == last.timestamp
        }
    }

    private static func isMarker(
        of entry: AbortedEntry,
        _ file: any DiskFile,
        _ index: SegmentIndex,
        _ end: Int64
    ) throws(DiskError) -> Bool {
        guard let head = try batch(holding: entry.lastOffset, file, index, end),
            head.attributes.isControl, head.producerID == entry.producerID,
            head.lastOffset == entry.lastOffset, head.byteCount <= markerByteLimit
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

    /// Looks so far back, and on, for other batches of the producer: an entry that begins in the
    /// middle of its transaction, or in the one before, is told by the batch next to it.
    private static let neighbourByteCount: Int64 = 32 << 10

    private static func isBegin(
        of entry: AbortedEntry,
        _ file: any DiskFile,
        _ index: SegmentIndex,
        _ end: Int64
    ) throws(DiskError) -> Bool {
        guard let first = try batch(holding: entry.firstOffset, file, index, end),
            first.baseOffset == entry.firstOffset, first.producerID == entry.producerID,
            first.attributes.isTransactional, !first.attributes.isControl
        else { return false }
        var walk = BatchHeadWalk(
            file: file,
            position: index.position(before: first.position - neighbourByteCount),
            end: min(end, first.position + neighbourByteCount)
        )
        var isBehindData = false
        while let head = try walk.next(), head.baseOffset < entry.lastOffset {
            guard head.producerID == entry.producerID else { continue }
            if head.position < first.position {
                isBehindData = head.attributes.isTransactional && !head.attributes.isControl
            } else if head.attributes.isControl {
                return false
            }
        }
        return !isBehindData
    }

    /// The batch that holds an offset, looked for from the index's entry on by headers alone; nil
    /// if there is none.
    private static func batch(
        holding offset: Offset,
        _ file: any DiskFile,
        _ index: SegmentIndex,
        _ end: Int64
    ) throws(DiskError) -> BatchHead? {
        // An entry names its batch's last offset: the batch that holds `offset` lies there or on.
        var walk = BatchHeadWalk(file: file, position: index.position(for: offset), end: end)
        while let head = try walk.next() {
            if head.lastOffset >= offset { return head.baseOffset <= offset ? head : nil }
        }
        return nil
    }
}

/// What the header of a batch says.
struct BatchHead {
    var position: Int64
    var byteCount: Int
    var baseOffset: Offset
    var lastOffset: Offset
    var attributes: BatchAttributes
    var maxTimestamp: Timestamp
    var producerID: ProducerID
}

/// Goes from header to header, without reading what lies between them where that is much.
struct BatchHeadWalk {
    let file: any DiskFile
    private var position: Int64
    private let end: Int64
    private var window: [UInt8] = []
    private var windowPosition: Int64 = 0

    private static let windowByteCount = 8 << 10

    init(file: any DiskFile, position: Int64, end: Int64) {
        self.file = file
        self.position = position
        self.end = end
    }

    /// Nil at the end, and where no header makes sense.
    mutating func next() throws(DiskError) -> BatchHead? {
        guard position < end else { return nil }
        var at = Int(position - windowPosition)
        if at + RecordBatchLayout.headerByteCount > window.count {
            window = try PartitionFiles.bytes(
                of: file,
                at: position,
                count: Self.windowByteCount
            )
            windowPosition = position
            at = 0
        }
        guard let head = Self.head(window, at: at, position) else { return nil }
        position += Int64(head.byteCount)
        return head
    }

    private static func head(_ bytes: [UInt8], at start: Int, _ position: Int64) -> BatchHead? {
        guard start + RecordBatchLayout.headerByteCount <= bytes.count else { return nil }
        return bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress else { return nil }
            let p = base + start
            let length: Int32 = p.bigEndian(at: RecordBatchLayout.length)
            let byteCount = Int(length) + RecordBatchLayout.lengthPrefixByteCount
            let delta: Int32 = p.bigEndian(at: RecordBatchLayout.lastOffsetDelta)
            let first: Int64 = p.bigEndian(at: RecordBatchLayout.baseOffset)
            guard byteCount >= RecordBatchLayout.headerByteCount, delta >= 0, first >= 0,
                first < Int64.max / 2
            else { return nil }
            return BatchHead(
                position: position,
                byteCount: byteCount,
                baseOffset: Offset(first),
                lastOffset: Offset(first + Int64(delta)),
                attributes: BatchAttributes(
                    rawValue: p.bigEndian(at: RecordBatchLayout.attributes)
                ),
                maxTimestamp: Timestamp(p.bigEndian(at: RecordBatchLayout.maxTimestamp)),
                producerID: ProducerID(p.bigEndian(at: RecordBatchLayout.producerID))
            )
        }
    }
}
