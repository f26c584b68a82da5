package import LogModel
import Synchronization
import Bytes

extension PartitionLog {
    /// Appends a sealed batch: checks it, gives it its offsets and writes it. It is durable, and
    /// visible, only after `flush()`. Base offset and leader epoch are assigned in place.
    package func append(
        _ batch: UnsafeMutableRawBufferPointer,
        origin: AppendOrigin
    ) throws(LogStorageError) -> AppendOutcome {
        if let refusal = refusal(of: batch, origin: origin) { return refusal }
        let view: RecordBatchView
        do throws(RecordBatchError) {
            view = try RecordBatchView(UnsafeRawBufferPointer(batch))
        } catch {
            return .refused(.corruptMessage, "the batch is damaged: \(error)")
        }
        let now = time.wallTime()
        return try locked { state throws(LogStorageError) in
            switch state.producers.decide(view, checksSequence: origin != .coordinator) {
            case .append: break
            case .duplicate(let base, let last): return .duplicate(base: base, last: last)
            case .refuse(let code, let text): return .refused(code, text)
            }
            let base = try self.write(batch, now: now, into: &state)
            return .appended(base: base, last: base.advanced(by: Int64(view.lastOffsetDelta)))
        }
    }

    /// Appends the marker that ends a producer's transaction here; returns its offset.
    package func appendMarker(
        producerID: ProducerID,
        epoch: ProducerEpoch,
        coordinatorEpoch: Int32,
        result: TransactionResult
    ) throws(LogStorageError) -> Offset {
        let now = time.wallTime()
        return try locked { state throws(LogStorageError) in
            let decision = state.producers.decideMarker(
                producerID: producerID,
                epoch: epoch,
                coordinatorEpoch: coordinatorEpoch
            )
            if case .refuse(_, let text) = decision { throw .corrupt(text) }
            var builder = RecordBatchBuilder(capacity: 256)
            let batch = EndTransactionMarker(result: result, coordinatorEpoch: coordinatorEpoch)
                .seal(in: &builder, timestamp: now, producerID: producerID, producerEpoch: epoch)
            return try self.write(batch, now: now, into: &state)
        }
    }

    /// Appends a sealed batch of another log at its own base offset, which lies at the log's end
    /// or behind it. Producer fields, timestamps and control batches stay as they are; only the
    /// leader epoch, outside the checksum, becomes this log's.
    package func appendImported(
        _ batch: UnsafeMutableRawBufferPointer
    ) throws(LogStorageError) -> AppendOutcome {
        let view: RecordBatchView
        do throws(RecordBatchError) {
            view = try RecordBatchView(UnsafeRawBufferPointer(batch))
            try view.verifyChecksum()
        } catch {
            return .refused(.corruptMessage, "the batch is damaged: \(error)")
        }
        let (last, overflow) = view.baseOffset.rawValue.addingReportingOverflow(
            Int64(view.lastOffsetDelta)
        )
        guard view.byteCount == batch.count, view.baseOffset.rawValue >= 0,
            view.lastOffsetDelta >= 0, view.recordCount >= 0, !overflow, last < Int64.max
        else { return .refused(.invalidRecord, "not one whole batch with offsets") }
        let now = time.wallTime()
        return try locked { state throws(LogStorageError) in
            guard view.baseOffset >= state.logEnd else {
                return .refused(
                    .invalidRecord,
                    "base offset \(view.baseOffset.rawValue) lies before the end "
                        + "\(state.logEnd.rawValue)"
                )
            }
            let base = try self.write(batch, at: view.baseOffset, now: now, into: &state)
            return .appended(base: base, last: Offset(last))
        }
    }

    /// What can be told of a batch without the log's state; nil if nothing speaks against it.
    private func refusal(
        of batch: UnsafeMutableRawBufferPointer,
        origin: AppendOrigin
    ) -> AppendOutcome? {
        let bytes = UnsafeRawBufferPointer(batch)
        switch origin {
        case .client:
            let rules = ProduceRules(
                batchByteLimit: configuration.maxMessageByteCount,
                requiresKeys: configuration.compacts
            )
            var decompressor = RecordDecompressor()
            do throws(ProduceRefusal) {
                _ = try ProduceValidator.validate(
                    bytes,
                    rules: rules,
                    decompressor: &decompressor
                )
                return nil
            } catch { return .refused(error.code, error.message) }
        case .embedded, .coordinator:
            guard bytes.count <= configuration.maxMessageByteCount else {
                return .refused(
                    .messageTooLarge,
                    "the batch takes \(bytes.count) bytes, more than max.message.bytes = "
                        + "\(configuration.maxMessageByteCount)"
                )
            }
            do throws(RecordBatchError) {
                let view = try RecordBatchView(bytes)
                guard view.byteCount == bytes.count, !view.attributes.isControl,
                    view.recordCount > 0, view.lastOffsetDelta == view.recordCount - 1
                else { return .refused(.invalidRecord, "not one whole data batch") }
                try view.verifyChecksum()
                return nil
            } catch { return .refused(.corruptMessage, "the batch is damaged: \(error)") }
        }
    }

    /// Runs `body` with the state, unless the log is read-only.
    private func locked<Result>(
        _ body: (inout LogState) throws(LogStorageError) -> Result
    ) throws(LogStorageError) -> Result {
        try state.withLock { state throws(LogStorageError) in
            if let reason = state.readOnlyReason { throw .readOnly(reason) }
            return try body(&state)
        }
    }

    /// Gives a batch its place at the log's end and writes it there; returns its base offset. An
    /// imported batch keeps the offset and the times that it has.
    private func write(
        _ batch: UnsafeMutableRawBufferPointer,
        at ownOffset: Offset? = nil,
        now: Timestamp,
        into state: inout LogState
    ) throws(LogStorageError) -> Offset {
        let base = ownOffset ?? state.logEnd
        assign(
            batch,
            baseOffset: base,
            epoch: state.epochs.latest,
            appendTime: ownOffset == nil && configuration.usesLogAppendTime ? now : nil
        )
        let bytes = UnsafeRawBufferPointer(batch)
        let view: RecordBatchView
        do throws(RecordBatchError) { view = try RecordBatchView(bytes) } catch {
            throw .corrupt("the batch changed while it was appended: \(error)")
        }
        // A segment begins behind a gap that its index could not span.
        let spansTooMuch =
            state.active.baseOffset.distance(to: view.lastOffset) > Int64(Int32.max)
        if needsRoll(before: view, state) || spansTooMuch {
            state.logEnd = base
            try roll(&state)
        }
        let position = state.active.byteCount
        let file = state.active.file
        // A write that fails may leave bytes behind the end; the next append overwrites them, a
        // close or a recovery cuts them: they were never flushed and never counted.
        try onDisk { () throws(DiskError) in try file.write(bytes, at: position) }
        do throws(RecordBatchError) {
            try state.note(view, interval: configuration.indexIntervalByteCount)
        } catch {
            throw .corrupt("the batch changed while it was appended: \(error)")
        }
        state.unflushedByteCount += Int64(bytes.count)
        assert(
            {
                state.producers.checkInvariants(); return true
            }()
        )
        return base
    }

    private func assign(
        _ batch: UnsafeMutableRawBufferPointer,
        baseOffset: Offset,
        epoch: LeaderEpoch,
        appendTime: Timestamp?
    ) {
        // SAFETY: the batch was checked to be a whole one, so it has a base and a header.
        let p = batch.baseAddress.unsafelyUnwrapped
        p.storeBigEndian(baseOffset.rawValue, at: RecordBatchLayout.baseOffset)
        p.storeBigEndian(epoch.rawValue, at: RecordBatchLayout.leaderEpoch)
        guard let appendTime else { return }
        let attributes = UnsafeRawPointer(p).bigEndian(
            UInt16.self,
            at: RecordBatchLayout.attributes
        )
        p.storeBigEndian(attributes | 0x08, at: RecordBatchLayout.attributes)
        p.storeBigEndian(appendTime.rawValue, at: RecordBatchLayout.maxTimestamp)
        let summed = UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(batch)[RecordBatchLayout.attributes...]
        )
        p.storeBigEndian(crc32c(summed), at: RecordBatchLayout.checksum)
    }

    // MARK: Rolling

    /// Kafka's rule: by bytes, by the time between record timestamps, by the reach of the
    /// index's 4-byte offsets.
    private func needsRoll(before batch: RecordBatchView, _ state: LogState) -> Bool {
        let active = state.active
        guard active.byteCount > 0 else { return false }
        if active.byteCount + Int64(batch.byteCount) > configuration.segmentByteLimit {
            return true
        }
        if active.baseOffset.distance(to: batch.lastOffset) > Int64(Int32.max) { return true }
        guard let first = active.firstTimestamp, first.rawValue >= 0 else { return false }
        return batch.maxTimestamp.rawValue - first.rawValue > configuration.segmentMilliseconds
    }

    /// Closes the active segment and begins one at the log's end. The closed segment's index
    /// files and the producer snapshot are caches: they may be lost.
    private func roll(_ state: inout LogState) throws(LogStorageError) {
        let end = state.logEnd
        let snapshot = ProducerSnapshotFile.encode(state.producers)
        state.active.index.finish()
        let closed = state.active
        let files = files
        let segment = try onDisk { () throws(DiskError) in
            try files.writeIndexes(of: closed)
            try files.writeCache(files.path(end, ".snapshot"), snapshot)
            return try Self.makeSegment(at: end, files: files)
        }
        state.active.indexFilesAreCurrent = true
        state.active.transactionFileIsCurrent = true
        state.segments.append(segment)
        state.directoryIsDirty = true
    }
}

extension PartitionFiles {
    /// Writes the index files of a segment.
    func writeIndexes(of segment: Segment) throws(DiskError) {
        let base = segment.baseOffset
        if !segment.indexFilesAreCurrent {
            try writeCache(path(base, ".index"), segment.index.encodedOffsets(base: base))
            try writeCache(path(base, ".timeindex"), segment.index.encodedTimes(base: base))
        }
        if !segment.transactionFileIsCurrent {
            try writeCache(path(base, ".txnindex"), segment.aborted.flatMap(\.encoded))
        }
    }
}
