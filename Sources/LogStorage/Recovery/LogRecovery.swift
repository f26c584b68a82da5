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
    var knowsEpochs = false
    var hasEpochFile = false
    var epochSource = EpochSource.file
    /// A batch has another epoch than was expected: either it or the file is wrong.
    var epochDispute: EpochDispute?
    /// With `.batches`: what stopped the reading is a tail that would be cut.
    var hasTail = false
    /// With `.batches`: what the file says, and how many batches disagree with it.
    var fileEpochs: LeaderEpochs?
    var disagreeingCount = 0
    /// Segments whose index files turned out to lie.
    private var distrusted: Set<Offset> = []
    private var liar: Offset?

    /// Who decides which leader epoch a batch must have.
    enum EpochSource {
        /// The file; where there is none, it is 0.
        case file
        /// The batches, read whole: epochs never fall. Nothing is cut.
        case batches
        /// The batches, and a tail behind the last whole one is cut.
        case batchesForSure
        /// The file, and a batch that says otherwise is damaged.
        case fileForSure

        var isBatches: Bool { self == .batches || self == .batchesForSure }
    }

    struct EpochDispute {
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
        var (state, report) = try read()
        if report.damage == nil { try state.settleCompacted(in: files) }
        return (state, report)
    }

    private mutating func read() throws(LogStorageError) -> (LogState, RecoveryReport) {
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
        guard report.damage == nil || attempt.hasTail, attempt.epochDispute == nil,
            attempt.liar == nil,
            attempt.disagreeingCount > 1 || dispute.batchEpoch == LeaderEpoch(0)
        else { return nil }
        if attempt.hasTail {
            attempt = self
            attempt.epochSource = .batchesForSure
            (state, report) = try attempt.attempt()
        }
        report.cut = report.cut ?? cut
        report.rebuiltEpochs = dispute.reason
        try storeEpochs(state.epochs)
        return (state, report)
    }

    /// An epoch that begins behind the end has written nothing: what is appended before it has
    /// another one. The file has no checksum, and outlives records that were cut.
    private mutating func dropEpochsBehindTheEnd() throws(LogStorageError) {
        guard report.damage == nil else { return }
        let known = state.epochs
        state.epochs.truncate(behind: state.logEnd)
        if state.epochs.starts.isEmpty { state.epochs.note(LeaderEpoch(0), at: .zero) }
        if knowsEpochs, state.epochs != known { try storeEpochs(state.epochs) }
    }

    private func storeEpochs(_ epochs: LeaderEpochs) throws(LogStorageError) {
        let files = files
        try onDisk { () throws(DiskError) in
            try files.writeCache(
                files.path(LeaderEpochs.fileName),
                Array(epochs.text.utf8),
                isFlushed: true
            )
        }
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
        where epochSource.isBatches || distrusted.contains(found.segments[index].base) {
            found.segments[index].hasCaches = false
        }
        let plan = RecoveryPlan(facts, found)
        try clear(plan, names, torn: found.tornSnapshots)
        try carryOut(plan)
        // Another attempt follows.
        if liar != nil || epochDispute != nil { return (state, report) }
        try cutTail(plan)
        if report.damage == nil, let missing = plan.missing, plan.lacksBegin {
            note(damage: missing, in: nil, at: 0)
            report.damage?.lacksBegin = true
        }
        if report.damage == nil, let missing = plan.missing {
            note(damage: missing, in: state.segments.last, at: state.segments.last?.byteCount ?? 0)
        }
        if report.damage == nil, state.logEnd < facts.end.offset,
            let last = state.segments.last
        {
            let reason = "the log ends at \(state.logEnd.rawValue)"
            note(damage: reason, in: last, at: last.byteCount)
        }
        try finish()
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

    private mutating func finish() throws(LogStorageError) {
        guard !state.segments.isEmpty else {
            begin(at: facts.end)
            return try dropEpochsBehindTheEnd()
        }
        if state.segments.count > 0, state.active.index == nil { wakeActiveIndex() }
        // When it was begun nobody knows any more. What is appended must not make it younger.
        if state.active.beginTime == nil {
            let modified = try? context.disk.modificationTime(of: state.active.file.path)
            state.active.beginTime = modified ?? context.time.wallTime()
        }
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
        try dropEpochsBehindTheEnd()
        noteProducersRecovered()
        state.producers.checkInvariants()
    }

    private mutating func noteProducersRecovered() {
        var times: [Offset: Timestamp?] = [:]
        let segments = state.segments
        state.producers.noteRecovered(at: context.time.wallTime()) { [context] offset in
            guard let first = segments.first, offset >= first.baseOffset else { return nil }
            let segment = segments[LogState.segmentIndex(for: offset, in: segments)]
            if let known = times[segment.baseOffset] { return known }
            let time = try? context.disk.modificationTime(of: segment.file.path)
            times[segment.baseOffset] = .some(time)
            return time
        }
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
                guard let next, isBehindAll(obstacle, of: step, next: next) else {
                    return try handle(obstacle, step, rest: plan.steps[(index + 1)...])
                }
            }
            if let reason = fault(of: step, next: next) {
                // The producers are those of a place further on: what is left is read again, for
                // those of its own end.
                if step.treatment == .trust {
                    liar = step.base
                    return
                }
                return try handle(
                    Obstacle(position: step.byteCount, reason: reason),
                    step,
                    rest: plan.steps[(index + 1)...]
                )
            }
            if let next { state.logEnd = next }
        }
    }

    /// Why a segment whose batches are whole is not all that it was: it ends too early, or what
    /// follows is not what followed.
    private func fault(of step: RecoveryPlan.Step, next: Offset?) -> String? {
        if let entry = state.compacted.entry(at: step.base) {
            // At the end of a log whose end is not known, what is whole is all there is.
            let isEnd = next == nil && facts.tail.isUnknown
            // Of a longer one a read finds out: bytes behind its batches are nobody's.
            if step.byteCount < entry.byteCount, !isEnd {
                return "\(step.byteCount) bytes in a compacted segment of \(entry.byteCount)"
            }
            if let next, next != entry.end {
                return "the next segment begins at \(next.rawValue), this one was compacted up to "
                    + "\(entry.end.rawValue)"
            }
        }
        guard let next, next != state.logEnd, !mayGap(behind: step.base, to: next) else {
            return nil
        }
        return "the next segment begins at \(next.rawValue), this one ends at "
            + "\(state.logEnd.rawValue)"
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
            // The files of one without batches may say what is not so, and no write to it comes.
            if step.byteCount == 0, !isLast { segment.transactionFileIsCurrent = false }
            state.segments.append(segment)
            report.rebuiltIndexes += 1
            return try scan(from: 0, to: step.byteCount, of: step)
        }
    }

    /// A segment behind which another comes needs its index in its files only.
    private mutating func closeActive() {
        guard !state.segments.isEmpty else { return }
        state.active.finishIndex()
        guard let index = state.active.index else { return }
        context.indexes.put(index, of: state.active.file)
        // One that its files do not have is kept until the write-back has written it.
        if !state.active.needsIndexFiles { state.active.index = nil }
    }

    // MARK: Small files

    private mutating func loadEpochs() throws(LogStorageError) {
        guard let bytes = try read(files.path(LeaderEpochs.fileName)) else { return }
        hasEpochFile = true
        guard let epochs = LeaderEpochs(text: String(decoding: bytes, as: UTF8.self)),
            !epochs.starts.isEmpty
        else { return }
        if epochSource.isBatches {
            fileEpochs = epochs
            return
        }
        state.epochs = epochs
        knowsEpochs = true
    }

    /// What can be made anew from the batches; nil for a file that is not there, or unreadable.
    func read(_ path: String) throws(LogStorageError) -> [UInt8]? {
        let files = files
        return try onDisk { () throws(DiskError) in
            do throws(DiskError) { return try files.content(of: path) } catch {
                // An empty file would say something: that there is nothing to say.
                guard error.saysUnreadable else { throw error }
                return nil
            }
        }
    }
}
