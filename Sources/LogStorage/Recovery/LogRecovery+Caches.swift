import LogModel

/// What a recovery takes over from the files beside the batches: indexes, snapshots, epochs.
extension LogRecovery {
    struct Caches {
        var index: SegmentIndex?
        var aborted: [AbortedEntry]?
    }

    mutating func loadEpochs() throws(LogStorageError) {
        let files = files
        let bytes = try onDisk { () throws(DiskError) in
            try files.content(of: files.path(LeaderEpochs.fileName))
        }
        guard let bytes, let epochs = LeaderEpochs(text: String(decoding: bytes, as: UTF8.self)),
            !epochs.starts.isEmpty
        else { return }
        state.epochs = epochs
        knowsEpochs = true
    }

    func loadCaches() throws(LogStorageError) -> [Caches] {
        let files = files
        return try ([state.segments[0]] + pendingSegments).map { segment throws(LogStorageError) in
            let base = segment.baseOffset
            return try onDisk { () throws(DiskError) in
                var caches = Caches()
                if let offsets = try files.content(of: files.path(base, ".index")),
                    let times = try files.content(of: files.path(base, ".timeindex"))
                {
                    caches.index = SegmentIndex(
                        offsets: offsets,
                        times: times,
                        base: base,
                        byteCount: segment.byteCount
                    )
                }
                if let aborted = try files.content(of: files.path(base, ".txnindex")) {
                    caches.aborted = AbortedEntry.decode(aborted, base: base)
                }
                return caches
            }
        }
    }

    /// The base of the first segment that has to be read; nil if none has.
    func firstSegmentToScan(
        _ bases: [Offset],
        _ caches: [Caches],
        _ lengths: [Int64]
    ) -> Offset? {
        for (index, base) in bases.enumerated() {
            let end = index + 1 < bases.count ? bases[index + 1] : nil
            let isBelowRecoveryPoint = end.map { $0 <= recoveryPoint } ?? false
            let isTrusted = cleanShutdown || isBelowRecoveryPoint
            let isComplete =
                caches[index].aborted != nil
                && (caches[index].index.map { !$0.times.isEmpty || lengths[index] == 0 } ?? false)
            if !isTrusted || !isComplete { return base }
        }
        return nil
    }

    /// Where the log ends, found by walking from the last index entry; nil if that meets anything
    /// bad.
    func endOfLastSegment(_ caches: [Caches]) throws(LogStorageError) -> Offset? {
        let start = caches.last?.index?.offsets.last?.position ?? 0
        return try end(of: pendingSegments.last ?? state.segments[0], from: start)
    }

    /// Where a segment ends, found by walking from the batch at `position`; nil if that meets
    /// anything bad.
    private func end(of segment: Segment, from position: Int64) throws(LogStorageError) -> Offset? {
        var scanner = SegmentScanner(file: segment.file, from: position, to: segment.byteCount)
        var end = segment.baseOffset
        while true {
            let step: SegmentScanner.Step
            do throws(DiskError) { step = try scanner.next() } catch { throw .disk(error) }
            switch step {
            case .end: return end
            case .bad: return nil
            case .batch(let batch):
                end = batch.nextOffset
                scanner.advance(by: batch.byteCount)
            }
        }
    }

    /// Loads the newest good snapshot that stands at the begin of a segment (not behind the first
    /// one to be read) or at the log's end. Without one, everything is read from the start.
    mutating func loadProducers(
        at bases: [Offset],
        orAt end: Offset?,
        below firstScan: Offset?
    ) throws(LogStorageError) {
        snapshotOffset = nil
        state.producers = ProducerTable()
        var candidates = bases.filter { base in firstScan.map { base <= $0 } ?? true }
        if let end { candidates.append(end) }
        for candidate in Set(candidates).sorted(by: >) {
            let path = files.path(candidate, ".snapshot")
            let files = files
            let bytes = try onDisk { () throws(DiskError) in try files.content(of: path) }
            guard let bytes, let table = ProducerSnapshotFile.decode(bytes) else { continue }
            state.producers = table
            snapshotOffset = candidate
            return
        }
    }

    /// Takes over the segments in front of the first that has to be read, as their caches have
    /// them: those that end where the producers' snapshot stands, or before.
    mutating func takeCached(
        _ bases: [Offset],
        _ caches: [Caches],
        until firstScan: Offset?,
        end logEnd: Offset?,
        _ lengths: [Int64]
    ) throws(LogStorageError) {
        let known = snapshotOffset ?? bases[0]
        for index in bases.indices {
            if let firstScan, bases[index] >= firstScan { return }
            let end = index + 1 < bases.count ? bases[index + 1] : logEnd
            guard let end, end <= known, let cached = caches[index].index,
                let aborted = caches[index].aborted
            else { return }
            // A segment that does not reach the next one is read, and what is missing found.
            let segment = index == 0 ? state.segments[0] : pendingSegments[0]
            let reached = try self.end(of: segment, from: cached.offsets.last?.position ?? 0)
            guard reached == end || (configuration.compacts && reached ?? end < end) else { return }
            if index > 0 { takeNextSegment() }
            state.active.byteCount = lengths[index]
            state.active.index = cached
            state.active.aborted = aborted
            state.active.indexFilesAreCurrent = index + 1 < bases.count
            state.active.transactionFileIsCurrent = true
            state.active.firstTimestamp = try firstTimestamp(of: state.active)
            state.logEnd = end
            scannedFrom = index + 1
        }
    }

    mutating func takeNextSegment() {
        // A closed segment's time index ends with its largest timestamp.
        state.active.index.finish()
        state.segments.append(pendingSegments.removeFirst())
    }

    private func firstTimestamp(of segment: Segment) throws(LogStorageError) -> Timestamp? {
        var scanner = SegmentScanner(file: segment.file, from: 0, to: segment.byteCount)
        do throws(DiskError) {
            guard case .batch(let batch) = try scanner.next() else { return nil }
            return batch.maxTimestamp
        } catch { throw .disk(error) }
    }
}
