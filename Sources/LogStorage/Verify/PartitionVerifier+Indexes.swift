import LogModel

/// The index files of a segment against its batches. What the next start believes and is wrong is
/// damage; what it makes anew is a note.
extension PartitionVerifier {
    /// Of a closed segment.
    mutating func verifyCaches(_ facts: SegmentFacts) throws(DiskError) {
        let base = facts.base
        for kind in SegmentFacts.IndexKind.allCases {
            let path = files.path(base, kind.file)
            guard let bytes = try files.content(of: path) else {
                find(.note, path, nil, nil, "the file is missing: made anew at the next start")
                continue
            }
            guard !segmentIsBroken, let fault = facts.fault(of: kind, bytes) else { continue }
            let offsets = try files.content(of: files.path(base, .index)) ?? []
            let isLast = kind == .times && fault.position == bytes.count
            if isLast, facts.showsLastTime(beyond: bytes, offsets) {
                noteRebuilt(path, at: fault.position, fault.reason)
            } else {
                damage(path, at: fault.position, fault.reason)
            }
        }
        let path = files.path(base, .transactionIndex)
        let bytes = try files.content(of: path) ?? []
        guard let entries = AbortedEntry.decode(bytes, base: base) else {
            return damage(path, "entries that make no sense")
        }
        guard !isBroken, let reason = replay.fault(ofAborted: entries) else { return }
        damage(path, reason)
    }

    /// Of the segment that the next start goes on with: its index files reach up to the recovery
    /// point at most, and those of a segment that has not grown much were never written.
    mutating func verifyResumedIndexes(_ segment: SegmentFacts) throws(DiskError) {
        switch facts.tail {
        case .unknown: return
        case .cut, .keepWhole: break
        }
        let base = segment.base
        try verifyResumedTransactions(base)
        let paths = (offsets: files.path(base, .index), times: files.path(base, .timeIndex))
        let end = min(facts.recovery.place.position, segment.byteCount)
        let offsets = try files.content(of: paths.offsets)
        let times = try files.content(of: paths.times)
        guard let offsets, let times else {
            let isExpected = end >= PartitionLog.indexedByteCount
            if offsets == nil, times != nil || isExpected {
                noteRebuilt(paths.offsets, "the file is missing")
            }
            if times == nil, offsets != nil || isExpected {
                noteRebuilt(paths.times, "the file is missing")
            }
            return
        }
        let reach = max(end, segment.byteCount)
        var isPossible = true
        if SegmentIndex.offsets(in: offsets, base: base, byteCount: reach) == nil {
            noteRebuilt(paths.offsets, "entries that no segment has")
            isPossible = false
        }
        if SegmentIndex.times(in: times, base: base) == nil {
            noteRebuilt(paths.times, "entries that no segment has")
            isPossible = false
        }
        // Entries behind the recovery point, of a write-back that was killed: it is made anew.
        let index = SegmentIndex(offsets: offsets, times: times, base: base, byteCount: end)
        guard isPossible, !segmentIsBroken, let index else { return }
        let isBelieved = segment.isBelieved(index, before: end)
        for kind in SegmentFacts.IndexKind.allCases {
            let bytes = kind == .offsets ? offsets : times
            guard let fault = segment.fault(of: kind, bytes) else { continue }
            let path = files.path(base, kind.file)
            // The last time entry is written when the segment is closed.
            let isComplete = fault.position == bytes.count
            if isBelieved {
                if !isComplete { damage(path, at: fault.position, fault.reason) }
            } else if !isComplete || !index.offsets.isEmpty {
                noteRebuilt(path, at: fault.position, fault.reason)
            }
        }
    }

    /// Of the same segment: the checkpoint says how many transactions had been aborted in it, whose
    /// entries were flushed before it was. What lies behind them nobody reads.
    private mutating func verifyResumedTransactions(_ base: Offset) throws(DiskError) {
        let path = files.path(base, .transactionIndex)
        let bytes = try files.content(of: path) ?? []
        let count = Int(facts.recovery.abortedCount)
        let byteCount = count * AbortedEntry.byteCount
        guard bytes.count >= byteCount else {
            let there = bytes.count / AbortedEntry.byteCount
            let entries = there == 1 ? "1 whole entry" : "\(there) whole entries"
            return damage(path, at: Int64(bytes.count), "it has \(entries), \(count) were flushed")
        }
        guard let entries = AbortedEntry.decode(Array(bytes[..<byteCount]), base: base) else {
            return damage(path, "entries that make no sense")
        }
        if !isBroken,
            let reason = replay.fault(ofAborted: entries, below: facts.recovery.place.offset)
        {
            return damage(path, reason)
        }
        // A write-back that was killed may leave them.
        guard AbortedEntry.decode(bytes, base: base) == nil else { return }
        find(
            .note,
            path,
            Int64(byteCount),
            nil,
            "bytes that are no entries: nobody reads them, and the next entry is written over them"
        )
    }

    private mutating func noteRebuilt(_ path: String, at position: Int64? = nil, _ reason: String) {
        find(.note, path, position, nil, "\(reason): it is rebuilt at the next start")
    }
}

extension SegmentFacts {
    /// Whether a start sees that the time index of a closed segment lacks its last entry: it reads
    /// the batches from the last offset entry on.
    func showsLastTime(beyond times: [UInt8], _ offsets: [UInt8]) -> Bool {
        guard
            let index = SegmentIndex(
                offsets: offsets,
                times: times,
                base: base,
                byteCount: byteCount
            )
        else { return false }
        let from = index.offsets.last?.position ?? 0
        return batches.contains {
            $0.position >= from && $0.maxTimestamp > index.largestTimestamp
        }
    }

    /// Whether a start goes on with an index: its last entries before `end` are true of the
    /// batches. Where none lies before, every batch is read and nothing has to be believed.
    func isBelieved(_ whole: SegmentIndex, before end: Int64) -> Bool {
        var index = whole
        _ = index.rewind(before: end)
        guard let last = index.offsets.last,
            index.times.count == whole.times.count,
            batches.contains(where: { $0.position == last.position && $0.lastOffset == last.offset }
            )
        else { return false }
        let least = batches.first?.maxTimestamp ?? .none
        guard let first = index.times.first, let time = index.times.last else {
            return least <= .none
        }
        return first.timestamp >= least
            && batches.contains {
                $0.lastOffset == time.offset && $0.maxTimestamp == time.timestamp
            }
    }
}
