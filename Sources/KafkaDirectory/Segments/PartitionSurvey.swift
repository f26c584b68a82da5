package import LogModel
package import LogStorage

/// What one reading of a partition tells: where it begins and ends, which transactions were
/// aborted or are open, and what is wrong with it. Bounded by the number of aborted transactions
/// and producers, not by the size of the log.
package struct PartitionSurvey: Sendable {
    /// Where readers begin.
    package private(set) var logStart: Offset
    /// Behind the last entry that can be read, or the log start if that lies further on.
    package private(set) var logEnd: Offset
    /// The first offset of the oldest open transaction, or the end.
    package private(set) var lastStableOffset: Offset
    package private(set) var batchCount = 0
    package private(set) var recordCount = 0
    package private(set) var byteCount: Int64 = 0
    /// How many times offsets are missing, and how many in all.
    package private(set) var gapCount = 0
    package private(set) var missingOffsetCount: Int64 = 0
    package private(set) var findings: [KafkaFinding] = []
    private var transactions = PartitionTransactions()

    /// Where transactions begin that were ended because nobody has decided them.
    private var undecided: [ProducerID: Offset] = [:]

    /// Whether transactions are open that have ended for all that their coordinator knows.
    package private(set) var hasLostEnds = false

    /// Ends of transactions that are decided and have no marker here.
    package private(set) var pendingEnds: [PartitionTransactions.PendingEnd] = []

    /// The offsets of each producer's aborted transactions, first record to marker, ascending.
    package var aborted: [ProducerID: [ClosedRange<Offset>]] { transactions.aborted }
    /// The producers that the log ends with.
    package var producers: ProducerTable { transactions.producers }

    /// Whether anything is damaged.
    package var isDamaged: Bool { findings.contains { $0.severity == .damage } }

    /// Reads all of a partition, every record of it; up to where it is when `isStopped` says so.
    /// Transactions that are open at its end and were `decided` count as ended; with `endsOpen` the
    /// others count as aborted, so that what lies behind their begin is stable.
    package init(
        _ partition: KafkaPartition,
        disk: any Disk,
        decided: [PartitionTransactions.Decision] = [],
        complete: [ProducerID: PartitionTransactions.Decision] = [:],
        endsOpen: Bool = false,
        isStopped: () -> Bool = { false }
    ) throws(DiskError) {
        var reader = PartitionReader(partition, disk: disk)
        var decompressor = RecordDecompressor()
        var understated = UnderstatedTimes()
        var unnumbered = UnnumberedBatches()
        // Kafka's coordinator writes positions of transactions so.
        let isOfClients = partition.name.topic != "__consumer_offsets"
        logStart = partition.logStart
        logEnd = partition.logStart
        lastStableOffset = partition.logStart
        while !isStopped(), let entry = try reader.next() {
            if reader.takeMissing(), producers.firstUnstableOffset != nil {
                reader.refuseLast(entry, because: Self.undecidable)
                continue
            }
            do throws(RecordBatchError) {
                var count = 0
                var latest: Timestamp?
                var first: Offset?
                try entry.forEachRecord(&decompressor) { record in
                    count += 1
                    first = first ?? record.offset
                    latest = max(latest ?? record.timestamp, record.timestamp)
                }
                if let first, first < reader.lentStart {
                    reader.refuseLast(
                        entry,
                        because: "offset \(first.rawValue) inside of a compressed message, where "
                            + "\(reader.lentStart.rawValue) is next"
                    )
                    continue
                }
                if case .batch(let batch) = entry {
                    try transactions.follow(batch)
                    let place = Self.place(of: batch, reader.place, partition)
                    understated.note(batch, latest: latest, at: place)
                    if isOfClients { unnumbered.note(batch, at: place) }
                }
                batchCount += 1
                if !entry.isControl { recordCount += count }
            } catch {
                reader.refuseLast(entry, because: "\(error)")
                continue
            }
            logEnd = entry.lastOffset.advanced(by: 1)
        }
        if !reader.wasCutShort {
            logEnd = max(logEnd, reader.nextOffset)
        }
        let foundEnd = logEnd
        logEnd = max(logEnd, logStart)
        byteCount = reader.byteCount
        gapCount = reader.gaps.count
        missingOffsetCount = reader.gaps.offsets
        findings = reader.findings
        noteBegin(of: partition)
        noteStart(of: partition, behind: foundEnd)
        note(understated.first, understated.reason, of: partition)
        note(unnumbered.first, unnumbered.reason, of: partition)
        endTransactions(of: partition, by: decided, complete: complete, endsOpen: endsOpen)
    }

    /// Ends what is open at the end, as far as it is told how.
    private mutating func endTransactions(
        of partition: KafkaPartition,
        by decided: [PartitionTransactions.Decision],
        complete: [ProducerID: PartitionTransactions.Decision],
        endsOpen: Bool
    ) {
        pendingEnds = transactions.end(
            by: decided,
            complete: complete,
            at: logEnd,
            isWhole: !isDamaged
        )
        noteLostEnds(complete, in: partition)
        if endsOpen { undecided = transactions.abortOpen(at: logEnd) }
        lastStableOffset = max(logStart, min(producers.firstUnstableOffset ?? logEnd, logEnd))
    }

    /// Why reading ends behind a missing segment where transactions were open in front of it.
    private static let undecidable =
        "it lies behind a missing segment, which may hold the ends of transactions that are open "
        + "in front of it: nothing tells which of them were committed"

    /// Takes note of what is whole, and not all there was.
    private mutating func noteBegin(of partition: KafkaPartition) {
        let starts = [partition.checkpointedStart, partition.epochStart].compactMap(\.self)
        guard let start = starts.max(), let first = partition.segments.first,
            start < first.baseOffset
        else { return }
        // Of a tiered topic the leader epochs are those of all of it, wherever the folder begins.
        note(
            "Kafka's log begins at offset \(start.rawValue), this folder at "
                + "\(first.baseOffset.rawValue): what lies before "
                + Self.fate(isTiered: partition.isTiered),
            of: partition,
            at: start
        )
    }

    /// What has become of what lies before a folder's begin.
    private static func fate(isTiered: Bool?) -> String {
        switch isTiered {
        case true: "is in remote storage (remote.storage.enable), which is not read"
        case false: "was deleted by retention, or is lost"
        case nil: "was deleted by retention, or is in remote storage, or lost"
        }
    }

    /// Takes note of a log that begins behind all that is there: Kafka makes it empty, there.
    private mutating func noteStart(of partition: KafkaPartition, behind end: Offset) {
        guard logStart > end, byteCount > 0 else { return }
        note(
            "Kafka's log begins at offset \(logStart.rawValue), this folder ends at "
                + "\(end.rawValue): all records of it were deleted, or its last segments are "
                + "missing. The partition becomes empty, as it would in Kafka",
            of: partition,
            at: end
        )
    }

    private mutating func noteLostEnds(
        _ complete: [ProducerID: PartitionTransactions.Decision],
        in partition: KafkaPartition
    ) {
        for (producer, first) in transactions.openThoughEnded(complete, before: logEnd) {
            hasLostEnds = true
            findings.append(.lostEnd(of: producer, at: first, in: partition))
        }
    }

    private mutating func note(_ reason: String, of partition: KafkaPartition, at offset: Offset) {
        findings.append(
            KafkaFinding(
                severity: .note,
                partition: partition.name,
                file: partition.path,
                position: 0,
                offset: offset,
                reason: reason
            )
        )
    }

    /// Takes note of batches that are whole and unusual, by the first of them, if there is one.
    private mutating func note(
        _ first: UnderstatedTimes.Place?,
        _ reason: @autoclosure () -> String,
        of partition: KafkaPartition
    ) {
        guard let first else { return }
        findings.append(
            KafkaFinding(
                severity: .note,
                partition: partition.name,
                file: first.file,
                position: first.position,
                offset: first.offset,
                reason: reason()
            )
        )
    }

    private static func place(
        of batch: RecordBatchView,
        _ place: (path: String, position: Int64)?,
        _ partition: KafkaPartition
    ) -> UnderstatedTimes.Place {
        UnderstatedTimes.Place(
            file: place?.path ?? partition.path,
            position: place?.position ?? 0,
            offset: batch.baseOffset
        )
    }

    /// What a read_committed reader makes of a batch.
    package enum Verdict: Equatable, Sendable {
        case visible
        /// The end of a transaction, or another control record.
        case control
        case aborted
        /// At or behind the last stable offset, or of a transaction that nobody has decided.
        case unstable
    }

    /// What a read_committed reader makes of an entry of this partition.
    package func verdict(of entry: StoredEntry) -> Verdict {
        if entry.lastOffset >= lastStableOffset { return .unstable }
        guard case .batch(let batch) = entry else { return .visible }
        if batch.attributes.isControl { return .control }
        if batch.attributes.isTransactional, let first = undecided[batch.producerID],
            batch.baseOffset >= first
        {
            return .unstable
        }
        guard batch.attributes.isTransactional, let ranges = aborted[batch.producerID] else {
            return .visible
        }
        return Self.contains(ranges, batch.baseOffset) ? .aborted : .visible
    }

    /// Whether one of the ascending ranges contains the offset.
    private static func contains(_ ranges: [ClosedRange<Offset>], _ offset: Offset) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < offset { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(offset)
    }
}
