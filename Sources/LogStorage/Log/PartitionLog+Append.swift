package import LogModel
import Synchronization
import Threads

extension PartitionLog {
    /// Appends a sealed batch: checks it, gives it its offsets and writes it. It is durable, and
    /// visible, only after a group that takes it. Base offset and leader epoch are assigned in
    /// place (an imported batch keeps its base offset).
    package func append(
        _ batch: UnsafeMutableRawBufferPointer,
        origin: AppendOrigin
    ) throws(LogStorageError) -> AppendOutcome {
        let configuration = configuration
        switch check(batch, origin: origin, configuration) {
        case .refused(let code, let text): return .refused(code, text)
        case .asItIs(let time): return try take(batch, origin: origin, time, configuration)
        case .rewritten(let time):
            return try appendRewritten(batch, origin: origin, time, configuration)
        }
    }

    func take(
        _ batch: UnsafeMutableRawBufferPointer,
        origin: AppendOrigin,
        _ stampedTime: RecordBatchStamp.Time,
        _ configuration: LogConfiguration
    ) throws(LogStorageError) -> AppendOutcome {
        let view: RecordBatchView
        do throws(RecordBatchError) {
            view = try RecordBatchView(UnsafeRawBufferPointer(batch))
        } catch {
            return .refused(.corruptMessage, "the batch is damaged: \(error)")
        }
        let now = time.wallTime()
        return try locked { state throws(LogStorageError) in
            let decision =
                origin == .imported
                ? ProducerTable.Decision.append
                : state.producers.decide(
                    view,
                    checksSequence: origin != .coordinator,
                    checksTransaction: true
                )
            switch decision {
            case .append: break
            case .duplicate(let base, let last): return .duplicate(base: base, last: last)
            case .refuse(let code, let text): return .refused(code, text)
            }
            var base = state.logEnd
            if origin == .imported {
                base = view.baseOffset
                guard view.producerID < ProducerIDBlock.limit else {
                    return .refused(
                        .invalidRecord,
                        "offset \(base.rawValue): producer id \(view.producerID.rawValue) leaves "
                            + "none to give out to producers here"
                    )
                }
                guard !view.lacksSequence else {
                    return .refused(
                        .invalidRecord,
                        "offset \(base.rawValue): the batch of producer "
                            + "\(view.producerID.rawValue) has the sequence number "
                            + "\(view.baseSequence.rawValue), which no producer sends; bring the "
                            + "records without their producers (no --raw)"
                    )
                }
                guard base >= state.logEnd else {
                    return .refused(
                        .invalidRecord,
                        "offset \(base.rawValue) comes after \(state.logEnd.rawValue)"
                    )
                }
            }
            guard base.rawValue <= Int64.max - 2 * Int64(Int32.max) else {
                return .refused(.invalidRecord, "the partition has no offsets left")
            }
            let place = Place(base: base, time: stampedTime, now: now)
            try self.write(batch, place, configuration, into: &state)
            return .appended(base: base, last: base.advanced(by: Int64(view.lastOffsetDelta)))
        }
    }

    /// Where and when a batch goes into the log.
    private struct Place {
        var base: Offset
        var time: RecordBatchStamp.Time
        var now: Timestamp
    }

    /// Registers that a producer's transaction includes this partition: without it no batch of a
    /// transaction is taken, so that none comes in behind the transaction's end.
    package func beginTransaction(
        producerID: ProducerID,
        epoch: ProducerEpoch
    ) throws(LogStorageError) {
        try locked { state throws(LogStorageError) in
            state.producers.beginTransaction(producerID: producerID, epoch: epoch)
        }
    }

    /// Appends the marker that ends a producer's transaction here; returns its offset.
    package func appendMarker(
        producerID: ProducerID,
        epoch: ProducerEpoch,
        coordinatorEpoch: Int32,
        result: TransactionResult
    ) throws(LogStorageError) -> Offset {
        let now = time.wallTime()
        let configuration = configuration
        return try locked { state throws(LogStorageError) in
            let decision = state.producers.decideMarker(
                producerID: producerID,
                epoch: epoch,
                coordinatorEpoch: coordinatorEpoch
            )
            if case .refuse(_, let text) = decision { throw .corrupt(text) }
            var builder = RecordBatchBuilder(capacity: 256)
            let batch = EndTransactionMarker(result: result, coordinatorEpoch: coordinatorEpoch)
                .seal(in: &builder, timestamp: now, producerID: producerID, producerEpoch: epoch)
            let base = state.logEnd
            let place = Place(base: base, time: .asSent, now: now)
            try self.write(batch, place, configuration, into: &state)
            return base
        }
    }

    /// How far ahead of the clock a client's timestamp may lie: Kafka's
    /// `message.timestamp.after.max.ms`.
    private static let aheadMilliseconds: Int64 = 3_600_000

    /// What is asked of a batch that a client sends.
    var rulesForClients: ProduceRules { rules(configuration) }

    private func rules(_ configuration: LogConfiguration) -> ProduceRules {
        ProduceRules(
            batchByteLimit: configuration.maxMessageByteCount,
            latestTimestamp: time.wallTime().advanced(byMilliseconds: Self.aheadMilliseconds),
            usesLogAppendTime: configuration.usesLogAppendTime,
            requiresKeys: configuration.compacts
        )
    }

    private enum Checked {
        case refused(KafkaErrorCode, String)
        case asItIs(RecordBatchStamp.Time)
        case rewritten(RecordBatchStamp.Time)
    }

    /// What can be told of a batch without the log's state.
    private func check(
        _ batch: UnsafeMutableRawBufferPointer,
        origin: AppendOrigin,
        _ configuration: LogConfiguration
    ) -> Checked {
        let appendTime = configuration.usesLogAppendTime ? time.wallTime() : nil
        switch origin {
        case .client:
            do throws(ProduceRefusal) {
                let checked = try ClientBatch.check(
                    UnsafeRawBufferPointer(batch),
                    rules: rules(configuration),
                    appendTime: appendTime
                )
                let isKept = checked.hasDenseOffsets && !wantsOtherCodec(batch, configuration)
                return isKept ? .asItIs(checked.time) : .rewritten(checked.time)
            } catch { return .refused(error.code, error.message) }
        case .embedded, .coordinator, .imported:
            let isImported = origin == .imported
            let limit = isImported ? BatchLimit.byteCount : configuration.maxMessageByteCount
            guard batch.count <= limit else {
                return .refused(
                    .messageTooLarge,
                    "the batch takes \(batch.count) bytes, more than max.message.bytes = \(limit)"
                )
            }
            do throws(RecordBatchError) {
                let view = try RecordBatchView(UnsafeRawBufferPointer(batch))
                guard view.byteCount == batch.count,
                    isImported
                        || !view.attributes.isControl && view.recordCount > 0
                            && view.lastOffsetDelta == view.recordCount - 1
                else { return .refused(.invalidRecord, "not one whole data batch") }
                if origin != .embedded { try view.verifyChecksum() }
                guard !isImported else { return .asItIs(.asSent) }
                let time = appendTime.map(RecordBatchStamp.Time.appended) ?? .asSent
                let isKept = origin == .coordinator || !wantsOtherCodec(batch, configuration)
                return isKept ? .asItIs(time) : .rewritten(time)
            } catch { return .refused(.corruptMessage, "the batch is damaged: \(error)") }
        }
    }

    /// Runs `body` with the state, unless the log is read-only.
    func locked<Result>(
        _ body: (inout LogState) throws(LogStorageError) -> Result
    ) throws(LogStorageError) -> Result {
        try wake()
        return try state.withLock { state throws(LogStorageError) in
            if let reason = state.readOnlyReason { throw .readOnly(reason) }
            return try body(&state)
        }
    }

    /// Gives a batch its place at the log's end and writes it there.
    private func write(
        _ batch: UnsafeMutableRawBufferPointer,
        _ place: Place,
        _ configuration: LogConfiguration,
        into state: inout LogState
    ) throws(LogStorageError) {
        let stamp = RecordBatchStamp(
            baseOffset: place.base,
            leaderEpoch: state.epochs.latest,
            time: place.time
        )
        let view: RecordBatchView
        do throws(RecordBatchError) { view = try stamp.apply(to: batch) } catch {
            throw .corrupt("the batch changed while it was appended: \(error)")
        }
        try context.cleanEnd.end()
        let base = place.base
        let bytes = view.bytes
        if state.segments.isEmpty {
            let start = min(state.importStart ?? base, base)
            let isInReach = start.distance(to: view.lastOffset) <= Int64(Int32.max)
            try makeFirstSegment(at: isInReach ? start : base, &state)
        } else if needsRoll(before: view, state, configuration, now: place.now) {
            let closed = state.active.baseOffset
            try roll(&state, at: base)
            // The gap lies behind the closed segment's last batch, and is that segment's.
            if base > state.logEnd { state.importedWithGaps.insert(closed) }
        }
        let position = state.active.byteCount
        let file = state.active.file
        // A write that fails may leave bytes behind the end; the next append overwrites them, and
        // a restart cuts them: no group vouches for them.
        try onDisk { () throws(DiskError) in try file.write(bytes, at: position) }
        do throws(RecordBatchError) {
            if base > state.logEnd, base > state.active.baseOffset {
                state.importedWithGaps.insert(state.active.baseOffset)
            }
            try state.note(
                view,
                interval: configuration.indexIntervalByteCount,
                now: place.now
            )
        } catch {
            throw .corrupt("the batch changed while it was appended: \(error)")
        }
        notePending(bytes, at: position, configuration, &state)
        assert(
            {
                state.producers.checkInvariants(); return true
            }()
        )
    }

    private func notePending(
        _ bytes: UnsafeRawBufferPointer,
        at position: Int64,
        _ configuration: LogConfiguration,
        _ state: inout LogState
    ) {
        if case .relaxed = configuration.durability {
            state.unflushedByteCount += Int64(bytes.count)
        }
        state.pending.add(
            bytes,
            segment: state.active.baseOffset,
            position: position,
            bulkByteCount: configuration.durability == .flushed ? context.journal.bulkByteCount : 0
        )
        context.appendedByteCount.add(bytes.count, ordering: .relaxed)
        if !state.isRegisteredDirty {
            state.isRegisteredDirty = true
            context.register(self)
        }
    }

    // MARK: Segments

    /// Kafka's rule: by bytes, by the reach of the index's 4-byte offsets, by the time between
    /// record timestamps, or since its begin where its first record has none. A marker's time is
    /// the clock's, and says nothing of its records': each would part old data from the next.
    private func needsRoll(
        before batch: RecordBatchView,
        _ state: LogState,
        _ configuration: LogConfiguration,
        now: Timestamp
    ) -> Bool {
        let active = state.active
        guard active.byteCount > 0 else { return false }
        // What is entered with its end and sum takes no more, as an import leaves it that was
        // killed behind its last batch.
        if state.compacted.entry(at: active.baseOffset) != nil { return true }
        if active.byteCount + Int64(batch.byteCount) > configuration.closingByteCount {
            return true
        }
        if active.baseOffset.distance(to: batch.lastOffset) > Int64(Int32.max) { return true }
        let first = active.firstTimestamp ?? .none
        let hasTime = first.rawValue >= 0 && !batch.attributes.isControl
        guard let begin = hasTime ? first : active.beginTime else { return false }
        let end = hasTime ? batch.maxTimestamp : now
        let (elapsed, overflow) = end.rawValue.subtractingReportingOverflow(begin.rawValue)
        return !overflow && elapsed > configuration.closingMilliseconds
    }

    /// Makes the folder and the first segment, at the partition's first append.
    private func makeFirstSegment(
        at offset: Offset,
        _ state: inout LogState
    ) throws(LogStorageError) {
        try Self.makeFolder(files, key)
        state.parentIsDirty = true
        state.markIsDirty = true
        // An import begins anywhere.
        state.logStart = max(state.logStart, offset)
        state.durableLogStart = state.logStart
        try begin(at: offset, &state)
        let files = files
        let text = state.epochs.text
        try onDisk { () throws(DiskError) in
            try files.writeCache(files.path(LeaderEpochs.fileName), Array(text.utf8))
        }
    }

    /// Makes a partition's folder, or takes over the one that is there if it is this partition's.
    static func makeFolder(_ files: PartitionFiles, _ key: PartitionKey) throws(LogStorageError) {
        let names = try onDisk { () throws(DiskError) in
            try files.disk.createDirectory(files.directory)
            return try files.disk.list(files.directory)
        }
        guard try !LogRecovery.checkOwner(files, key, names) else { return }
        try onDisk { () throws(DiskError) in
            let path = files.path(FolderMark.fileName)
            let metadata = FolderMark(key).bytes
            guard try files.content(of: path) != metadata else { return }
            try files.writeCache(path, metadata)
        }
    }

    private func begin(at offset: Offset, _ state: inout LogState) throws(LogStorageError) {
        let file = PooledFile(path: files.path(offset, .log), pool: context.pool)
        let files = files
        try onDisk { () throws(DiskError) in
            // What a crash left of a segment that no group vouches for; the snapshot is of now.
            for kind in SegmentFile.allCases where kind != .snapshot {
                try files.removeIfPresent(files.path(offset, kind))
            }
            try file.create()
        }
        var segment = Segment(baseOffset: offset, file: file)
        segment.beginTime = time.wallTime()
        state.segments.append(segment)
        state.directoryIsDirty = true
    }

    /// Closes the active segment and begins one at `offset`. The write-back writes the closed
    /// segment's index files.
    func roll(_ state: inout LogState, at offset: Offset) throws(LogStorageError) {
        try context.cleanEnd.end()
        let snapshot = ProducerSnapshotFile.encode(state.producers)
        let files = files
        let active = state.active
        // What a failed write left behind the end must not lie in a closed segment.
        let cut = try onDisk { () throws(DiskError) -> (any DiskFile)? in
            let file = try active.file.file()
            guard try file.byteCount() > active.byteCount else { return nil }
            try file.truncate(to: active.byteCount)
            return file
        }
        if let cut {
            do throws(DiskError) { try cut.sync() } catch {
                // What that flush has lost no later one makes up for.
                state.readOnlyReason = "a flush failed: \(error)"
                throw .disk(error)
            }
        }
        try onDisk { () throws(DiskError) in
            try files.beginSnapshot(snapshot, at: offset)
        }
        // An empty segment that is begun anew at another offset leaves no trace.
        state.active.finishIndex()
        try begin(at: offset, &state)
    }
}
