import LogModel

/// Opens the log of a partition's folder: finds its segments, reads what has to be read, cuts an
/// unflushed tail, and rebuilds what is only cached.
///
/// After a clean close everything is taken from the caches. Otherwise the segments from the
/// recovery point on are read whole, and also those whose caches are missing or make no sense.
/// A batch must have the right length, magic and CRC; its base offset, which no CRC covers, must
/// be the next one (or, in a compacted log, not smaller), and its leader epoch must be the one
/// that the epoch file gives for the offset.
///
/// What is bad at or behind the durable bound was never flushed: the log is cut there. What is
/// bad below it is damage: nothing is cut, and the log is readable up to it and takes no appends.
struct LogRecovery {
    let files: PartitionFiles
    let configuration: LogConfiguration
    let cleanShutdown: Bool
    let recoveryPoint: Offset
    private var durable: Offset
    private var report = RecoveryReport()
    var state: LogState
    /// Whether the epoch file could be read: then it decides about epochs.
    var knowsEpochs = false
    /// Segments behind those in the state, not looked at yet.
    var pendingSegments: [Segment]
    /// The offset of the snapshot that was loaded.
    var snapshotOffset: Offset?
    /// How many segments were taken from their caches.
    var scannedFrom = 0

    /// What stopped a scan, and where.
    private struct Obstacle {
        var position: Int64
        var reason: String
    }

    init(
        files: PartitionFiles,
        configuration: LogConfiguration,
        cleanShutdown: Bool,
        recoveryPoint: Offset,
        logStart: Offset?
    ) throws(LogStorageError) {
        self.files = files
        self.configuration = configuration
        self.cleanShutdown = cleanShutdown
        self.recoveryPoint = recoveryPoint
        let mark = try onDisk { () throws(DiskError) in
            try files.content(of: files.path(DurableMark.fileName)).flatMap(DurableMark.init)
        }
        durable = max(recoveryPoint, mark?.durable ?? .zero)
        var segments = try Self.openSegments(files)
        let noted = max(logStart ?? .zero, mark?.logStart ?? .zero)
        try Self.removeDeleted(&segments, before: noted, files)
        let first = segments[0].baseOffset
        let start = max(first, noted)
        state = LogState(
            segments: [segments[0]],
            producers: ProducerTable(),
            logStart: start,
            logEnd: first,
            highWatermark: first,
            firstDirtySegment: first,
            epochs: LeaderEpochs()
        )
        pendingSegments = Array(segments.dropFirst())
    }

    private static func openSegments(
        _ files: PartitionFiles
    ) throws(LogStorageError) -> [Segment] {
        try onDisk { () throws(DiskError) in
            var segments: [Segment] = []
            for name in try files.disk.list(files.directory) {
                guard let base = SegmentName.offset(in: name, suffix: ".log") else { continue }
                var segment = Segment(
                    baseOffset: base,
                    file: try files.disk.open(files.path(name), .readWrite)
                )
                segment.byteCount = try segment.file.byteCount()
                segments.append(segment)
            }
            if segments.isEmpty {
                segments.append(try PartitionLog.makeSegment(at: .zero, files: files))
            }
            return segments.sorted { $0.baseOffset < $1.baseOffset }
        }
    }

    /// Recovers, and flushes again whatever was not surely durable before it can be served.
    mutating func run() throws(LogStorageError) -> (LogState, RecoveryReport) {
        try loadEpochs()
        let lengths = [state.segments[0].byteCount] + pendingSegments.map(\.byteCount)
        let caches = try loadCaches()
        let bases = [state.segments[0].baseOffset] + pendingSegments.map(\.baseOffset)
        var firstScan = firstSegmentToScan(bases, caches, lengths)
        var end: Offset?
        if firstScan == nil { end = try endOfLastSegment(caches) }
        try loadProducers(at: bases, orAt: end, below: firstScan)
        if firstScan == nil, end == nil || snapshotOffset != end {
            firstScan = bases.last
            try loadProducers(at: bases, orAt: nil, below: firstScan)
        }
        try takeCached(bases, caches, until: firstScan, end: end, lengths)
        try scan(lengths)
        report.wasClean = cleanShutdown && report.cut == nil && report.damage == nil
        if report.damage == nil, state.logEnd < durable { noteMissing() }
        try makeDurable()
        state.highWatermark = state.logEnd
        state.durableEnd = state.logEnd
        state.logStart = min(state.logStart, state.logEnd)
        state.producers.noteDurable(below: state.logEnd)
        state.firstDirtySegment = state.active.baseOffset
        state.producers.checkInvariants()
        return (state, report)
    }

    // MARK: Scanning

    /// Reads the segments that were not taken from caches, in order.
    private mutating func scan(_ lengths: [Int64]) throws(LogStorageError) {
        while scannedFrom < state.segments.count + pendingSegments.count {
            if scannedFrom >= state.segments.count { takeNextSegment() }
            let length = lengths[scannedFrom]
            scannedFrom += 1
            var obstacle: Obstacle?
            if state.segments.count > 1, state.active.baseOffset != state.logEnd,
                !(configuration.compacts && state.active.baseOffset > state.logEnd)
            {
                obstacle = Obstacle(
                    position: 0,
                    reason: "the segment begins at \(state.active.baseOffset.rawValue), the log "
                        + "before it ends at \(state.logEnd.rawValue)"
                )
            }
            if obstacle == nil {
                obstacle = try scanActive(length: length)
            }
            guard let obstacle else { continue }
            return try handle(obstacle, length: length)
        }
    }

    /// Reads the active segment from its start; what stopped it, if anything did.
    private mutating func scanActive(
        length: Int64
    ) throws(LogStorageError) -> Obstacle? {
        let base = state.active.baseOffset
        state.active = Segment(baseOffset: base, file: state.active.file)
        state.logEnd = max(state.logEnd, base)
        report.rebuiltIndexes += 1
        var scanner = SegmentScanner(file: state.active.file, from: 0, to: length)
        while true {
            let step: SegmentScanner.Step
            do throws(DiskError) { step = try scanner.next() } catch { throw .disk(error) }
            switch step {
            case .end: return nil
            case .bad(let error):
                return Obstacle(position: scanner.position, reason: "\(error)")
            case .batch(let batch):
                if let reason = mismatch(batch) {
                    return Obstacle(position: scanner.position, reason: reason)
                }
                if let reason = take(batch) {
                    return Obstacle(position: scanner.position, reason: reason)
                }
                report.scannedByteCount += Int64(batch.byteCount)
                scanner.advance(by: batch.byteCount)
            }
        }
    }

    /// What is wrong with the fields that the CRC does not cover, and with the counts.
    private func mismatch(_ batch: RecordBatchView) -> String? {
        let expected = state.logEnd
        let offsetFits =
            configuration.compacts
            ? batch.baseOffset >= expected : batch.baseOffset == expected
        guard offsetFits else {
            return "base offset \(batch.baseOffset.rawValue), where \(expected.rawValue) is next"
        }
        guard batch.lastOffsetDelta >= 0, batch.recordCount >= 0 else {
            return "a negative offset delta or record count"
        }
        let epoch = batch.leaderEpoch
        if knowsEpochs, let known = state.epochs.expected(at: batch.baseOffset) {
            guard epoch == known else {
                return "leader epoch \(epoch.rawValue), where \(known.rawValue) is known"
            }
        } else {
            guard epoch >= state.epochs.latest || epoch.rawValue < 0, epoch.rawValue < 1 << 24
            else {
                return "leader epoch \(epoch.rawValue) after \(state.epochs.latest.rawValue)"
            }
        }
        return nil
    }

    /// Takes a good batch into the state.
    private mutating func take(_ batch: RecordBatchView) -> String? {
        do throws(RecordBatchError) {
            try state.note(batch, interval: configuration.indexIntervalByteCount)
            return nil
        } catch { return "\(error)" }
    }

    // MARK: Obstacles

    private mutating func handle(_ obstacle: Obstacle, length: Int64) throws(LogStorageError) {
        let path = files.path(state.active.baseOffset, ".log")
        guard state.logEnd >= durable else {
            let damage = RecoveryReport.Damage(
                offset: state.logEnd,
                file: path,
                position: obstacle.position,
                reason: obstacle.reason
            )
            report.damage = damage
            state.readOnlyReason =
                "\(path), position \(obstacle.position), offset \(state.logEnd.rawValue): "
                + "\(obstacle.reason); everything up to \(durable.rawValue) was flushed, "
                + "so this is damage and nothing was cut"
            return
        }
        var byteCount = length - obstacle.position
        let files = files
        let active = state.active
        var later = pendingSegments
        if obstacle.position == 0, state.segments.count > 1,
            active.baseOffset != state.logEnd
        {
            // It does not follow the segment before it, which takes the appends again: what is
            // appended next must not come into a file named after another offset.
            later.append(state.segments.removeLast())
        }
        try onDisk { () throws(DiskError) in
            try active.file.truncate(to: obstacle.position)
            for segment in later {
                segment.file.close()
                for suffix in [".log", ".index", ".timeindex", ".txnindex"] {
                    try files.removeIfPresent(files.path(segment.baseOffset, suffix))
                }
            }
        }
        for segment in pendingSegments { byteCount += segment.byteCount }
        pendingSegments = []
        state.epochs.truncate(to: state.logEnd)
        state.directoryIsDirty = true
        report.cut = RecoveryReport.Cut(
            offset: state.logEnd,
            byteCount: byteCount,
            reason: obstacle.reason
        )
    }

    /// The files end below what was flushed.
    private mutating func noteMissing() {
        let path = files.path(state.active.baseOffset, ".log")
        report.damage = RecoveryReport.Damage(
            offset: state.logEnd,
            file: path,
            position: state.active.byteCount,
            reason: "the log ends here, but everything below \(durable.rawValue) was flushed"
        )
        state.readOnlyReason =
            "\(path) ends at offset \(state.logEnd.rawValue), but everything below "
            + "\(durable.rawValue) was flushed: records are missing"
    }

    // MARK: Durable again

    /// Flushes what was kept of an unclean log, and removes snapshots from behind its end.
    private mutating func makeDurable() throws(LogStorageError) {
        let files = files
        let state = state
        let isUnclean = !cleanShutdown
        let durable = durable
        try onDisk { () throws(DiskError) in
            for name in try files.disk.list(files.directory) {
                let snapshot = SegmentName.offset(in: name, suffix: ".snapshot")
                if let snapshot, snapshot > state.logEnd, state.readOnlyReason == nil {
                    try files.disk.remove(files.path(name))
                }
            }
            guard isUnclean, state.readOnlyReason == nil else { return }
            try Self.writeAgain(state, from: durable)
            for segment in state.segments { try segment.file.sync() }
            try files.disk.syncDirectory(files.directory)
        }
        self.state.directoryIsDirty = false
    }
}
