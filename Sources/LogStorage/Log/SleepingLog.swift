import Bytes
package import LogModel

/// What the files of a partition that sleeps tell of its segments: enough to say whether time has
/// made anything due there, so that it need not be opened to find that nothing is.
///
/// Where the files do not tell, the partition is opened, and looks itself.
struct SleepingLog: Equatable, Sendable {
    /// The active one last. A largest timestamp that is not known is `.none`.
    var segments: [CleanableSegment]
    var bounds: LogBounds
    /// Where the last cleaning ended; nil if there was none.
    var firstDirtyOffset: Offset?

    /// Of a log with more segments than this its files are not asked one by one.
    static let segmentLimit = 64

    /// Whether retention, or the roll of an active segment that comes before it, is due.
    func retentionIsDue(_ configuration: LogConfiguration, now: Timestamp) -> Bool {
        guard let active = segments.last, let oldest = segments.first else { return true }
        let limit = configuration.closingMilliseconds
        // Without a time the age of its file counts: whoever opens it asks for that.
        if let first = active.firstTimestamp,
            first.rawValue < 0 || Self.isOlder(first, than: limit, now)
        {
            return true
        }
        guard configuration.deletesOldSegments else { return false }
        if configuration.retentionByteCount >= 0 {
            let rest = segments.dropFirst().reduce(0) { $0 + $1.byteCount }
            if rest >= configuration.retentionByteCount { return true }
        }
        guard configuration.retentionMilliseconds >= 0 else { return false }
        // The first batch is known where the time index has no entry yet.
        let latest = max(oldest.largestTimestamp, oldest.firstTimestamp ?? .none)
        return latest.rawValue < 0
            || Self.isOlder(latest, than: configuration.retentionMilliseconds, now)
    }

    /// Whether the cleaner would find something to do.
    func cleaningIsDue(_ options: CleaningOptions, now: Timestamp) -> Bool {
        guard let active = segments.last else { return true }
        let log = CleanableLog(
            segments: segments,
            logStart: bounds.logStart,
            firstDirtyOffset: firstDirtyOffset,
            lastStableOffset: bounds.lastStableOffset,
            highWatermark: bounds.highWatermark,
            recoveryPoint: active.baseOffset
        )
        return CleaningPlan(for: log, options: options, now: now) != nil
    }

    private static func isOlder(_ time: Timestamp, than limit: Int64, _ now: Timestamp) -> Bool {
        let (age, overflow) = now.rawValue.subtractingReportingOverflow(time.rawValue)
        return !overflow && age > limit
    }
}

extension SleepingLog {
    /// Reads names, lengths, and of each segment its first batch's header and its last time entry.
    /// Nil where that is not enough.
    init?(in files: PartitionFiles, bounds: LogBounds) throws(LogStorageError) {
        let names = try onDisk { () throws(DiskError) in try files.disk.list(files.directory) }
        let bases = names.compactMap { SegmentName.offset(in: $0, .log) }
            .filter { $0 <= bounds.logEnd }.sorted()
        guard !bases.isEmpty, bases.count <= Self.segmentLimit else { return nil }
        var segments: [CleanableSegment] = []
        for (place, base) in bases.enumerated() {
            let next = place + 1 < bases.count ? bases[place + 1] : bounds.logEnd
            segments.append(
                try onDisk { () throws(DiskError) in try Self.segment(base, next, files) }
            )
        }
        self.segments = segments
        self.bounds = bounds
        firstDirtyOffset = try CompactedSegments(in: files).firstDirtyOffset
    }

    private static func segment(
        _ base: Offset,
        _ next: Offset,
        _ files: PartitionFiles
    ) throws(DiskError) -> CleanableSegment {
        let file = try files.disk.open(files.path(base, .log), .read)
        defer { file.close() }
        let byteCount = try file.byteCount()
        let head = try PartitionFiles.bytes(
            of: file,
            at: 0,
            count: RecordBatchLayout.headerByteCount
        )
        return CleanableSegment(
            baseOffset: base,
            nextBase: next,
            byteCount: byteCount,
            firstTimestamp: head.count == RecordBatchLayout.headerByteCount
                ? timestamp(in: head, at: RecordBatchLayout.maxTimestamp) : nil,
            largestTimestamp: try largestTimestamp(base, files)
        )
    }

    /// The last entry of the time index. It may be earlier than the segment's largest timestamp:
    /// then the partition is opened before its time.
    private static func largestTimestamp(
        _ base: Offset,
        _ files: PartitionFiles
    ) throws(DiskError) -> Timestamp {
        let entryByteCount = 12
        let file: any DiskFile
        do throws(DiskError) {
            file = try files.disk.open(files.path(base, .timeIndex), .read)
        } catch .notFound {
            return .none
        }
        defer { file.close() }
        let byteCount = try file.byteCount()
        guard byteCount >= Int64(entryByteCount) else { return .none }
        let last = byteCount / Int64(entryByteCount) * Int64(entryByteCount)
        let entry = try PartitionFiles.bytes(
            of: file,
            at: last - Int64(entryByteCount),
            count: entryByteCount
        )
        return entry.count == entryByteCount ? timestamp(in: entry, at: 0) : .none
    }

    private static func timestamp(in bytes: [UInt8], at position: Int) -> Timestamp {
        Timestamp(
            bytes[position..<position + 8].reduce(Int64(0)) { $0 << 8 | Int64($1) }
        )
    }
}

extension PartitionLog {
    /// Whether retention may have anything to do here; false only where that is certain. Opens
    /// nothing.
    package func mayNeedRetention(now: Timestamp) -> Bool {
        let configuration = configuration
        if configuration.deletesOldSegments, !configuration.compacts,
            configuration.retentionMilliseconds < 0, configuration.retentionByteCount < 0
        {
            return false
        }
        return mayNeed { $0.retentionIsDue(configuration, now: now) }
    }

    /// Whether the cleaner may have anything to do here; false only where that is certain. Opens
    /// nothing.
    package func mayNeedCleaning(now: Timestamp) -> Bool {
        let options = cleaningOptions
        return configuration.compacts && mayNeed { $0.cleaningIsDue(options, now: now) }
    }

    private func mayNeed(_ isDue: (SleepingLog) -> Bool) -> Bool {
        guard let bounds = knownBounds else { return true }
        guard bounds.logEnd > bounds.logStart else { return false }
        do throws(LogStorageError) {
            guard let log = try SleepingLog(in: files, bounds: bounds) else { return true }
            return isDue(log)
        } catch {
            // Opening it tells what is wrong there.
            return true
        }
    }
}
