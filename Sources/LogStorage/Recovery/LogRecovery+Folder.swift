import Bytes
import LogModel

/// What a recovery finds in the folder, and what it clears away.
extension LogRecovery {
    /// What a log's folder may hold beside its segments' files.
    private static let ownNames: Set<String> = [
        FolderMark.fileName, LeaderEpochs.fileName, CompactedSegments.fileName,
        CompactedSegments.fileName + ".tmp",
    ]

    /// The names in the partition's folder; nil where there is none and need be none.
    mutating func claimFolder() throws(LogStorageError) -> [String]? {
        guard let names = try Self.folder(files, facts) else { return nil }
        if try !Self.checkOwner(files, key, names) { state.markIsDirty = true }
        return names
    }

    /// The same, whosever it is.
    ///
    /// - Throws: `.offline` for a folder that is missing.
    static func folder(
        _ files: PartitionFiles,
        _ facts: PartitionFacts
    ) throws(LogStorageError) -> [String]? {
        let names = try onDisk { () throws(DiskError) -> [String]? in
            guard try files.disk.kind(of: files.directory) == .directory else { return nil }
            return try files.disk.list(files.directory)
        }
        if let names { return names }
        guard facts.end.offset == .zero || facts.logStart >= facts.end.offset else {
            throw .offline(
                "the folder \(files.directory) is missing; it held the offsets up to "
                    + "\(facts.end.offset.rawValue)"
            )
        }
        return nil
    }

    /// Refuses a folder that is not this partition's; whether its mark is there.
    static func checkOwner(
        _ files: PartitionFiles,
        _ key: PartitionKey,
        _ names: [String]
    ) throws(LogStorageError) -> Bool {
        let path = files.path(FolderMark.fileName)
        let bytes = try onDisk { () throws(DiskError) in try files.content(of: path) }
        if let mark = bytes.flatMap({ FolderMark($0) }) {
            guard let problem = mark.problem(for: key) else { return true }
            throw .offline("\(files.directory): \(problem)")
        }
        if let bytes, !FolderMark(key).isTorn(bytes) {
            throw .offline("\(path) names no topic id")
        }
        // A crash may have kept the segments' names and not this one, or not what is in it;
        // anything else in the folder is not ours.
        let isOurs = names.allSatisfy { name in
            let suffix = CleanerSuffix.all.first { name.hasSuffix($0) } ?? ""
            let rest = String(name.dropLast(suffix.utf8.count))
            return ownNames.contains(name) || PartitionFiles.isUnfinished(name)
                || SegmentFile.allCases.contains { SegmentName.offset(in: rest, $0) != nil }
        }
        guard isOurs else {
            throw .offline(
                "\(files.directory) holds files that no log wrote, and no \(FolderMark.fileName): "
                    + "move it away"
            )
        }
        return false
    }

    /// Completes or undoes a cleaning that a crash interrupted; whether names may have changed.
    mutating func finishCleaning(_ names: [String]) throws(LogStorageError) -> Bool {
        let isInvolved = names.contains { name in
            name == CompactedSegments.fileName
                || CleanerSuffix.all.contains { name.hasSuffix($0) }
        }
        guard isInvolved else { return false }
        do throws(LogStorageError) {
            state.compacted = try CleanerRecovery.recover(files, names: names)
        } catch .corrupt(let reason) {
            throw .offline("\(files.directory): \(reason)")
        }
        return true
    }

    /// What the folder holds, as far as the plan asks.
    func look(_ names: [String]) throws(LogStorageError) -> RecoveryPlan.Found {
        var found = RecoveryPlan.Found()
        let bases = names.compactMap { SegmentName.offset(in: $0, .log) }.sorted()
        let there = Set(names)
        for base in bases {
            let path = files.path(base, .log)
            let files = files
            let byteCount = try onDisk { () throws(DiskError) in
                let file = try files.disk.open(path, .read)
                defer { file.close() }
                return try file.byteCount()
            }
            found.segments.append(
                .init(
                    base: base,
                    byteCount: byteCount,
                    hasCaches: try hasCaches(base, there)
                )
            )
        }
        found.cleaned = state.compacted.entries.map { $0.base...$0.end.advanced(by: -1) }
        if let inline = facts.recovery.snapshot, ProducerSnapshotFile.decode(inline) != nil {
            found.snapshots.append(facts.recovery.place.offset)
        }
        for name in names {
            guard let offset = SegmentName.offset(in: name, .snapshot) else { continue }
            let isOfUse = bases.contains(offset) || offset == facts.recovery.place.offset
            guard isOfUse, let bytes = try read(files.path(name)) else { continue }
            if ProducerSnapshotFile.decode(bytes) == nil {
                found.tornSnapshots.append(offset)
            } else {
                found.snapshots.append(offset)
            }
        }
        return found
    }

    private func hasCaches(
        _ base: Offset,
        _ names: Set<String>
    ) throws(LogStorageError) -> Bool {
        let prefix = SegmentName.base(base)
        let recovery = facts.recovery
        if base == recovery.place.segment {
            guard recovery.abortedCount > 0 else { return true }
            let count = try aborted(of: base)?.count ?? 0
            return count >= Int(recovery.abortedCount)
        }
        guard base < recovery.place.segment else { return false }
        guard SegmentFile.indexes.allSatisfy({ names.contains(prefix + $0.rawValue) }) else {
            return false
        }
        return try aborted(of: base) != nil
    }

    func aborted(of base: Offset) throws(LogStorageError) -> [AbortedEntry]? {
        try read(files.path(base, .transactionIndex)).flatMap {
            AbortedEntry.decode($0, base: base)
        }
    }

    /// Removes and cuts what the plan says, and snapshots that nobody will ask for. What tells of
    /// the producers of segments that go is flushed before.
    mutating func clear(
        _ plan: RecoveryPlan,
        _ names: [String],
        torn: [Offset]
    ) throws(LogStorageError) {
        let files = files
        let kept = Set(plan.steps.map(\.base) + [facts.recovery.place.offset]).subtracting(torn)
        let stale = names.compactMap { SegmentName.offset(in: $0, .snapshot) }
            .filter { !kept.contains($0) }
        var lost: Int64 = 0
        let unvouched = plan.unvouched
        let bases = Set(names.compactMap { SegmentName.offset(in: $0, .log) })
        lost += try onDisk { () throws(DiskError) in
            var lost: Int64 = 0
            for base in unvouched {
                let file = try files.disk.open(files.path(base, .log), .read)
                lost += try file.byteCount()
                file.close()
            }
            for name in names where PartitionFiles.isUnfinished(name) {
                try files.removeIfPresent(files.path(name))
            }
            if !plan.deleted.isEmpty, let first = plan.steps.first {
                _ = try files.flushSnapshot(at: first.base)
            }
            for base in plan.deleted { try files.removeSegment(base) }
            // The snapshot of the recovery point may have the name of a segment begun there.
            for base in unvouched {
                for kind in SegmentFile.allCases where kind != .snapshot {
                    try files.removeIfPresent(files.path(base, kind))
                }
            }
            for name in names where Self.isOrphan(name, of: bases) {
                try files.removeIfPresent(files.path(name))
            }
            for offset in stale { try files.removeIfPresent(files.path(offset, .snapshot)) }
            // What is cut must be gone for good before anything is appended: between later segments
            // it would look like damage.
            if !unvouched.isEmpty { try files.disk.syncDirectory(files.directory) }
            return lost
        }
        noteCut(byteCount: lost)
        if !plan.deleted.isEmpty || !unvouched.isEmpty { state.directoryIsDirty = true }
    }

    /// Cuts what lies behind the vouched end of a segment, once all that lies before it was found
    /// to be there: what is damaged stays as it is.
    mutating func cutTail(_ plan: RecoveryPlan) throws(LogStorageError) {
        guard report.damage == nil, plan.missing == nil, let cut = plan.cut else { return }
        let files = files
        try onDisk { () throws(DiskError) in
            let file = try files.disk.open(files.path(cut.base, .log), .readWrite)
            defer { file.close() }
            try file.truncate(to: cut.byteCount)
            try file.sync()
        }
        noteCut(byteCount: cut.from - cut.byteCount)
    }

    private mutating func noteCut(byteCount: Int64) {
        guard byteCount > 0 else { return }
        report.cut = RecoveryReport.Cut(
            offset: facts.end.offset,
            byteCount: (report.cut?.byteCount ?? 0) + byteCount,
            reason: "they were never flushed"
        )
    }

    /// Whether a file is an index of a segment that is not there.
    private static func isOrphan(_ name: String, of bases: Set<Offset>) -> Bool {
        SegmentFile.indexes.contains { kind in
            SegmentName.offset(in: name, kind).map { !bases.contains($0) } ?? false
        }
    }

    // MARK: Caches

    /// Takes over a closed segment as its files say it; false if they make no sense after all.
    mutating func loadCaches(
        of segment: inout Segment,
        _ step: RecoveryPlan.Step
    ) throws(LogStorageError) -> Bool {
        guard let aborted = try aborted(of: step.base),
            let index = try loadIndex(step.base, step.byteCount)
        else { return false }
        let file = segment.file
        let sealed = facts.recovery.sealed.first { $0.base == step.base }
        guard sealed?.allows(index, aborted, byteCount: step.byteCount) ?? true,
            try areTrue(aborted, file, index, step)
        else { return false }
        let mayGap = state.mayGap(step.base)
        let (tail, first) = try onDisk { () throws(DiskError) in
            let file = try file.file()
            return (
                try Self.tail(of: file, step, from: index.offsets.last, mayGap: mayGap),
                try Self.firstTimestamp(of: file, to: step.byteCount)
            )
        }
        // The last time entry is written when a segment is closed. One of batches without times
        // has none at all.
        guard let tail, tail.largest <= index.largestTimestamp,
            !index.times.isEmpty || (first ?? .none) <= .none,
            try isTrue(index, file, step, tail.end)
        else { return false }
        segment.byteCount = step.byteCount
        segment.index = index
        segment.largestTimestamp = index.largestTimestamp
        segment.aborted = aborted
        segment.firstTimestamp = first
        segment.indexedByteCount = step.byteCount
        state.logEnd = max(state.logEnd, tail.end)
        return true
    }

    func loadIndex(
        _ base: Offset,
        _ byteCount: Int64
    ) throws(LogStorageError) -> SegmentIndex? {
        guard let offsets = try read(files.path(base, .index)),
            let times = try read(files.path(base, .timeIndex))
        else { return nil }
        return SegmentIndex(offsets: offsets, times: times, base: base, byteCount: byteCount)
    }

    /// Where a segment ends, and the largest timestamp from an index entry on, by the batches
    /// there; nil if they are not whole, or do not lie where the entry and each other say: no
    /// checksum covers that.
    private static func tail(
        of file: any DiskFile,
        _ step: RecoveryPlan.Step,
        from entry: SegmentIndex.OffsetEntry?,
        mayGap: Bool
    ) throws(DiskError) -> (end: Offset, largest: Timestamp)? {
        var scanner = SegmentScanner(
            file: file,
            from: entry?.position ?? 0,
            to: step.byteCount
        )
        var end = step.base
        var largest = Timestamp.none
        var isEntry = entry != nil
        while true {
            switch try scanner.next() {
            case .end: return (end, largest)
            case .bad: return nil
            case .batch(let batch):
                let base = batch.baseOffset
                let fits =
                    isEntry
                    ? batch.lastOffset == entry?.offset : base == end || mayGap && base > end
                guard fits else { return nil }
                isEntry = false
                end = batch.nextOffset
                largest = max(largest, batch.maxTimestamp)
                scanner.advance(by: batch.byteCount)
            }
        }
    }

    /// Whether an index that is gone on with knows the largest timestamp before its last entry:
    /// the batches up to there are not read again.
    private func tellsTime(
        _ index: SegmentIndex,
        _ segment: Segment,
        _ step: RecoveryPlan.Step
    ) throws(LogStorageError) -> Bool {
        guard let known = index.offsets.last else { return true }
        let least = segment.firstTimestamp ?? .none
        guard let first = index.times.first else { return least <= .none }
        guard first.timestamp >= least else { return false }
        return try isTrue(index, segment.file, step, known.offset.advanced(by: 1))
    }

    private static func firstTimestamp(
        of file: any DiskFile,
        to end: Int64
    ) throws(DiskError) -> Timestamp? {
        var scanner = SegmentScanner(file: file, from: 0, to: end)
        guard case .batch(let batch) = try scanner.next() else { return nil }
        return batch.maxTimestamp
    }

    /// Takes over what the files say of the segment of the recovery point; from which byte on its
    /// batches are to be read. Nil where they do not say what lies in it.
    mutating func resume(
        _ segment: inout Segment,
        _ step: RecoveryPlan.Step
    ) throws(LogStorageError) -> Int64? {
        let place = facts.recovery.place
        let count = Int(facts.recovery.abortedCount)
        if count > 0 {
            segment.aborted = Array((try aborted(of: step.base) ?? []).prefix(count))
        }
        let file = segment.file
        let end = min(place.position, step.byteCount)
        segment.firstTimestamp = try onDisk { () throws(DiskError) in
            try Self.firstTimestamp(of: try file.file(), to: end)
        }
        let loaded = try loadIndex(step.base, max(end, 1))
        guard try areTrue(segment.aborted, file, loaded ?? SegmentIndex(), step) else { return nil }
        guard var index = loaded else { return 0 }
        let timeCount = index.times.count
        let from = index.rewind(before: end)
        // A write-back leaves no time entry behind its last offset entry.
        guard from == 0 || index.times.count == timeCount, try tellsTime(index, segment, step)
        else { return nil }
        segment.index = index
        segment.largestTimestamp = index.largestTimestamp
        segment.indexedByteCount = from
        return from
    }
}
