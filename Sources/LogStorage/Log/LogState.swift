import LogModel

/// Everything of a partition's log that its lock guards.
struct LogState: Sendable {
    /// Oldest first; the last one takes the appends. Empty before the first append.
    var segments: [Segment] = []
    var producers = ProducerTable()
    /// The transactions that were open when the log was opened, by their first offset.
    var foundOpen: [ProducerID: Offset] = [:]
    var logStart = Offset.zero
    /// The log start that a restart finds: what lies before it may be removed.
    var durableLogStart = Offset.zero
    var logEnd = Offset.zero
    /// Behind the last record that readers may see: the durable end, or with relaxed durability
    /// the end of what was acknowledged.
    var highWatermark = Offset.zero
    /// Behind the last record that a restart is sure to find.
    var durable = LogPlace.zero
    /// Up to where the segment files themselves were flushed, which no group said yet.
    var synced: LogPlace?
    var pending = PendingFlush()
    /// The segment files are being flushed: what lies behind has to wait for that.
    var isSyncing = false
    /// Up to where the flush under way will have flushed.
    var syncingEnd: LogPlace?
    /// What the group being written took.
    var inFlight: GroupPart?
    /// Why nothing can be appended any more.
    var readOnlyReason: String?
    /// When the last flush of relaxed durability began, on the monotonic clock.
    var lastFlushTime: UInt64 = 0
    /// Bytes of batches that were appended since the log was opened.
    var appendedByteCount: Int64 = 0
    /// Bytes that relaxed durability has acknowledged and not flushed.
    var unflushedByteCount: Int64 = 0

    // What the segment files hold for themselves.

    /// Written back up to here: the recovery point.
    var recovery = PartitionCheckpoint(place: .zero, logStart: .zero, lastStable: .zero)
    /// States to begin from, once what lies before them is durable, by their place. A flush of the
    /// segments and the group of a write-back note one each, and either may be done first.
    var captures: [LogCapture] = []
    /// Up to where groups vouched for the partition when the last write-back began.
    var capturedEnd = Offset.zero
    /// The latest state to begin from that is durable, and not written back.
    var settled: LogCapture?
    /// How often in a row a write-back could not write files that can be made anew.
    var cacheFailureCount = 0
    /// A recovery point before had its producers in a file.
    var hasSnapshotFile = false
    /// Segments from this one on may hold bytes that were not flushed in their file.
    var firstDirtySegment = Offset.zero
    /// Files were created since the folder was flushed.
    var directoryIsDirty = false
    /// The folder was created since its parent was flushed.
    var parentIsDirty = false
    /// The folder's mark was not flushed yet.
    var markIsDirty = false
    /// The write-back was told of this partition.
    var isRegisteredDirty = false

    /// The epoch that batches get, and since which offset.
    var epochs = LeaderEpochs()
    /// Which segments a cleaner wrote, or an import: they may have gaps.
    var compacted = CompactedSegments()
    /// Compacted segments that were read whole and are what was written there.
    var checkedSegments: Set<Offset> = []
    /// Those that are not.
    var faultySegments: [Offset: SegmentContentCheck.Fault] = [:]
    /// A group whose swap stopped between old and new: it is completed before anything else is
    /// done to the segments.
    var interruptedSwap: CleanedGroup?
    /// Why the log cannot be compacted, until the next start.
    var cleaningProblem: String?
    /// Segments that an import is writing with gaps, until they are entered there.
    var importedWithGaps: Set<Offset> = []
    /// Where the log of an import begins: before its first batch, if nothing is left there.
    var importStart: Offset?
    /// The recovery point of the directory's checkpoint: nothing below it is ever written again.
    var checkpointed = LogPlace.zero

    func mayGap(_ base: Offset) -> Bool {
        compacted.entry(at: base) != nil || importedWithGaps.contains(base)
    }

    /// Changed in place: a copy of it would share its index, and each entry then copy that.
    var active: Segment {
        get { segments[segments.count - 1] }
        _modify { yield &segments[segments.count - 1] }
    }

    /// Where the next batch goes.
    var endPlace: LogPlace {
        guard let last = segments.last else {
            return LogPlace(offset: logEnd, segment: logEnd, position: 0)
        }
        return LogPlace(offset: logEnd, segment: last.baseOffset, position: last.byteCount)
    }

    var bounds: LogBounds {
        let unstable = producers.firstUnstableOffset
        return LogBounds(
            logStart: logStart,
            highWatermark: highWatermark,
            lastStableOffset: max(logStart, min(unstable ?? highWatermark, highWatermark)),
            logEnd: logEnd
        )
    }

    /// The state now, to begin from.
    func captured() -> LogCapture {
        LogCapture(
            place: endPlace,
            logStart: logStart,
            lastStable: min(producers.firstUnstableOffset ?? logEnd, logEnd),
            producers: producers
        )
    }

    /// The index of the segment that holds `offset`, or would.
    func segmentIndex(for offset: Offset) -> Int {
        Self.segmentIndex(for: offset, in: segments)
    }

    static func segmentIndex(for offset: Offset, in segments: [Segment]) -> Int {
        var low = 0
        var high = segments.count
        while low < high {
            let middle = (low + high) / 2
            if segments[middle].baseOffset <= offset { low = middle + 1 } else { high = middle }
        }
        return max(0, low - 1)
    }

    /// Aborted transactions whose records a reader of [from, end) may meet, by first offset.
    func abortedTransactions(from: Offset, to end: Offset) -> [AbortedTransaction] {
        guard !segments.isEmpty else { return [] }
        var result: [AbortedTransaction] = []
        for segment in segments[segmentIndex(for: from)...] {
            for entry in segment.aborted where entry.lastOffset >= from && entry.firstOffset < end {
                result.append(
                    AbortedTransaction(producerID: entry.producerID, firstOffset: entry.firstOffset)
                )
            }
        }
        return result.sorted {
            ($0.firstOffset, $0.producerID) < ($1.firstOffset, $1.producerID)
        }
    }

    /// Takes note of a batch that lies at the end of the active segment; `now` is when it was
    /// appended, nil for one that was found there.
    mutating func note(
        _ batch: RecordBatchView,
        interval: Int64,
        now: Timestamp? = nil
    ) throws(RecordBatchError) {
        active.note(batch, interval: interval)
        appendedByteCount += Int64(batch.byteCount)
        epochs.note(batch.leaderEpoch, at: batch.baseOffset)
        if let aborted = try producers.follow(batch, now: now) {
            active.aborted.append(aborted)
            active.transactionFileIsCurrent = false
        }
        logEnd = batch.nextOffset
    }
}
