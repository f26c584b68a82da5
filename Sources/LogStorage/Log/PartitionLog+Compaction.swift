package import LogModel
import Threads

/// The log cleaner at work on this partition.
extension PartitionLog {
    /// Cleans the log once if enough of it is new, or an old record asks for it; whether it did
    /// anything. `throttle` is told of each piece with its bytes, waits, and says whether to go on.
    ///
    /// - Throws: `.corrupt` where what is to be cleaned is damaged: it is left as it is.
    package func clean(throttle: (Int) -> Bool) throws(LogStorageError) -> Bool {
        guard configuration.compacts else { return false }
        try wake()
        // Whoever is at work there already may be for long.
        let isDone = try maintainingIfIdle { () throws(LogStorageError) in
            guard let round = cleaningRound() else { return false }
            var cleaner = SegmentCleaner(files: files, round: round)
            do throws(LogStorageError) {
                while true {
                    // Whoever deletes the topic waits for this round.
                    switch try cleaner.next(throttle: { throttle($0) && !isRetired }) {
                    case .cleaned(let group):
                        try swap(group)
                        // Of many small ones little is read, and a stop would wait for all.
                        guard throttle(0), !isRetired else { return false }
                    case .finished(let firstDirty):
                        try finishCleaning(at: firstDirty)
                        return true
                    case .stopped: return false
                    }
                }
            } catch {
                // Trying again would find the same; a full disk ends by itself.
                if case .corrupt(let reason) = error {
                    state.withLock { $0.cleaningProblem = reason }
                }
                if case .readOnly = error { failIfFinal(error) }
                throw error
            }
        }
        return isDone ?? false
    }

    /// Why the log is not compacted any more; nil if it is.
    package var cleaningProblem: String? { state.withLock { $0.cleaningProblem } }

    /// Everything that a round is told, taken at one moment; nil if the log is clean enough.
    private func cleaningRound() -> CleaningRound? {
        let options = cleaningOptions
        let now = time.wallTime()
        let fileTimes = fileTimes(options)
        return state.withLock { state -> CleaningRound? in
            guard state.canBeCleaned else { return nil }
            // The segment of the recovery point is where a start goes on.
            let log = state.cleanable(upTo: state.checkpointed.segment, fileTimes)
            guard let plan = CleaningPlan(for: log, options: options, now: now) else { return nil }
            return CleaningRound(
                plan: plan,
                options: options,
                compacted: state.compacted,
                aborted: state.segments.flatMap(\.aborted),
                producers: state.producers.entries.mapValues {
                    LastProducerRecord(lastDataOffset: $0.batches.last?.lastOffset, epoch: $0.epoch)
                },
                epochs: state.epochs.starts.map { EpochStart(epoch: $0.epoch, offset: $0.offset) },
                now: now
            )
        }
    }

    /// Whether a round has to wait for a write-back: all that it would clean is in segments that do
    /// not stand for themselves yet.
    package var cleaningAwaitsWriteBack: Bool {
        guard configuration.compacts, recoveryReport != nil else { return false }
        let options = cleaningOptions
        let now = time.wallTime()
        let fileTimes = fileTimes(options)
        return state.withLock { state in
            guard state.canBeCleaned, let active = state.segments.last,
                state.checkpointed.segment < active.baseOffset,
                CleaningPlan(
                    for: state.cleanable(upTo: state.checkpointed.segment, fileTimes),
                    options: options,
                    now: now
                ) == nil
            else { return false }
            let all = state.cleanable(upTo: active.baseOffset, fileTimes)
            return CleaningPlan(for: all, options: options, now: now) != nil
        }
    }

    /// When the files of segments whose records have no time were last written: what
    /// `min.compaction.lag.ms` counts from there (Kafka's rule). Nil where nobody asks.
    private func fileTimes(_ options: CleaningOptions) -> [Offset: Timestamp]? {
        guard options.minimumLagMilliseconds > 0 else { return nil }
        let segments = state.withLock { state in
            state.segments.filter { $0.largestTimestamp.rawValue < 0 }
        }
        var times: [Offset: Timestamp] = [:]
        for segment in segments {
            times[segment.baseOffset] = try? context.disk.modificationTime(of: segment.file.path)
        }
        return times
    }

    var cleaningOptions: CleaningOptions {
        let configuration = configuration
        var options = CleaningOptions()
        options.minimumLagMilliseconds = configuration.minimumCompactionLagMilliseconds
        options.maximumLagMilliseconds = configuration.maximumCompactionLagMilliseconds
        options.minimumDirtyRatio = configuration.minimumDirtyRatio
        options.deleteRetentionMilliseconds = configuration.deleteRetentionMilliseconds
        options.segmentByteLimit = configuration.closingByteCount
        options.indexIntervalByteCount = configuration.indexIntervalByteCount
        return options
    }

    /// Puts a cleaned group in place. Readers of the old segments keep their files open. A
    /// write-back under way would write the indexes of old segments over those of the new one, and
    /// make some for segments that are gone.
    private func swap(_ group: CleanedGroup) throws(LogStorageError) {
        try context.cleanEnd.end()
        try fileWork.withLock { _ throws(LogStorageError) in try replace(by: group) }
    }

    private func replace(by group: CleanedGroup) throws(LogStorageError) {
        let old = segments(replacedBy: group)
        var compacted = state.withLock { $0.compacted }
        let swap = SegmentSwap(files: files)
        do throws(LogStorageError) {
            do throws(DiskError) {
                for segment in old { try segment.file.pin() }
            } catch {
                try swap.discard(group)
                throw .disk(error)
            }
            try swap.swap(group, &compacted)
        } catch {
            if compacted.pending == nil {
                // Nothing has happened.
                for segment in old { segment.file.unpin() }
            } else {
                state.withLock { $0.interruptedSwap = group }
                failIfFinal(error)
            }
            throw error
        }
        enter(group, compacted)
        try swap.removeReplaced(by: group)
    }

    /// Goes on with a swap that stopped between old and new, from what lies in the folder, as a
    /// start would. Until then the old segments are read from their open files.
    func completeInterruptedSwap() throws(LogStorageError) {
        guard let group = state.withLock({ $0.interruptedSwap }) else { return }
        try fileWork.withLock { _ throws(LogStorageError) in try completeSwap(of: group) }
    }

    private func completeSwap(of group: CleanedGroup) throws(LogStorageError) {
        let files = files
        let compacted: CompactedSegments
        do throws(LogStorageError) {
            let names = try onDisk { () throws(DiskError) in
                try files.disk.list(files.directory)
            }
            compacted = try CleanerRecovery.recover(files, names: names)
        } catch {
            failIfFinal(error)
            throw error
        }
        if compacted.entry(at: group.base) == group.entry {
            enter(group, compacted)
        } else {
            // It was not decided for after all, and is gone.
            group.file.close()
            for segment in segments(replacedBy: group) { segment.file.unpin() }
        }
        state.withLock { $0.interruptedSwap = nil }
    }

    private func segments(replacedBy group: CleanedGroup) -> [Segment] {
        state.withLock { state in
            state.segments.filter { group.oldBases.contains($0.baseOffset) }
        }
    }

    /// A swap that stopped may be tried again, unless names may be lost that nobody knows of, or
    /// the folder is not what was left there: then only a start can tell what is there.
    private func failIfFinal(_ error: LogStorageError) {
        if case .disk = error { return }
        fail("its files could not be changed: \(error)")
    }

    /// The group is in the place of its old segments on the disk: the same here.
    private func enter(_ group: CleanedGroup, _ compacted: CompactedSegments) {
        var segment = Segment(
            baseOffset: group.base,
            file: PooledFile(
                path: files.path(group.base, .log),
                pool: context.pool,
                open: group.file
            )
        )
        segment.byteCount = group.byteCount
        segment.index = nil
        segment.indexedByteCount = group.byteCount
        segment.largestTimestamp = group.largestTimestamp
        segment.firstTimestamp = group.firstTimestamp
        segment.aborted = group.aborted
        context.indexes.put(group.index, of: segment.file)
        let old = segments(replacedBy: group)
        state.withLock { [segment] state in
            guard let place = state.segments.firstIndex(where: { $0.baseOffset == group.base })
            else { return }
            state.segments.removeAll { group.oldBases.contains($0.baseOffset) }
            state.segments.insert(segment, at: place)
            state.checkedSegments.subtract(group.oldBases)
            state.checkedSegments.insert(group.base)
            state.compacted = compacted
        }
        for segment in old {
            segment.file.discard()
            context.indexes.remove(segment.file)
        }
    }

    private func finishCleaning(at firstDirty: Offset) throws(LogStorageError) {
        var (compacted, first) = state.withLock { state in
            (state.compacted, state.segments.first?.baseOffset ?? state.durableLogStart)
        }
        try SegmentSwap(files: files).finishRound(at: firstDirty, first: first, &compacted)
        state.withLock { [compacted] in $0.compacted = compacted }
    }

    // MARK: Imports

    /// Has the log begin at `offset`, though the first batch that an import brings may lie behind:
    /// positions between are there to be read from, as in the log that it comes from.
    package func beginImport(at offset: Offset) throws(LogStorageError) {
        try locked { state throws(LogStorageError) in state.importStart = offset }
    }

    /// Enters the segments that an import wrote with gaps among those that may have them: what was
    /// appended is what belongs there, and nothing more comes in between.
    package func sealImport() throws(LogStorageError) {
        try maintaining { () throws(LogStorageError) in
            try locked { state throws(LogStorageError) in
                if state.importedWithGaps.contains(state.segments.last?.baseOffset ?? Offset(-1)) {
                    try roll(&state, at: state.logEnd)
                    registerChanged(&state)
                }
            }
            let (segments, gapped, before) = state.withLock {
                ($0.segments, $0.importedWithGaps, $0.compacted)
            }
            // From its entry on a segment stands for itself, and no group is written into it again.
            try flush(segments.filter { gapped.contains($0.baseOffset) }.map(\.file))
            var compacted = before
            for (segment, next) in zip(segments, segments.dropFirst())
            where gapped.contains(segment.baseOffset) {
                compacted.begin(try CompactedSegments.Entry(of: segment, end: next.baseOffset))
                compacted.complete()
            }
            if compacted != before {
                do throws(LogStorageError) { try compacted.write(to: files) } catch {
                    if case .readOnly = error { failIfFinal(error) }
                    throw error
                }
            }
            state.withLock { [compacted] state in
                state.compacted = compacted
                // Of one that retention has taken meanwhile there is nothing to enter.
                state.importedWithGaps.subtract(gapped)
            }
        }
    }

    /// Makes segments durable in their own files, with the folder that they lie in.
    private func flush(_ segments: [PooledFile]) throws(LogStorageError) {
        guard !segments.isEmpty else { return }
        do throws(DiskError) {
            for file in segments {
                try file.sync()
                context.countFdatasync()
            }
            try syncNames(folder: true, parent: true)
        } catch {
            if !error.isUnopened { fail("a flush failed: \(error)") }
            throw .disk(error)
        }
    }
}

extension LogState {
    fileprivate var canBeCleaned: Bool {
        readOnlyReason == nil && importedWithGaps.isEmpty && cleaningProblem == nil
    }

    /// What the cleaner needs to know, were everything written back that lies below an offset. A
    /// segment without times whose file's time is asked for and not known counts as new.
    fileprivate func cleanable(
        upTo recoveryPoint: Offset,
        _ fileTimes: [Offset: Timestamp]?
    ) -> CleanableLog {
        CleanableLog(
            segments: segments.enumerated().map { index, segment in
                CleanableSegment(
                    baseOffset: segment.baseOffset,
                    nextBase: index + 1 < segments.count
                        ? segments[index + 1].baseOffset : logEnd,
                    byteCount: segment.byteCount,
                    firstTimestamp: segment.firstTimestamp,
                    largestTimestamp: segment.largestTimestamp.rawValue >= 0
                        ? segment.largestTimestamp
                        : fileTimes.map { $0[segment.baseOffset] ?? Timestamp(.max) } ?? .none,
                    indexByteCount: Int(segment.byteCount / 4096) * 12
                )
            },
            logStart: logStart,
            firstDirtyOffset: compacted.firstDirtyOffset,
            lastStableOffset: bounds.lastStableOffset,
            highWatermark: highWatermark,
            recoveryPoint: recoveryPoint
        )
    }
}
