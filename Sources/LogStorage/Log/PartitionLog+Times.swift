package import LogModel
import Threads

extension PartitionLog {
    /// The offset of the first record with a timestamp at or after `timestamp` that the isolation
    /// level shows; nil if there is none.
    package func offset(
        forTimestamp timestamp: Timestamp,
        isolation: IsolationLevel
    ) throws(LogStorageError) -> Offset? {
        try record(atOrAfter: timestamp, isolation: isolation)?.offset
    }

    /// The same with the record's own time.
    package func record(
        atOrAfter timestamp: Timestamp,
        isolation: IsolationLevel
    ) throws(LogStorageError) -> (offset: Offset, timestamp: Timestamp)? {
        try wake()
        let (bounds, candidates) = state.withLock { state in
            (state.bounds, state.segments.filter { $0.largestTimestamp >= timestamp })
        }
        let end = isolation == .readCommitted ? bounds.lastStableOffset : bounds.highWatermark
        var decompressor = RecordDecompressor()
        for segment in candidates {
            let begin = try position(in: segment, for: timestamp)
            let file = try onDisk { () throws(DiskError) in try segment.file.file() }
            var scanner = SegmentScanner(file: file, from: begin, to: segment.byteCount)
            if begin > 0, case .bad = try nextStep(&scanner) {
                // An index that lies is not believed; the batches themselves say where they are.
                scanner = SegmentScanner(file: file, from: 0, to: segment.byteCount)
            }
            while let batch = try nextBatch(&scanner, of: segment), batch.baseOffset < end {
                if batch.maxTimestamp >= timestamp, batch.nextOffset > bounds.logStart {
                    let found = try Self.first(
                        in: batch,
                        &decompressor,
                        from: bounds.logStart,
                        matches: { $0 >= timestamp }
                    )
                    if let found { return found.offset < end ? found : nil }
                }
                scanner.advance(by: batch.byteCount)
            }
        }
        return nil
    }

    /// Where to begin to look in a segment for the first record at or after a time: behind what the
    /// time index knows to be earlier, if the batch that its entry names says so too. A time index
    /// has no checksum.
    private func position(
        in segment: Segment,
        for timestamp: Timestamp
    ) throws(LogStorageError) -> Int64 {
        let index = try index(of: segment)
        guard let earlier = index.time(before: timestamp) else { return 0 }
        let isTrue = try onDisk { () throws(DiskError) in
            var search = HeadSearch(try segment.file.file(), index, to: segment.byteCount)
            return try search.batch(holding: earlier.offset)?.maxTimestamp == earlier.timestamp
        }
        return isTrue ? index.position(for: earlier.offset) : 0
    }

    /// The first record with the largest timestamp that the isolation level shows.
    package func largestTimestamp(
        isolation: IsolationLevel
    ) throws(LogStorageError) -> (offset: Offset, timestamp: Timestamp)? {
        try wake()
        let largest = state.withLock { state in
            state.segments.map(\.largestTimestamp).max() ?? .none
        }
        if let found = try record(with: largest, isolation: isolation) { return found }
        // The record that has it lies before the log start, in a batch that does not.
        return try record(with: largestTimeInView(), isolation: isolation)
    }

    /// The first visible record with this time, or a later one.
    private func record(
        with time: Timestamp,
        isolation: IsolationLevel
    ) throws(LogStorageError) -> (offset: Offset, timestamp: Timestamp)? {
        time > .none ? try record(atOrAfter: time, isolation: isolation) : nil
    }

    /// The largest time of the records behind the log start, from the batches of its segment.
    private func largestTimeInView() throws(LogStorageError) -> Timestamp {
        let (bounds, segments) = state.withLock { ($0.bounds, $0.segments) }
        guard let first = segments.first else { return .none }
        var largest = segments.dropFirst().map(\.largestTimestamp).max() ?? .none
        var decompressor = RecordDecompressor()
        let file = try onDisk { () throws(DiskError) in try first.file.file() }
        var scanner = SegmentScanner(file: file, from: 0, to: first.byteCount)
        while let batch = try nextBatch(&scanner, of: first) {
            if batch.baseOffset >= bounds.logStart {
                largest = max(largest, batch.maxTimestamp)
            } else if batch.nextOffset > bounds.logStart {
                _ = try Self.first(in: batch, &decompressor, from: bounds.logStart) { time in
                    largest = max(largest, time)
                    return false
                }
            }
            scanner.advance(by: batch.byteCount)
        }
        return largest
    }

    /// The next batch; nil at the segment's end. What cannot be read is no reason to answer with a
    /// later record.
    private func nextBatch(
        _ scanner: inout SegmentScanner,
        of segment: Segment
    ) throws(LogStorageError) -> RecordBatchView? {
        switch try nextStep(&scanner) {
        case .batch(let batch): return batch
        case .end: return nil
        case .bad(let error):
            throw .corrupt("\(segment.file.path), byte \(scanner.position): \(error)")
        }
    }

    private func nextStep(
        _ scanner: inout SegmentScanner
    ) throws(LogStorageError) -> SegmentScanner.Step {
        do throws(DiskError) { return try scanner.next() } catch { throw .disk(error) }
    }

    private static func first(
        in batch: RecordBatchView,
        _ decompressor: inout RecordDecompressor,
        from start: Offset,
        matches: (Timestamp) -> Bool
    ) throws(LogStorageError) -> (offset: Offset, timestamp: Timestamp)? {
        do throws(RecordBatchError) {
            var records = try decompressor.records(of: batch, byteLimit: BatchLimit.recordByteCount)
            while let record = try records.next() {
                let time =
                    batch.attributes.isLogAppendTime
                    ? batch.maxTimestamp
                    : Timestamp(batch.baseTimestamp.rawValue &+ record.timestampDelta)
                let offset = batch.baseOffset.advanced(by: Int64(record.offsetDelta))
                if offset >= start, matches(time) { return (offset, time) }
            }
            return nil
        } catch { throw .corrupt("batch at \(batch.baseOffset.rawValue): \(error)") }
    }
}
