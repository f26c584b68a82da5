import LogModel
import Threads

/// Makes the segments stand for themselves, so that the journal need not vouch for them any more.
extension PartitionLog {
    /// How much an active segment grows until its index files are written: what a start after a
    /// crash reads of it at most, besides what lies behind the recovery point.
    static let indexedByteCount: Int64 = 1 << 20

    /// So often in a row its indexes, snapshot or mark may fail to be written; then the partition
    /// takes no more, for what its journal has is kept that long. A full disk does not count.
    static let cacheFailureLimit = 8

    /// Has the next write-back take this partition along, whatever was appended since the last.
    func needsWriteBack() {
        do throws(LogStorageError) { try wake() } catch {
            // What a partition has that cannot be opened stays as it is.
            return
        }
        state.withLock { state in
            guard !state.isRegisteredDirty, !state.segments.isEmpty else { return }
            state.isRegisteredDirty = true
            context.register(self)
        }
    }

    /// Has the next write-back take a partition along that was just opened, where that made index
    /// files of closed segments anew, or the last one's transaction index: they would be at every
    /// start.
    func registerIfLacking(_ state: inout LogState) {
        guard state.readOnlyReason == nil, !state.isRegisteredDirty,
            state.segments.dropLast().contains(where: \.needsIndexFiles)
                || state.segments.last.map({ !$0.transactionFileIsCurrent }) ?? false
        else { return }
        state.isRegisteredDirty = true
        context.register(self)
    }

    /// Whether the segments hold everything below `target` for themselves, and the checkpoint may
    /// say so. False for one that cannot be opened, and for one without a segment, whose folder may
    /// lie elsewhere.
    func isWrittenBack(to target: Offset) -> Bool {
        guard recoveryReport != nil else { return false }
        return state.withLock { state in
            !state.segments.isEmpty && state.recovery.place.offset >= target
        }
    }

    /// Makes the folder's mark and its name durable, where that was not done yet.
    func flushMark() throws(DiskError) {
        try fileWork.withLock { _ throws(DiskError) in try writeMark() }
    }

    private func writeMark() throws(DiskError) {
        guard state.withLock({ $0.markIsDirty }) else { return }
        try files.writeCache(
            files.path(FolderMark.fileName),
            FolderMark(key).bytes,
            isFlushed: true
        )
        try syncNames(folder: true, parent: true)
        state.withLock { $0.markIsDirty = false }
    }

    /// A write-back takes this partition along: what is appended from now on is for the next one.
    func willBeWrittenBack() { state.withLock { $0.isRegisteredDirty = false } }

    /// What is still pending is for the next write-back, whether or not anything is appended.
    func staysDirtyIfPending() {
        state.withLock { state in
            guard !state.pending.isEmpty, !state.isRegisteredDirty else { return }
            state.isRegisteredDirty = true
            context.register(self)
        }
    }

    /// Notes up to where groups vouch for the partition now, and a state to begin from, where the
    /// group that was just written took everything.
    func captureIfSettled() {
        state.withLock { state in
            state.capturedEnd = max(state.capturedEnd, state.durable.offset)
            settleIfWhole(&state)
        }
    }

    /// Groups vouch for more than the segments hold after a write-back: it failed, or the
    /// partition is damaged.
    var isBehindItsJournal: Bool {
        state.withLock { $0.recovery.place.offset < $0.capturedEnd }
    }

    private struct WriteBack {
        var capture: LogCapture
        /// The producers at the captured place, encoded.
        var snapshot: [UInt8] = []
        var files: [PooledFile]
        var segments: [Segment]
        var directoryIsDirty: Bool
        var parentIsDirty: Bool
        var markIsDirty: Bool
        var abortedCount: UInt32

        var needsSnapshotFile: Bool {
            snapshot.count > PartitionCheckpoint.inlineSnapshotByteCount
        }

        var changesNames: Bool { directoryIsDirty || markIsDirty || needsSnapshotFile }
    }

    /// Flushes the segments up to the last captured place that is durable; the checkpoint entry
    /// that stands for it. With `all`, every index file is written, as at an end.
    ///
    /// - Throws: a failure; the recovery point stays, and the partition's part of the journal has
    ///   to be kept. Of a flush of the segments it is final: the partition acknowledges no more.
    ///   Files that can be made anew are tried again by the next write-back.
    func writeBack(all: Bool) throws(DiskError) -> PartitionCheckpoint {
        try fileWork.withLock { _ throws(DiskError) in try writeSegmentsBack(all: all) }
    }

    private func writeSegmentsBack(all: Bool) throws(DiskError) -> PartitionCheckpoint {
        guard var work = nextWriteBack(all: all) else {
            return state.withLock { $0.recovery }
        }
        work.snapshot = ProducerSnapshotFile.encode(work.capture.producers)
        do throws(DiskError) {
            for file in work.files {
                try file.sync()
                context.countFdatasync()
            }
        } catch {
            failedFlush(of: work, error)
            throw error
        }
        do throws(DiskError) { try writeCaches(work) } catch {
            putBack(work, error)
            throw error
        }
        do throws(DiskError) {
            try syncNames(
                folder: work.changesNames || !work.segments.isEmpty,
                parent: work.parentIsDirty
            )
        } catch {
            failedFlush(of: work, error)
            throw error
        }
        return noteWrittenBack(work)
    }

    /// What could not begin is left to the next write-back; what failed is lost.
    private func failedFlush(of work: WriteBack, _ error: DiskError) {
        if error.isUnopened { putBack(work, error) } else { fail("a flush failed: \(error)") }
    }

    /// What can be made anew from the segments.
    private func writeCaches(_ work: WriteBack) throws(DiskError) {
        let place = work.capture.place
        for segment in work.segments {
            try files.writeIndexes(of: segment, isClosed: segment.baseOffset != place.segment)
        }
        if work.needsSnapshotFile {
            try files.storeSnapshot(work.snapshot, at: place.offset)
        }
        if work.markIsDirty {
            try files.writeCache(
                files.path(FolderMark.fileName),
                FolderMark(key).bytes,
                isFlushed: true
            )
        }
    }

    /// The segments were flushed, their caches not: all of it is left to the next write-back.
    private func putBack(_ work: WriteBack, _ error: DiskError) {
        state.withLock { state in
            state.settled = state.settled ?? work.capture
            state.directoryIsDirty = state.directoryIsDirty || work.directoryIsDirty
            state.parentIsDirty = state.parentIsDirty || work.parentIsDirty
            state.markIsDirty = state.markIsDirty || work.markIsDirty
            if !error.isPassing { state.cacheFailureCount += 1 }
            guard state.cacheFailureCount < Self.cacheFailureLimit else {
                state.inFlight = nil
                state.readOnlyReason =
                    state.readOnlyReason
                    ?? "its index files could not be written, again and again: \(error)"
                return
            }
            guard !state.isRegisteredDirty else { return }
            state.isRegisteredDirty = true
            context.register(self)
        }
    }

    private func nextWriteBack(all: Bool) -> WriteBack? {
        state.withLock { state -> WriteBack? in
            guard let capture = state.settled, !state.segments.isEmpty,
                state.readOnlyReason == nil
            else { return nil }
            state.settled = nil
            defer {
                state.directoryIsDirty = false
                state.parentIsDirty = false
                state.markIsDirty = false
            }
            let written = state.segments.filter { segment in
                guard segment.baseOffset <= capture.place.segment else { return false }
                guard segment.baseOffset == capture.place.segment else {
                    return segment.needsIndexFiles
                }
                return all || !segment.transactionFileIsCurrent
                    || segment.byteCount - segment.indexedByteCount >= Self.indexedByteCount
            }.map { Self.bounded($0, by: capture.place) }
            let aborted =
                state.segments.first { $0.baseOffset == capture.place.segment }?
                .aborted.count { $0.lastOffset < capture.place.offset } ?? 0
            return WriteBack(
                capture: capture,
                files: state.segments.filter {
                    $0.baseOffset >= state.firstDirtySegment
                        && $0.baseOffset <= capture.place.segment
                }.map(\.file),
                segments: written,
                directoryIsDirty: state.directoryIsDirty,
                parentIsDirty: state.parentIsDirty,
                markIsDirty: state.markIsDirty,
                abortedCount: UInt32(clamping: aborted)
            )
        }
    }

    /// A segment as it was at `place`.
    private static func bounded(_ segment: Segment, by place: LogPlace) -> Segment {
        guard segment.baseOffset == place.segment else { return segment }
        var bounded = segment
        bounded.byteCount = place.position
        // With what lies behind the last offset entry the last time entry goes.
        bounded.lacksLastTime = false
        _ = bounded.index?.rewind(before: place.position)
        bounded.aborted.removeAll { $0.lastOffset >= place.offset }
        return bounded
    }

    private func noteWrittenBack(_ work: WriteBack) -> PartitionCheckpoint {
        var recovery = PartitionCheckpoint(
            place: work.capture.place,
            logStart: work.capture.logStart,
            lastStable: work.capture.lastStable,
            abortedCount: work.abortedCount,
            snapshot: work.needsSnapshotFile ? nil : work.snapshot
        )
        state.withLock { state in
            recovery.sealed = state.segments.filter { $0.baseOffset < recovery.place.segment }
                .map(SealedSegment.init)
            state.recovery = recovery
            state.cacheFailureCount = 0
            state.firstDirtySegment = max(state.firstDirtySegment, work.capture.place.segment)
            let isOpen = state.active.baseOffset
            for written in work.segments {
                guard
                    let place = state.segments.firstIndex(where: {
                        $0.baseOffset == written.baseOffset
                    })
                else { continue }
                state.segments[place].indexedByteCount = written.byteCount
                if state.segments[place].aborted.count == written.aborted.count {
                    state.segments[place].transactionFileIsCurrent = true
                }
                if written.lacksLastTime { state.segments[place].lacksLastTime = false }
                // Of a segment that was closed meanwhile the files do not have all yet.
                if written.baseOffset != isOpen, !state.segments[place].needsIndexFiles,
                    let index = state.segments[place].index
                {
                    context.indexes.put(index, of: state.segments[place].file)
                    state.segments[place].index = nil
                }
            }
        }
        return recovery
    }

    /// The checkpoint with this partition's recovery point is durable: the cleaner may come as far,
    /// and the snapshot of the one before is of no use.
    func noteCheckpointed(_ place: LogPlace) {
        let offset = place.offset
        let (bases, mayHaveSnapshots) = state.withLock { state in
            defer { state.hasSnapshotFile = state.recovery.snapshot == nil }
            state.checkpointed = place
            return (Set(state.segments.map(\.baseOffset)), state.hasSnapshotFile)
        }
        guard mayHaveSnapshots, !isRetired else { return }
        do throws(DiskError) {
            for name in try context.disk.list(files.directory) {
                guard let found = SegmentName.offset(in: name, .snapshot), found < offset,
                    !bases.contains(found)
                else { continue }
                try files.removeIfPresent(files.path(name))
            }
        } catch {
            // They are looked at again when the partition is next opened.
            return
        }
    }
}
