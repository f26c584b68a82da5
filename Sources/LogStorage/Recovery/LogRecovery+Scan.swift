import LogModel

/// Reading a segment's batches from a place on, and holding each against the one before it.
extension LogRecovery {
    mutating func scan(
        from: Int64,
        to end: Int64,
        of step: RecoveryPlan.Step
    ) throws(LogStorageError) -> Obstacle? {
        let file = try onDisk { [segment = state.active] () throws(DiskError) in
            try segment.file.file()
        }
        let resumed = step.treatment == .resume ? facts.recovery.place : nil
        var scanner = SegmentScanner(file: file, from: from, to: end)
        state.active.byteCount = from
        var indexed = from > 0 ? state.active.index?.offsets.last?.offset : nil
        while true {
            let next: SegmentScanner.Step
            do throws(DiskError) { next = try scanner.next() } catch { throw .disk(error) }
            switch next {
            case .end:
                try takeProducers(at: scanner.position, of: step)
                return nil
            case .bad(let error):
                return Obstacle(position: scanner.position, reason: "\(error)")
            case .batch(let batch):
                if let expected = indexed {
                    guard batch.lastOffset == expected else {
                        return Obstacle(
                            position: scanner.position,
                            reason: "the batch is not the one that the index says"
                        )
                    }
                    state.logEnd = batch.baseOffset
                    indexed = nil
                }
                try takeProducers(at: scanner.position, of: step)
                if let reason = take(batch, at: scanner.position, resumed) {
                    return Obstacle(position: scanner.position, reason: reason)
                }
                report.scannedByteCount += Int64(batch.byteCount)
                scanner.advance(by: batch.byteCount)
            }
        }
    }

    /// At the recovery point its snapshot knows more than a scan that began behind the first
    /// batches of some producer, which are deleted by now.
    private mutating func takeProducers(
        at position: Int64,
        of step: RecoveryPlan.Step
    ) throws(LogStorageError) {
        let recovery = facts.recovery.place
        guard step.treatment == .scan, recovery.offset > .zero, step.base == recovery.segment,
            position == recovery.position, state.logEnd == recovery.offset
        else { return }
        var bytes = facts.recovery.snapshot
        if bytes == nil { bytes = try read(files.path(recovery.offset, .snapshot)) }
        guard let table = bytes.flatMap(ProducerSnapshotFile.decode) else { return }
        state.producers = table
    }

    /// Takes a batch into the state; why not, if it does not fit.
    private mutating func take(
        _ batch: RecordBatchView,
        at position: Int64,
        _ resumed: LogPlace?
    ) -> String? {
        if let resumed, position == resumed.position, state.logEnd != resumed.offset {
            guard state.mayGap(state.active.baseOffset) else {
                return "the log before it ends at \(state.logEnd.rawValue), where "
                    + "\(resumed.offset.rawValue) was written back"
            }
            state.logEnd = resumed.offset
        }
        if let reason = mismatch(batch) { return reason }
        // In front of the recovery point only the index is completed: the rest is known.
        if let resumed, position < resumed.position {
            state.active.note(batch, interval: configuration.indexIntervalByteCount)
            state.logEnd = batch.nextOffset
            return nil
        }
        do throws(RecordBatchError) {
            try state.note(batch, interval: configuration.indexIntervalByteCount)
            return nil
        } catch { return "\(error)" }
    }

    /// What is wrong with the fields that the CRC does not cover, and with the counts.
    private mutating func mismatch(_ batch: RecordBatchView) -> String? {
        let expected = state.logEnd
        let mayGap = state.mayGap(state.active.baseOffset)
        guard batch.baseOffset == expected || mayGap && batch.baseOffset > expected else {
            return "base offset \(batch.baseOffset.rawValue), where \(expected.rawValue) is next"
        }
        guard batch.lastOffsetDelta >= 0, batch.recordCount >= 0 else {
            return "a negative offset delta or record count"
        }
        return epochMismatch(batch)
    }

    private mutating func epochMismatch(_ batch: RecordBatchView) -> String? {
        // A log of one node never raises it: 0, unless the file says otherwise.
        let known = knowsEpochs ? state.epochs.expected(at: batch.baseOffset) : nil
        let expectedEpoch = known ?? LeaderEpoch(0)
        if epochSource.isBatches {
            let told = fileEpochs?.expected(at: batch.baseOffset) ?? LeaderEpoch(0)
            if told != batch.leaderEpoch { disagreeingCount += 1 }
            guard batch.leaderEpoch < state.epochs.latest else { return nil }
            return "leader epoch \(batch.leaderEpoch.rawValue) behind "
                + "\(state.epochs.latest.rawValue)"
        }
        guard batch.leaderEpoch == expectedEpoch else {
            let reason =
                "leader epoch \(batch.leaderEpoch.rawValue), where "
                + "\(expectedEpoch.rawValue) is known"
            if epochSource == .file, hasEpochFile {
                epochDispute = EpochDispute(batchEpoch: batch.leaderEpoch, reason: reason)
            }
            return reason
        }
        return nil
    }

    func mayGap(behind base: Offset, to next: Offset) -> Bool {
        next > state.logEnd && state.mayGap(base)
    }
}
