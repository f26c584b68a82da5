import LogModel

/// Carries out the plan for a partition's folder: removes and cuts what nothing vouches for, takes
/// over what index files say, reads the rest.
///
/// A batch that is read must have the right length, magic and CRC; its base offset, which no CRC
/// covers, must be the next one (or, in a segment known to have gaps, not smaller), and its leader
/// epoch the one that is known for the offset. What is bad below the vouched end is damage: nothing
/// is cut, and the log is readable up to it and takes no appends.
struct LogRecovery {
    let files: PartitionFiles
    let configuration: LogConfiguration
    let context: LogContext
    let key: PartitionKey
    let facts: PartitionFacts
    var state = LogState()
    var report = RecoveryReport()
    /// Whether the epoch file could be read: then it decides about epochs.
    private var knowsEpochs = false
    private var hasEpochFile = false
    private var epochSource = EpochSource.file
    /// A batch has another epoch than was expected: either it or the file is wrong.
    private var epochDispute: EpochDispute?
    /// With `.batches`: what the file says, and how many batches disagree with it.
    private var fileEpochs: LeaderEpochs?
    private var disagreeingCount = 0
    /// Segments whose index files turned out to lie.
    private var distrusted: Set<Offset> = []
    private var liar: Offset?

    /// Who decides which leader epoch a batch must have.
    private enum EpochSource {
        /// The file; where there is none, it is 0.
        case file
        /// The batches, read whole: epochs never fall.
        case batches
        /// The file, and a batch that says otherwise is damaged.
        case fileForSure
    }

    private struct EpochDispute {
        var batchEpoch: LeaderEpoch
        var reason: String
    }

    /// What stopped a scan, and where.
    struct Obstacle {
        var position: Int64
        var reason: String
    }

    init(
        files: PartitionFiles,
        configuration: LogConfiguration,
        context: LogContext,
        key: PartitionKey,
        facts: PartitionFacts
    ) {
        self.files = files
        self.configuration = configuration
        self.context = context
        self.key = key
        self.facts = facts
    }

    mutating func run() throws(LogStorageError) -> (LogState, RecoveryReport) {
        var cut: RecoveryReport.Cut?
        while true {
            var attempt = self
            var (state, report) = try attempt.attempt()
            report.cut = report.cut ?? cut
            if let dispute = attempt.epochDispute {
                if let rebuilt = try rebuiltEpochs(dispute, report.cut) { return rebuilt }
                epochSource = .fileForSure
                cut = report.cut
                continue
            }
            guard let liar = attempt.liar, distrusted.insert(liar).inserted else {
                return (state, report)
            }
            // Once more, without what was believed.
            cut = report.cut
        }
    }

    /// Everything read again with the batches' own epochs, where those are right and the file is
    /// not: many batches against it, or one with the epoch that this log gives. Nil otherwise.
    private func rebuiltEpochs(
        _ dispute: EpochDispute,
        _ cut: RecoveryReport.Cut?
    ) throws(LogStorageError) -> (LogState, RecoveryReport)? {
        var attempt = self
        attempt.epochSource = .batches
        var (state, report) = try attempt.attempt()
        guard report.damage == nil, attempt.epochDispute == nil, attempt.liar == nil,
            attempt.disagreeingCount > 1 || dispute.batchEpoch == LeaderEpoch(0)
        else { return nil }
        report.cut = report.cut ?? cut
        report.rebuiltEpochs = dispute.reason
        let text = state.epochs.text
        let files = files
        try onDisk { () throws(DiskError) in
            try files.writeCache(
                files.path(LeaderEpochs.fileName),
                Array(text.utf8),
                isFlushed: true
            )
        }
        return (state, report)
    }

    private mutating func attempt() throws(LogStorageError) -> (LogState, RecoveryReport) {
        state.recovery = facts.recovery
        state.checkpointed = facts.recovery.place
        guard var names = try claimFolder() else {
            begin(at: facts.end)
            noteSuspicion()
            return (state, report)
        }
        if try finishCleaning(names) { names = try claimFolder() ?? [] }
        try loadEpochs()
        var found = try look(names)
        for index in found.segments.indices
        where epochSource == .batches || distrusted.contains(found.segments[index].base) {
            found.segments[index].hasCaches = false
        }
        let plan = RecoveryPlan(facts, found)
        try clear(plan, names)
        try carryOut(plan)
        // Another attempt follows.
        if liar != nil || epochDispute != nil { return (state, report) }
        if report.damage == nil, let missing = plan.missing {
            note(damage: missing, in: state.segments.last, at: state.segments.last?.byteCount ?? 0)
        }
        if report.damage == nil, facts.tail == .cut, state.logEnd < facts.end.offset,
            let last = state.segments.last
        {
            let reason = "the log ends at \(state.logEnd.rawValue)"
            note(damage: reason, in: last, at: last.byteCount)
        }
        finish()
        noteSuspicion()
        return (state, report)
    }

    private mutating func noteSuspicion() {
        guard let suspicion = facts.suspicion, report.damage == nil else { return }
        note(
            damage: suspicion,
            in: state.segments.last,
            at: state.segments.last?.byteCount ?? 0
        )
    }

    /// An empty log, or one of which only the end is known.
    private mutating func begin(at place: LogPlace) {
        state.logStart = max(facts.logStart, place.offset)
        state.durableLogStart = state.logStart
        state.logEnd = place.offset
        state.highWatermark = place.offset
        state.durable = LogPlace(offset: place.offset, segment: place.offset, position: 0)
        state.firstDirtySegment = place.offset
        state.epochs.note(LeaderEpoch(0), at: .zero)
    }

    private mutating func finish() {
        guard !state.segments.isEmpty else { return begin(at: facts.end) }
        if state.segments.count > 0, state.active.index == nil { wakeActiveIndex() }
        state.logStart = min(
            max(facts.logStart, state.segments[0].baseOffset),
            max(state.logEnd, facts.logStart)
        )
        state.highWatermark = state.logEnd
        state.durable = state.endPlace
        state.capturedEnd = facts.end.offset
        state.durableLogStart = state.logStart
        state.producers.noteDurable(below: state.logEnd)
        // What was replayed or found behind the recovery point is not flushed in its file yet.
        state.firstDirtySegment =
            facts.end == facts.recovery.place && facts.tail == .cut
            ? state.active.baseOffset : facts.recovery.place.segment
        if facts.end != facts.recovery.place || facts.tail != .cut {
            // Nor are the names of what the replay has made, or an owner that was killed.
            state.directoryIsDirty = true
            state.parentIsDirty = true
            state.markIsDirty = true
        }
        if state.epochs.starts.isEmpty { state.epochs.note(LeaderEpoch(0), at: .zero) }
        state.producers.noteRecovered(at: context.time.wallTime())
        state.producers.checkInvariants()
    }

    /// The active segment needs its index in memory, to go on with it.
    private mutating func wakeActiveIndex() {
        state.active.index =
            context.indexes.index(of: state.active.file) ?? SegmentIndex()
    }

    // MARK: Carrying out

    private mutating func carryOut(_ plan: RecoveryPlan) throws(LogStorageError) {
        if let offset = plan.snapshot {
            let path = files.path(offset, .snapshot)
            var bytes = offset == facts.recovery.place.offset ? facts.recovery.snapshot : nil
            if bytes == nil { bytes = try read(path) }
            guard let table = bytes.flatMap(ProducerSnapshotFile.decode) else {
                throw .corrupt("\(path) changed while it was read")
            }
            state.producers = table
        }
        for (index, step) in plan.steps.enumerated() {
            let next = index + 1 < plan.steps.count ? plan.steps[index + 1].base : nil
            let obstacle = try take(step, isLast: next == nil)
            if liar != nil || epochDispute != nil { return }
            if let obstacle {
                // Behind the last batch of a closed segment lies what a failed write left.
                guard let next, next == state.logEnd else {
                    return try handle(obstacle, step, rest: plan.steps[(index + 1)...])
                }
            }
            if let next, next != state.logEnd, !mayGap(behind: step.base, to: next) {
                return try handle(
                    Obstacle(
                        position: step.byteCount,
                        reason: "the next segment begins at \(next.rawValue), this one ends at "
                            + "\(state.logEnd.rawValue)"
                    ),
                    step,
                    rest: plan.steps[(index + 1)...]
                )
            }
            if let next { state.logEnd = next }
        }
    }

    /// Takes one segment into the state; what stopped that, if anything did.
    private mutating func take(
        _ step: RecoveryPlan.Step,
        isLast: Bool
    ) throws(LogStorageError) -> Obstacle? {
        var segment = Segment(
            baseOffset: step.base,
            file: PooledFile(path: files.path(step.base, .log), pool: context.pool)
        )
        if state.segments.isEmpty { state.logEnd = step.base }
        closeActive()
        switch step.treatment {
        case .trust:
            guard try loadCaches(of: &segment, step) else {
                liar = step.base
                return nil
            }
            state.segments.append(segment)
            if !isLast { state.active.index = nil }
            return nil
        case .resume:
            guard let from = try resume(&segment, step) else {
                liar = step.base
                return nil
            }
            state.segments.append(segment)
            let obstacle = try scan(from: from, to: step.byteCount, of: step)
            if from > 0, let obstacle, obstacle.position < facts.recovery.place.position {
                liar = step.base
                return nil
            }
            return obstacle
        case .scan:
            state.segments.append(segment)
            report.rebuiltIndexes += 1
            return try scan(from: 0, to: step.byteCount, of: step)
        }
    }

    /// A segment behind which another comes needs its index in its files only.
    private mutating func closeActive() {
        guard !state.segments.isEmpty, var index = state.active.index else { return }
        index.finish()
        context.indexes.put(index, of: state.active.file)
        if state.active.indexedByteCount < state.active.byteCount {
            // Kept until it is written: the write-back does that.
            state.active.index = index
        } else {
            state.active.index = nil
        }
    }

    // MARK: Scanning

    private mutating func scan(
        from: Int64,
        to end: Int64,
        of step: RecoveryPlan.Step
    ) throws(LogStorageError) -> Obstacle? {
        let file = try onDisk { [segment = state.active] () throws(DiskError) in
            try segment.file.file()
        }
        let resumed = step.treatment == .resume ? facts.recovery.place : nil
        var scanner = SegmentScanner(file: file, from: from, to: end)
        state.active.byteCount = from
        var indexed = from > 0 ? state.active.index?.offsets.last?.offset : nil
        while true {
            let next: SegmentScanner.Step
            do throws(DiskError) { next = try scanner.next() } catch { throw .disk(error) }
            switch next {
            case .end:
                try takeProducers(at: scanner.position, of: step)
                return nil
            case .bad(let error):
                return Obstacle(position: scanner.position, reason: "\(error)")
            case .batch(let batch):
                if let expected = indexed {
                    guard batch.lastOffset == expected else {
                        return Obstacle(
                            position: scanner.position,
                            reason: "the batch is not the one that the index says"
                        )
                    }
                    state.logEnd = batch.baseOffset
                    indexed = nil
                }
                try takeProducers(at: scanner.position, of: step)
                if let reason = take(batch, at: scanner.position, resumed) {
                    return Obstacle(position: scanner.position, reason: reason)
                }
                report.scannedByteCount += Int64(batch.byteCount)
                scanner.advance(by: batch.byteCount)
            }
        }
    }

    /// At the recovery point its snapshot knows more than a scan that began behind the first
    /// batches of some producer, which are deleted by now.
    private mutating func takeProducers(
        at position: Int64,
        of step: RecoveryPlan.Step
    ) throws(LogStorageError) {
        let recovery = facts.recovery.place
        guard step.treatment == .scan, recovery.offset > .zero, step.base == recovery.segment,
            position == recovery.position, state.logEnd == recovery.offset
        else { return }
        var bytes = facts.recovery.snapshot
        if bytes == nil { bytes = try read(files.path(recovery.offset, .snapshot)) }
        guard let table = bytes.flatMap(ProducerSnapshotFile.decode) else { return }
        state.producers = table
    }

    /// Takes a batch into the state; why not, if it does not fit.
    private mutating func take(
        _ batch: RecordBatchView,
        at position: Int64,
        _ resumed: LogPlace?
    ) -> String? {
        if let resumed, position == resumed.position, state.logEnd != resumed.offset {
            guard state.mayGap(state.active.baseOffset) else {
                return "the log before it ends at \(state.logEnd.rawValue), where "
                    + "\(resumed.offset.rawValue) was written back"
            }
            state.logEnd = resumed.offset
        }
        if let reason = mismatch(batch) { return reason }
        // In front of the recovery point only the index is completed: the rest is known.
        if let resumed, position < resumed.position {
            state.active.note(batch, interval: configuration.indexIntervalByteCount)
            state.logEnd = batch.nextOffset
            return nil
        }
        do throws(RecordBatchError) {
            try state.note(batch, interval: configuration.indexIntervalByteCount)
            return nil
        } catch { return "\(error)" }
    }

    /// What is wrong with the fields that the CRC does not cover, and with the counts.
    private mutating func mismatch(_ batch: RecordBatchView) -> String? {
        let expected = state.logEnd
        let mayGap = state.mayGap(state.active.baseOffset)
        guard batch.baseOffset == expected || mayGap && batch.baseOffset > expected else {
            return "base offset \(batch.baseOffset.rawValue), where \(expected.rawValue) is next"
        }
        guard batch.lastOffsetDelta >= 0, batch.recordCount >= 0 else {
            return "a negative offset delta or record count"
        }
        return epochMismatch(batch)
    }

    private mutating func epochMismatch(_ batch: RecordBatchView) -> String? {
        // A log of one node never raises it: 0, unless the file says otherwise.
        let known = knowsEpochs ? state.epochs.expected(at: batch.baseOffset) : nil
        let expectedEpoch = known ?? LeaderEpoch(0)
        if epochSource == .batches {
            let told = fileEpochs?.expected(at: batch.baseOffset) ?? LeaderEpoch(0)
            if told != batch.leaderEpoch { disagreeingCount += 1 }
            guard batch.leaderEpoch < state.epochs.latest else { return nil }
            return "leader epoch \(batch.leaderEpoch.rawValue) behind "
                + "\(state.epochs.latest.rawValue)"
        }
        guard batch.leaderEpoch == expectedEpoch else {
            let reason =
                "leader epoch \(batch.leaderEpoch.rawValue), where "
                + "\(expectedEpoch.rawValue) is known"
            if epochSource == .file, hasEpochFile {
                epochDispute = EpochDispute(batchEpoch: batch.leaderEpoch, reason: reason)
            }
            return reason
        }
        return nil
    }

    private func mayGap(behind base: Offset, to next: Offset) -> Bool {
        next > state.logEnd && state.mayGap(base)
    }

    // MARK: Obstacles

    private mutating func handle(
        _ obstacle: Obstacle,
        _ step: RecoveryPlan.Step,
        rest: ArraySlice<RecoveryPlan.Step>
    ) throws(LogStorageError) {
        let isBehindVouched =
            facts.tail == .keepWhole
            && (step.base, obstacle.position)
                >= (facts.recovery.place.segment, facts.recovery.place.position)
        // A reading that may be given up cuts nothing.
        guard isBehindVouched, epochSource != .batches else {
            return note(damage: obstacle.reason, in: state.active, at: obstacle.position)
        }
        let byteCount = rest.reduce(step.byteCount - obstacle.position) { $0 + $1.byteCount }
        let active = state.active
        let files = files
        try onDisk { () throws(DiskError) in
            let file = try active.file.file()
            try file.truncate(to: obstacle.position)
            try file.sync()
            for step in rest { try files.removeSegment(step.base) }
            if !rest.isEmpty { try files.disk.syncDirectory(files.directory) }
        }
        state.directoryIsDirty = true
        report.cut = RecoveryReport.Cut(
            offset: state.logEnd,
            byteCount: byteCount,
            reason: obstacle.reason
        )
    }

    private mutating func note(damage reason: String, in segment: Segment?, at position: Int64) {
        let path = segment?.file.path ?? files.directory
        report.damage = RecoveryReport.Damage(
            offset: state.logEnd,
            file: path,
            position: position,
            reason: reason
        )
        var text = "\(path), byte \(position), offset \(state.logEnd.rawValue): \(reason)"
        if case .unknown(let why) = facts.tail {
            text += "; \(why), so nothing was cut"
        } else {
            text +=
                "; everything up to \(facts.end.offset.rawValue) was acknowledged, so this is "
                + "damage and nothing was cut"
        }
        state.readOnlyReason = text
    }

    // MARK: Small files

    private mutating func loadEpochs() throws(LogStorageError) {
        guard let bytes = try read(files.path(LeaderEpochs.fileName)) else { return }
        hasEpochFile = true
        guard let epochs = LeaderEpochs(text: String(decoding: bytes, as: UTF8.self)),
            !epochs.starts.isEmpty
        else { return }
        if epochSource == .batches {
            fileEpochs = epochs
            return
        }
        state.epochs = epochs
        knowsEpochs = true
    }

    func read(_ path: String) throws(LogStorageError) -> [UInt8]? {
        let files = files
        return try onDisk { () throws(DiskError) in try files.content(of: path) }
    }
}
