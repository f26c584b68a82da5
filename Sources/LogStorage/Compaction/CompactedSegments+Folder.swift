import LogModel

extension CompactedSegments.Entry {
    /// What is to be said of a segment as it is, which ends where the next one begins.
    init(of segment: Segment, end: Offset) throws(LogStorageError) {
        let checksum = try onDisk { () throws(DiskError) -> UInt32 in
            var checksum = CompactedChecksum()
            var scanner = SegmentScanner(
                file: try segment.file.file(),
                from: 0,
                to: segment.byteCount
            )
            while case .batch(let batch) = try scanner.next() {
                checksum.note(batch)
                scanner.advance(by: batch.byteCount)
            }
            return checksum.value
        }
        self.init(
            base: segment.baseOffset,
            end: end,
            byteCount: segment.byteCount,
            checksum: checksum
        )
    }
}

extension LogState {
    /// Has the list of compacted segments say what there is, before anything is appended: what a
    /// person gave up is not in it any more, and what was kept of a segment is as it is.
    mutating func settleCompacted(
        in files: PartitionFiles
    ) throws(LogStorageError) {
        var known = compacted
        known.keep(only: Set(segments.map(\.baseOffset)), logEnd: logEnd)
        // The log goes on where it ends, and the next segment begins there.
        if let last = segments.last, let entry = known.entry(at: last.baseOffset),
            last.byteCount < entry.byteCount || logEnd < entry.end
        {
            let isEmpty = last.byteCount == 0 || logEnd <= last.baseOffset
            known.set(
                isEmpty ? nil : try CompactedSegments.Entry(of: last, end: logEnd),
                at: last.baseOffset
            )
        }
        guard known != compacted else { return }
        try known.write(to: files)
        compacted = known
    }
}
