import LogModel

/// How a compacted log is cleaned: Kafka's topic options, and the limits of one round.
struct CleaningOptions: Equatable, Sendable {
    /// `min.compaction.lag.ms`: records younger than this are not touched.
    var minimumLagMilliseconds: Int64 = 0
    /// `max.compaction.lag.ms`: records older than this are cleaned whatever the dirty ratio.
    var maximumLagMilliseconds = Int64.max
    /// `min.cleanable.dirty.ratio`: how much of the log must be new before cleaning pays.
    var minimumDirtyRatio = 0.5
    /// `delete.retention.ms`: how long tombstones and markers stay after their first cleaning.
    var deleteRetentionMilliseconds: Int64 = 86_400_000
    /// `segment.bytes`: how large a segment may become by merging.
    var segmentByteLimit: Int64 = 1 << 30
    /// `segment.index.bytes`: how large the index of a merged segment may become.
    var indexByteLimit = 10 << 20
    /// `index.interval.bytes`.
    var indexIntervalByteCount: Int64 = 4096
    /// What the map of latest offsets may take: Kafka's `log.cleaner.dedupe.buffer.size`.
    var offsetMapByteLimit = 128 << 20

    /// What several segments may have as one; an index entry has four bytes for a position.
    var joinedByteLimit: Int64 { min(segmentByteLimit, Int64(Int32.max)) }
}

/// What the cleaner needs to know of one segment.
struct CleanableSegment: Equatable, Sendable {
    var baseOffset: Offset
    /// The base of the next segment; of the active one, the log's end.
    var nextBase: Offset
    var byteCount: Int64
    /// The timestamp of the first batch.
    var firstTimestamp: Timestamp?
    var largestTimestamp: Timestamp
    /// Bytes of the larger of the two index files.
    var indexByteCount = 0
}

/// What the cleaner needs to know of a log, taken at one moment under the log's lock.
struct CleanableLog: Equatable, Sendable {
    /// All segments, the active one last.
    var segments: [CleanableSegment]
    var logStart: Offset
    /// Where the last cleaning ended; nil if there was none.
    var firstDirtyOffset: Offset?
    var lastStableOffset: Offset
    var highWatermark: Offset
    /// Everything below it lies in the segment files for good: no recovery writes there again.
    var recoveryPoint: Offset
}

/// Whether a log is to be cleaned, and which part of it.
struct CleaningPlan: Equatable, Sendable {
    enum Reason: Equatable, Sendable {
        case dirtyRatio(Double)
        case maximumLag
    }

    var reason: Reason
    /// The segments that are read and written again, from the first of the log.
    var segments: [CleanableSegment]
    /// Records from here on supersede older ones.
    var firstDirtyOffset: Offset
    /// The base of the first segment that is not touched.
    var end: Offset
    var dirtyByteCount: Int64
    var cleanByteCount: Int64

    /// The plan for a log; nil if it is clean enough.
    init?(for log: CleanableLog, options: CleaningOptions, now: Timestamp) {
        guard let active = log.segments.last else { return nil }
        var firstDirty = log.firstDirtyOffset ?? log.logStart
        // A log start that moved on, or a log that ends earlier than it did: begin anew.
        if firstDirty < log.logStart || firstDirty > active.nextBase { firstDirty = log.logStart }
        let bound = min(
            min(log.lastStableOffset, log.highWatermark),
            min(log.recoveryPoint, active.baseOffset)
        )
        let segments = log.segments.dropLast().prefix { segment in
            segment.nextBase <= bound
                && (options.minimumLagMilliseconds <= 0 || segment.nextBase <= firstDirty
                    || Self.hasAged(segment, options, now))
        }
        guard let last = segments.last else { return nil }
        let dirty = segments.filter { $0.nextBase > firstDirty }
        let dirtyByteCount = dirty.reduce(0) { $0 + $1.byteCount }
        let cleanByteCount = segments.reduce(0) { $0 + $1.byteCount } - dirtyByteCount
        guard dirtyByteCount > 0 else { return nil }
        let ratio = Double(dirtyByteCount) / Double(dirtyByteCount + cleanByteCount)
        if Self.isOverdue(dirty, options: options, now: now) {
            reason = .maximumLag
        } else if ratio > options.minimumDirtyRatio {
            reason = .dirtyRatio(ratio)
        } else {
            return nil
        }
        self.segments = Array(segments)
        firstDirtyOffset = firstDirty
        end = last.nextBase
        self.dirtyByteCount = dirtyByteCount
        self.cleanByteCount = cleanByteCount
    }

    private static func hasAged(
        _ segment: CleanableSegment,
        _ options: CleaningOptions,
        _ now: Timestamp
    ) -> Bool {
        let latest = segment.largestTimestamp.rawValue
        let (age, isOver) = now.rawValue.subtractingReportingOverflow(latest)
        return !isOver && age >= options.minimumLagMilliseconds
    }

    /// As in Kafka, the first record of each dirty segment tells how old it is.
    private static func isOverdue(
        _ dirty: [CleanableSegment],
        options: CleaningOptions,
        now: Timestamp
    ) -> Bool {
        dirty.contains { segment in
            guard let first = segment.firstTimestamp, first.rawValue > 0 else { return false }
            let (age, isOver) = now.rawValue.subtractingReportingOverflow(first.rawValue)
            return !isOver && age > options.maximumLagMilliseconds
        }
    }

    /// The most segments that become one.
    private static let groupSegmentLimit = 64

    /// The segments of a round that got as far as `roundEnd`, in groups: each becomes one segment.
    /// What bounds a group is `segment.bytes`, the size of its index, how far the index's four-byte
    /// numbers reach, and that all of its segments are open while it takes their place.
    func groups(upTo roundEnd: Offset, options: CleaningOptions) -> [[CleanableSegment]] {
        let byteLimit = options.joinedByteLimit
        var groups: [[CleanableSegment]] = []
        var byteCount: Int64 = 0
        var indexByteCount = 0
        for segment in segments where segment.baseOffset < roundEnd {
            if let group = groups.last, let first = group.first,
                group.count < Self.groupSegmentLimit,
                byteCount + segment.byteCount <= byteLimit,
                indexByteCount + segment.indexByteCount <= options.indexByteLimit,
                first.baseOffset.distance(to: segment.nextBase) <= Int64(Int32.max)
            {
                groups[groups.count - 1].append(segment)
                byteCount += segment.byteCount
                indexByteCount += segment.indexByteCount
            } else {
                groups.append([segment])
                byteCount = segment.byteCount
                indexByteCount = segment.indexByteCount
            }
        }
        return groups
    }
}
