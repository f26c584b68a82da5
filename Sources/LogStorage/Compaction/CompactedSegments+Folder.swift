import LogModel

/// The list held against what lies in the folder.
extension CompactedSegments {
    /// The list anew from the batches, where its file is damaged: a segment with gaps is one that a
    /// cleaner wrote, or an import. What no checksum covers is taken as it stands there.
    ///
    /// - Parameter names: What lies in the folder.
    /// - Throws: `.corrupt` where that does not tell: another file is damaged too, or a cleaning
    ///   was interrupted.
    static func rebuilt(
        _ files: PartitionFiles,
        names: [String]
    ) throws(LogStorageError) -> CompactedSegments {
        let damage = "the file \(fileName) is damaged"
        let isInterrupted = names.contains { name in
            CleanerSuffix.all.contains { name.hasSuffix($0) }
        }
        guard !isInterrupted else {
            throw .corrupt("\(damage), and a cleaning was interrupted: put a copy of it back")
        }
        let bases = names.compactMap { SegmentName.offset(in: $0, .log) }.sorted()
        var made = CompactedSegments()
        for (index, base) in bases.enumerated() {
            let next = index + 1 < bases.count ? bases[index + 1] : nil
            let found = try onDisk { () throws(DiskError) in
                let file = try files.disk.open(files.path(base, .log), .read)
                defer { file.close() }
                return try Found(in: file, base: base, next: next)
            }
            if let problem = found.problem {
                throw .corrupt(
                    "\(damage), and so is \(files.path(base, .log)), byte "
                        + "\(found.byteCount): \(problem); put a copy of either back"
                )
            }
            made.set(found.entry, at: base)
        }
        return made
    }

    /// What a segment is by its batches.
    private struct Found {
        private(set) var byteCount: Int64 = 0
        /// Why it cannot be told.
        private(set) var problem: String?
        /// Nil for a segment without gaps.
        private(set) var entry: Entry?

        init(in file: any DiskFile, base: Offset, next: Offset?) throws(DiskError) {
            // Of any offsets that rise, and end before the next segment.
            let open = Entry(
                base: base,
                end: next ?? Offset(Int64.max),
                byteCount: 0,
                checksum: 0
            )
            var check = SegmentContentCheck(base: base, entry: open)
            var checksum = CompactedChecksum()
            var end = base
            var hasGaps = false
            var scanner = SegmentScanner(file: file, from: 0, to: try file.byteCount())
            var tail: String?
            reading: while true {
                switch try scanner.next() {
                case .end: break reading
                case .bad(let error):
                    tail = "\(error)"
                    break reading
                case .batch(let batch):
                    tail = check.note(batch)
                    if tail != nil { break reading }
                    hasGaps = hasGaps || batch.baseOffset != end
                    checksum.note(batch)
                    end = batch.nextOffset
                    scanner.advance(by: batch.byteCount)
                }
            }
            byteCount = scanner.position
            // Behind the last batch of a closed segment lies what a failed write left; behind that
            // of the last one what the start judges.
            if let next, end != next, let tail {
                problem = tail
                return
            }
            if let next, end != next { hasGaps = true }
            guard hasGaps, base < next ?? end else { return }
            entry = Entry(
                base: base,
                end: next ?? end,
                byteCount: byteCount,
                checksum: checksum.value
            )
        }
    }
}

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
