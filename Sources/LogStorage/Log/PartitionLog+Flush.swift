package import LogModel
import Synchronization

extension PartitionLog {
    /// Makes everything appended so far durable, then visible. Callers share the work: who comes
    /// while a flush runs waits, and finds its bytes flushed or flushes for all that wait. With
    /// relaxed durability it only becomes visible, until the delay or the bytes are used up.
    ///
    /// - Throws: `.readOnly` after any flush has failed; it is never tried again.
    package func flush() throws(LogStorageError) {
        if acknowledgesUnflushed() { return }
        try flushToDisk()
    }

    /// Flushes what relaxed durability has left unflushed for too long.
    package func flushOverdue() throws(LogStorageError) {
        guard case .relaxed = configuration.durability, durableEnd < bounds.highWatermark else {
            return
        }
        try flush()
    }

    /// Behind the last record that was flushed.
    package var durableEnd: Offset { state.withLock { $0.durableEnd } }

    /// Shows what was appended without a flush, where the topic's durability allows it now.
    private func acknowledgesUnflushed() -> Bool {
        guard case .relaxed(let delay, let byteLimit) = configuration.durability else {
            return false
        }
        let now = time.monotonicNanoseconds()
        return state.withLock { state in
            guard state.readOnlyReason == nil, state.unflushedByteCount < byteLimit,
                now < state.lastFlushTime + UInt64(delay) * 1_000_000
            else { return false }
            state.highWatermark = state.logEnd
            state.producers.noteDurable(below: state.logEnd)
            return true
        }
    }

    private func flushToDisk() throws(LogStorageError) {
        let now = time.monotonicNanoseconds()
        let target = state.withLock { $0.logEnd }
        try flushing.withLock { flush throws(LogStorageError) in
            let work = try self.nextWork(target, now: now)
            guard let work else { return }
            do throws(DiskError) {
                for file in work.files {
                    try file.sync()
                    self.countFdatasync()
                }
                if work.directoryIsDirty { try self.files.disk.syncDirectory(self.files.directory) }
            } catch {
                let reason = "a flush failed: \(error)"
                self.state.withLock { $0.readOnlyReason = $0.readOnlyReason ?? reason }
                throw .readOnly(reason)
            }
            self.noteFlushed(work)
            self.writeMark(durable: work.end, &flush)
        }
    }

    /// Hints that what was appended should begin its way to the disk.
    package func startWriteback() {
        let (file, end) = state.withLock { ($0.active.file, $0.active.byteCount) }
        file.startWriteback(at: 0, byteCount: end)
    }

    private struct Work {
        var files: [any DiskFile]
        var end: Offset
        var lastSegment: Offset
        var directoryIsDirty: Bool
    }

    /// What there is to flush; nil if all below `target` is durable already.
    private func nextWork(_ target: Offset, now: UInt64) throws(LogStorageError) -> Work? {
        try state.withLock { state throws(LogStorageError) in
            if let reason = state.readOnlyReason {
                if state.durableEnd >= target { return nil }
                throw .readOnly(reason)
            }
            guard state.durableEnd < target || state.directoryIsDirty else { return nil }
            state.lastFlushTime = now
            state.unflushedByteCount = 0
            return Work(
                files: state.segments.filter { $0.baseOffset >= state.firstDirtySegment }
                    .map(\.file),
                end: state.logEnd,
                lastSegment: state.active.baseOffset,
                directoryIsDirty: state.directoryIsDirty
            )
        }
    }

    private func noteFlushed(_ work: Work) {
        state.withLock { state in
            precondition(work.end >= state.durableEnd, "the durable end never goes back")
            state.durableEnd = work.end
            state.highWatermark = max(state.highWatermark, work.end)
            state.firstDirtySegment = work.lastSegment
            // A segment that was made meanwhile waits for the next flush.
            if state.active.baseOffset == work.lastSegment { state.directoryIsDirty = false }
            state.producers.noteDurable(below: work.end)
        }
    }

    /// Notes how far the log is durable, in the sidecar. A failure only makes the bound lower.
    private func writeMark(durable: Offset, _ flush: inout FlushState) {
        let logStart = state.withLock { $0.logStart }
        do throws(DiskError) {
            let file = try markFile(&flush)
            try PartitionFiles.write(
                DurableMark(durable: durable, logStart: logStart).encoded,
                to: file
            )
        } catch { flush.mark = nil }
    }

    /// Writes and flushes the sidecar: the log start moved.
    func flushMark() throws(LogStorageError) {
        let (durable, logStart) = state.withLock { ($0.durableEnd, $0.logStart) }
        try flushing.withLock { flush throws(LogStorageError) in
            try onDisk { () throws(DiskError) in
                let file = try self.markFile(&flush)
                try PartitionFiles.write(
                    DurableMark(durable: durable, logStart: logStart).encoded,
                    to: file
                )
                try file.sync()
                try self.files.disk.syncDirectory(self.files.directory)
            }
        }
    }

    private func markFile(_ flush: inout FlushState) throws(DiskError) -> any DiskFile {
        if let mark = flush.mark { return mark }
        let path = files.path(DurableMark.fileName)
        let exists = try files.disk.kind(of: path) != nil
        let file = try files.disk.open(path, exists ? .readWrite : .create)
        flush.mark = file
        return file
    }

    /// Flushes everything, writes every cache, and closes the files.
    package func close() throws(LogStorageError) {
        defer { closeFiles() }
        if state.withLock({ $0.readOnlyReason }) == nil {
            try flushToDisk()
            try writeCaches()
        }
        state.withLock { $0.readOnlyReason = $0.readOnlyReason ?? "the log is closed" }
    }

    private func writeCaches() throws(LogStorageError) {
        let files = files
        let snapshot = state.withLock { state in
            state.active.index.finish()
            return state
        }
        try onDisk { () throws(DiskError) in
            let active = snapshot.active
            if try active.file.byteCount() > active.byteCount {
                try active.file.truncate(to: active.byteCount)
                try active.file.sync()
            }
            for segment in snapshot.segments { try files.writeIndexes(of: segment) }
            try files.writeCache(
                files.path(snapshot.logEnd, ".snapshot"),
                ProducerSnapshotFile.encode(snapshot.producers)
            )
            try files.writeCache(
                files.path(LeaderEpochs.fileName),
                Array(snapshot.epochs.text.utf8)
            )
            try files.disk.syncDirectory(files.directory)
        }
    }
}
