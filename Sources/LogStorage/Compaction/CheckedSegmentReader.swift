import LogModel

/// Reads one segment for the cleaner, and refuses what was not written there: a cleaning that
/// copied a damaged offset would give it a checksum of its own.
struct CheckedSegmentReader: ~Copyable {
    private let segment: CleanableSegment
    private let epochs: [EpochStart]
    private let file: any DiskFile
    private var scanner: SegmentScanner
    private var check: SegmentContentCheck
    /// Bytes of the batch that was lent last.
    private var lentByteCount = 0

    init(
        _ segment: CleanableSegment,
        of round: CleaningRound,
        in files: PartitionFiles
    ) throws(LogStorageError) {
        let path = files.path(segment.baseOffset, .log)
        file = try onDisk { () throws(DiskError) in try files.disk.open(path, .read) }
        scanner = SegmentScanner(file: file, from: 0, to: segment.byteCount)
        check = SegmentContentCheck(
            base: segment.baseOffset,
            entry: round.compacted.entry(at: segment.baseOffset)
        )
        self.segment = segment
        epochs = round.epochs
    }

    deinit { file.close() }

    /// The next batch, valid until the next call; nil behind the last.
    mutating func next() throws(LogStorageError) -> RecordBatchView? {
        scanner.advance(by: lentByteCount)
        lentByteCount = 0
        let step: SegmentScanner.Step
        do throws(DiskError) { step = try scanner.next() } catch { throw .disk(error) }
        switch step {
        case .batch(let batch):
            if let reason = check.note(batch) ?? wrongEpoch(of: batch) { throw damaged(reason) }
            lentByteCount = batch.byteCount
            return batch
        case .bad(let error):
            throw damaged("\(error)")
        case .end:
            if let reason = check.finish(end: segment.nextBase) { throw damaged(reason) }
            return nil
        }
    }

    /// Why what stands at the reader's position cannot be cleaned.
    func damaged(_ reason: String) -> LogStorageError {
        .corrupt(
            "\(SegmentName.base(segment.baseOffset)).log, byte \(scanner.position): \(reason)"
        )
    }

    private func wrongEpoch(of batch: RecordBatchView) -> String? {
        guard let expected = epochs.last(where: { $0.offset <= batch.baseOffset })?.epoch,
            batch.leaderEpoch != expected
        else { return nil }
        return "leader epoch \(batch.leaderEpoch.rawValue), where \(expected.rawValue) was current"
    }
}
