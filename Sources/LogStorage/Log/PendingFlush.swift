import LogModel

/// What was appended to a partition since a group last took something of it.
///
/// Few bytes are kept for the journal; more than a threshold are only counted, and are flushed in
/// the segment itself.
struct PendingFlush: Sendable {
    private(set) var ranges: [JournalRange] = []
    private(set) var bytes: [UInt8] = []
    private(set) var byteCount = 0
    /// More than the threshold: the bytes were not kept.
    private(set) var isBulk = false
    /// The log start moved: a group must say so, whether or not there are bytes.
    var logStartMoved = false

    var isEmpty: Bool { ranges.isEmpty && !logStartMoved }

    /// Takes note of bytes at the end of a segment.
    mutating func add(
        _ batch: UnsafeRawBufferPointer,
        segment: Offset,
        position: Int64,
        bulkByteCount: Int
    ) {
        byteCount += batch.count
        if let last = ranges.last, last.segment == segment,
            last.position + Int64(last.byteCount) == position,
            last.byteCount + batch.count <= Int(Int32.max)
        {
            ranges[ranges.count - 1].byteCount += batch.count
        } else {
            ranges.append(
                JournalRange(
                    segment: segment,
                    position: position,
                    byteCount: batch.count,
                    isInRecord: true
                )
            )
        }
        guard !isBulk else { return }
        if byteCount > bulkByteCount {
            isBulk = true
            bytes = []
        } else {
            bytes.append(contentsOf: batch)
        }
    }

    /// Puts what a group could not write in front of what came since.
    mutating func putBack(_ earlier: PendingFlush) {
        isBulk = isBulk || earlier.isBulk
        bytes = isBulk ? [] : earlier.bytes + bytes
        ranges = earlier.ranges + ranges
        byteCount += earlier.byteCount
        logStartMoved = logStartMoved || earlier.logStartMoved
    }
}

/// A partition's state at a place, as a start needs it that begins to read there.
struct LogCapture: Sendable {
    var place: LogPlace
    var logStart: Offset
    var lastStable: Offset
    /// Taken as they are, for a lock is held that others wait for: they are encoded later.
    var producers: ProducerTable
}

/// A partition's part of a group.
struct GroupPart: Sendable {
    var entry: JournalEntry
    var payload: [UInt8]
    /// What goes back if the group is not written.
    var taken: PendingFlush
    var synced: LogPlace?
    var end: LogPlace
}
