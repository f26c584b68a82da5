package import LogModel
import Threads

extension PartitionLog {
    /// Moves the log start to `offset`, at most to the high watermark. It counts once a flush has
    /// returned; then `removeSegmentsBeforeLogStart` frees the space.
    ///
    /// - Returns: whether it moved.
    func moveLogStart(to offset: Offset) throws(LogStorageError) -> Bool {
        try locked { state throws(LogStorageError) in
            let start = min(offset, state.durable.offset)
            guard start > state.logStart else { return false }
            state.logStart = start
            state.pending.logStartMoved = true
            registerChanged(&state)
            noteMoved()
            return true
        }
    }

    /// What retention asks of the log now: where it should begin, nil for where it does. Nothing
    /// behind the high watermark, no record of an open transaction. Forgets producers that were
    /// silent for too long, and rolls an active segment that is old, or has to go with the others.
    package func retentionStart(now: Timestamp) throws(LogStorageError) -> Offset? {
        let configuration = configuration
        guard recoveryReport != nil || bytesMayBeOld else { return nil }
        try wake()
        let expired = time.wallTime().rawValue - configuration.producerExpirationMilliseconds
        state.withLock { $0.producers.expire(olderThan: Timestamp(expired)) }
        _ = try ifThereIsRoom { () throws(LogStorageError) in
            try rollIfOld(now: now, configuration)
        }
        guard configuration.deletesOldSegments else { return nil }
        let (segments, stable, end) = state.withLock {
            ($0.segments, $0.bounds.lastStableOffset, $0.logEnd)
        }
        var total = segments.reduce(0) { $0 + $1.byteCount }
        var start: Offset?
        for (index, segment) in segments.enumerated() {
            let isActive = index == segments.count - 1
            let next = isActive ? end : segments[index + 1].baseOffset
            let isTooMuch =
                configuration.retentionByteCount >= 0
                && total - segment.byteCount >= configuration.retentionByteCount
            guard next <= stable, !isActive || segment.byteCount > 0 else { break }
            if !isTooMuch {
                var isDue = try isOld(segment, now: now, configuration)
                if isDue, isActive {
                    isDue = try hasStood(segment, for: configuration, now: now)
                }
                guard isDue else { break }
            }
            if isActive {
                let isRolled = try ifThereIsRoom { () throws(LogStorageError) in
                    try rollAway(segment, end: end)
                }
                guard isRolled == true else { break }
            }
            total -= segment.byteCount
            start = next
        }
        return start
    }

    /// Rolls a segment; nil on a full disk, where the closed ones that are due go all the same:
    /// that is what makes room.
    private func ifThereIsRoom<Result>(
        _ roll: () throws(LogStorageError) -> Result
    ) throws(LogStorageError) -> Result? {
        do throws(LogStorageError) { return try roll() } catch .disk(.full) { return nil }
    }

    /// Whether an active segment began longer ago than records are kept. Kafka asks only for the
    /// records' times: results of old data would be gone a moment after they were written.
    private func hasStood(
        _ segment: Segment,
        for configuration: LogConfiguration,
        now: Timestamp
    ) throws(LogStorageError) -> Bool {
        guard let begin = try beginTime(of: segment) else { return false }
        return Self.age(of: begin, now) > configuration.retentionMilliseconds
    }

    /// Closes the active segment if nothing came to it meanwhile; whether it did.
    private func rollAway(_ segment: Segment, end: Offset) throws(LogStorageError) -> Bool {
        try state.withLock { state throws(LogStorageError) in
            guard state.readOnlyReason == nil, state.logEnd == end,
                state.segments.last?.baseOffset == segment.baseOffset
            else { return false }
            try roll(&state, at: end)
            registerChanged(&state)
            return true
        }
    }

    func registerChanged(_ state: inout LogState) {
        guard !state.isRegisteredDirty else { return }
        state.isRegisteredDirty = true
        context.register(self)
    }

    /// When the active segment began; where that was before the last start, when its file was last
    /// written.
    private func beginTime(of active: Segment) throws(LogStorageError) -> Timestamp? {
        if let begin = active.beginTime { return begin }
        let disk = context.disk
        return try onDisk { () throws(DiskError) in
            try disk.modificationTime(of: active.file.path)
        }
    }

    /// Whether a partition that sleeps may hold anything that retention would look at.
    private var bytesMayBeOld: Bool {
        guard let bounds = knownBounds else { return offlineReason == nil }
        return bounds.logEnd > bounds.logStart
    }

    /// By its largest timestamp; where that is none, the file's age counts (Kafka's rule).
    private func isOld(
        _ segment: Segment,
        now: Timestamp,
        _ configuration: LogConfiguration
    ) throws(LogStorageError) -> Bool {
        guard configuration.retentionMilliseconds >= 0 else { return false }
        var latest = segment.largestTimestamp
        if latest.rawValue < 0 {
            let disk = context.disk
            let modified = try onDisk { () throws(DiskError) in
                try disk.modificationTime(of: segment.file.path)
            }
            guard let modified else { return false }
            latest = modified
        }
        let (age, overflow) = now.rawValue.subtractingReportingOverflow(latest.rawValue)
        return !overflow && age > configuration.retentionMilliseconds
    }

    /// Closes an active segment whose first record is older than `segment.ms`, so that retention
    /// and compaction come to it. Records that were old when they came do not close it each time:
    /// the segment itself has to be as old, or to have been left alone for as long.
    private func rollIfOld(
        now: Timestamp,
        _ configuration: LogConfiguration
    ) throws(LogStorageError) {
        try state.withLock { state throws(LogStorageError) in
            guard state.readOnlyReason == nil, let active = state.segments.last,
                active.byteCount > 0
            else { return }
            let limit = configuration.closingMilliseconds
            let first = active.firstTimestamp ?? .none
            guard first.rawValue < 0 || Self.age(of: first, now) > limit else { return }
            let begin = try beginTime(of: active)
            guard Self.age(of: begin ?? first, now) > limit, begin != nil || first.rawValue >= 0
            else { return }
            try roll(&state, at: state.logEnd)
            registerChanged(&state)
        }
    }

    /// In milliseconds; negative for a time to come.
    private static func age(of time: Timestamp, _ now: Timestamp) -> Int64 {
        let (age, overflow) = now.rawValue.subtractingReportingOverflow(time.rawValue)
        return overflow ? .min : age
    }

    /// Removes the segments that lie wholly before the durable log start; later, if a cleaning is
    /// under way.
    package func removeSegmentsBeforeLogStart() throws(LogStorageError) {
        _ = try maintainingIfIdle { () throws(LogStorageError) in try removeSegments() }
    }

    private func removeSegments() throws(LogStorageError) {
        guard let first = try firstToKeep() else { return }
        try context.cleanEnd.end()
        // A write-back under way would make index files of what is removed meanwhile.
        try fileWork.withLock { _ throws(LogStorageError) in try removeSegments(before: first) }
    }

    private func removeSegments(before first: Offset) throws(LogStorageError) {
        let removed = state.withLock { state -> [Segment] in
            var removed: [Segment] = []
            while state.segments.count > 1, state.segments[1].baseOffset <= first {
                removed.append(state.segments.removeFirst())
            }
            return removed
        }
        guard !removed.isEmpty else { return }
        let files = files
        // Readers that found a segment before keep its file open until they are done.
        for segment in removed {
            segment.file.discard()
            context.indexes.remove(segment.file)
        }
        try onDisk { () throws(DiskError) in
            for segment in removed { try files.removeSegment(segment.baseOffset) }
            try files.disk.syncDirectory(files.directory)
        }
    }

    /// The base of the segment that the log is to begin with; nil where nothing can go. A start
    /// that finds nothing before it learns of the earlier producers all the same: from its
    /// snapshot, flushed here, or from a recovery point that does not lie before it.
    private func firstToKeep() throws(LogStorageError) -> Offset? {
        let (bases, checkpointed) = state.withLock { state in
            let start = state.durableLogStart
            return (
                state.segments.dropFirst().map(\.baseOffset).filter { $0 <= start },
                state.checkpointed.segment
            )
        }
        let files = files
        return try onDisk { () throws(DiskError) in
            for base in bases.reversed() {
                if try files.flushSnapshot(at: base) || base <= checkpointed { return base }
            }
            return nil
        }
    }
}

extension PartitionLog {
    fileprivate var isStartDurable: Bool {
        state.withLock { $0.durableLogStart >= $0.logStart }
    }
}

extension GroupCommit {
    /// Moves a partition's log start and frees the space before it; durable when it returns.
    package func deleteRecords(
        of log: PartitionLog,
        before offset: Offset
    ) throws(LogStorageError) {
        // What relaxed durability shows may lie behind what is durable: the start would stop there,
        // and what is kept behind it must not be lost before what is deleted for its sake.
        if log.isRelaxed { try flushAndWait([log], mustBeDurable: true) }
        // One that another has moved there may not be durable yet.
        guard try log.moveLogStart(to: offset) || !log.isStartDurable else { return }
        try flushAndWait([log], mustBeDurable: true)
        try log.removeSegmentsBeforeLogStart()
    }
}
