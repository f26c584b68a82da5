import LogModel

/// Everything of a partition's log that its lock guards.
struct LogState: Sendable {
    /// Oldest first; the last one takes the appends. Never empty.
    var segments: [Segment]
    var producers: ProducerTable
    var logStart: Offset
    var logEnd: Offset
    /// Behind the last record that readers may see: the durable end, or with relaxed durability
    /// the end of what was acknowledged.
    var highWatermark: Offset
    /// Behind the last record that was flushed.
    var durableEnd = Offset.zero
    /// When the last flush began, on the monotonic clock.
    var lastFlushTime: UInt64 = 0
    /// Why nothing can be appended any more.
    var readOnlyReason: String?
    /// Files were created since the last flush: the folder must be flushed too.
    var directoryIsDirty = false
    /// Segments from this one on may hold bytes that are not flushed.
    var firstDirtySegment: Offset
    /// The epoch that batches get, and since which offset.
    var epochs: LeaderEpochs
    var unflushedByteCount: Int64 = 0

    var active: Segment {
        get { segments[segments.count - 1] }
        set { segments[segments.count - 1] = newValue }
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

    /// The index of the segment that holds `offset`, or would.
    func segmentIndex(for offset: Offset) -> Int {
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

    /// Takes note of a batch that lies at the end of the active segment.
    mutating func note(_ batch: RecordBatchView, interval: Int64) throws(RecordBatchError) {
        active.note(batch, interval: interval)
        epochs.note(batch.leaderEpoch, at: batch.baseOffset)
        if let aborted = try producers.follow(batch) {
            active.aborted.append(aborted)
            active.transactionFileIsCurrent = false
        }
        logEnd = batch.nextOffset
    }
}

/// Since which offset each leader epoch wrote: `leader-epoch-checkpoint`, in Kafka's text format.
struct LeaderEpochs: Equatable, Sendable {
    private(set) var starts: [(epoch: LeaderEpoch, offset: Offset)] = []

    static let fileName = "leader-epoch-checkpoint"

    static func == (left: LeaderEpochs, right: LeaderEpochs) -> Bool {
        left.starts.elementsEqual(right.starts) { $0 == $1 }
    }

    init() {}

    /// The latest epoch; 0 for a log without records.
    var latest: LeaderEpoch { starts.last?.epoch ?? LeaderEpoch(0) }

    mutating func note(_ epoch: LeaderEpoch, at offset: Offset) {
        if starts.isEmpty || epoch > latest { starts.append((epoch, offset)) }
    }

    /// The epoch that a batch at `offset` must have.
    func expected(at offset: Offset) -> LeaderEpoch? {
        starts.last { $0.offset <= offset }?.epoch
    }

    /// Forgets epochs that begin at or behind `end`.
    mutating func truncate(to end: Offset) { starts.removeAll { $0.offset >= end } }

    var text: String {
        "0\n\(starts.count)\n"
            + starts.map { "\($0.epoch.rawValue) \($0.offset.rawValue)\n" }.joined()
    }

    /// The epochs of a file; nil if its text makes no sense.
    init?(text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
        guard lines.count >= 2, lines[0] == "0", let count = Int(lines[1]),
            lines.count == count + 2
        else { return nil }
        for line in lines[2...] {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let epoch = Int32(parts[0]), let offset = Int64(parts[1]),
                starts.last.map({ $0.epoch.rawValue < epoch && $0.offset.rawValue <= offset })
                    ?? true
            else { return nil }
            starts.append((LeaderEpoch(epoch), Offset(offset)))
        }
    }
}
