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
