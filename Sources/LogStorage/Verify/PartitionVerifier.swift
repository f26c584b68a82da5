import Bytes
import LogModel

/// Reads every file of a partition's folder and holds them against each other: batches with their
/// records, then indexes, transaction indexes, producer snapshots, the epoch file and the durable
/// mark against what a reading of the whole log gives. Changes nothing.
struct PartitionVerifier: ~Copyable {
    /// As the next start will have them.
    var files: PartitionFiles
    let key: PartitionKey
    let facts: PartitionFacts
    /// What the journal has of it: the next start writes it again.
    let journaled: [JournalRange]
    /// The journal does not have all of it.
    let needsSegments: Bool
    private var report = VerificationReport()
    var epochs: LeaderEpochs?
    var snapshots: [SnapshotFile] = []
    var replay = ProducerReplay()
    private var decompressor = RecordDecompressor()
    var compacted = CompactedSegments()
    /// What a cleaner wrote cannot be read.
    var gapsAreUnknown = false
    /// Of the segment that is read.
    private var content = SegmentContentCheck(base: .zero, entry: nil)
    private var order = OffsetOrder()
    /// The segment that is read may have gaps.
    private var mayGap = false
    /// The segment that is read.
    private var base = Offset.zero
    /// The bytes of the segment that was read last.
    private var previous: Int64 = 0
    /// What is whole and was never acknowledged.
    private(set) var unvouched = (recordCount: 0, first: Offset?.none)
    /// Of the segment that what was acknowledged ends in; 0 where it is not there.
    private var endByteCount: Int64 = 0
    private var understated = UnderstatedTimes()
    /// Batches were skipped: what follows from all of them cannot be checked any more.
    private(set) var isBroken = false
    /// Of the segment that is read.
    private(set) var segmentIsBroken = false
    /// Of the segment that is read: bytes that are nobody's lie behind its batches.
    private var hasBytesBehind = false

    /// Behind the last batch that was read.
    var logEnd: Offset { order.end }

    private static let recordByteLimit = BatchLimit.recordByteCount

    struct SnapshotFile {
        var offset: Offset
        var path: String
        var table: ProducerTable
    }

    init(
        files: PartitionFiles,
        key: PartitionKey,
        facts: PartitionFacts,
        journaled: [JournalRange],
        needsSegments: Bool
    ) {
        self.files = files
        self.key = key
        self.facts = facts
        self.journaled = journaled
        self.needsSegments = needsSegments
    }

    /// Verifies the folder.
    consuming func run() throws(DiskError) -> VerificationReport {
        report.partitionCount = 1
        guard try readMetadata() else { return report }
        try readEpochs()
        let names = try readCompacted(among: files.disk.list(files.directory))
        try readSnapshots(names)
        let bases = names.compactMap { SegmentName.offset(in: $0, .log) }.sorted()
        checkNames(names, bases: Set(bases))
        guard let first = bases.first else {
            if needsSegments {
                damage(files.directory, "there is no segment")
            }
            return report
        }
        order.begin(at: first)
        checkBegin(first)
        startReplay(at: first)
        for (index, base) in bases.enumerated() {
            let next = index + 1 < bases.count ? bases[index + 1] : nil
            try verifySegment(base, next: next)
        }
        compareSnapshots(below: nil)
        noteUnvouched()
        if let first = understated.first {
            find(.note, first.file, first.position, first.offset, understated.reason)
        }
        checkEnds()
        return report
    }

    // MARK: Findings

    mutating func damage(
        _ file: String,
        at position: Int64? = nil,
        offset: Offset? = nil,
        _ reason: String
    ) {
        find(.damage, file, position, offset, reason)
    }

    mutating func find(
        _ severity: VerificationReport.Finding.Severity,
        _ file: String,
        _ position: Int64?,
        _ offset: Offset?,
        _ reason: String
    ) {
        report.findings.append(
            .init(
                severity: severity,
                file: file,
                position: position,
                offset: offset,
                reason: reason
            )
        )
    }

    // MARK: Batches

    private mutating func verifySegment(_ base: Offset, next: Offset?) throws(DiskError) {
        let path = files.path(base, .log)
        let words = "the segment before it ends at \(logEnd.rawValue)"
        if !order.allows(base, mayGap: mayGap) {
            // What is missing lies behind the segment before, or in one that is not there.
            let isJournaled =
                base > logEnd ? isJournaled(self.base, previous) || isJournaled(logEnd, 0) : nil
            obstacle(path, 0, in: base, words, isJournaled: isJournaled)
        }
        order.begin(at: base)
        segmentIsBroken = false
        hasBytesBehind = false
        self.base = base
        let entry = compacted.entry(at: base)
        mayGap = entry != nil || gapsAreUnknown
        // One of which nothing is left tells of no gap by a batch.
        if mayGap { replay.sawCompaction = true }
        content = SegmentContentCheck(base: base, entry: entry)
        let file = try files.disk.open(path, .read)
        defer { file.close() }
        let byteCount = try file.byteCount()
        previous = byteCount
        report.segmentCount += 1
        if base == facts.end.segment { endByteCount = byteCount }
        var segment = SegmentFacts(base: base, byteCount: byteCount)
        replay.beginSegment()
        var position: Int64 = 0
        while let resumed = try scan(file, path, from: position, next: next, &segment) {
            position = resumed
        }
        checkLength(path, base, byteCount)
        if entry != nil, !segmentIsBroken, let reason = content.finish(end: next) {
            damage(path, at: byteCount, offset: logEnd, reason)
        }
        segment.isCompacted = replay.sawCompaction
        // What the next start does not trust it makes anew.
        if base == facts.recovery.place.segment {
            try verifyResumedIndexes(segment)
        } else if base < facts.recovery.place.segment, next != nil, !hasBytesBehind {
            try verifyCaches(segment)
        }
    }

    private mutating func checkLength(_ path: String, _ base: Offset, _ byteCount: Int64) {
        guard base == facts.end.segment, byteCount < facts.end.position else { return }
        // A folder of a later time may have been compacted where the earlier one ended.
        if case .unknown = facts.tail, compacted.covers(base) { return }
        obstacle(
            path,
            byteCount,
            in: base,
            "the file ends here, \(facts.end.position) bytes were acknowledged"
        )
    }

    /// Reads batches from a position on; where to go on behind damage, nil at the end.
    private mutating func scan(
        _ file: any DiskFile,
        _ path: String,
        from start: Int64,
        next: Offset?,
        _ facts: inout SegmentFacts
    ) throws(DiskError) -> Int64? {
        let end = facts.byteCount
        var scanner = SegmentScanner(file: file, from: start, to: end)
        while true {
            let at = scanner.position
            switch try scanner.next() {
            case .end: return nil
            case .bad(let error):
                if isBehindAll(at, next: next) {
                    noteBytesBehind(path, at, to: end)
                    return nil
                }
                obstacle(path, at, in: base, "\(error)")
                order.skip()
                return try self.next(behind: at, in: file, to: end)
            case .batch(let batch):
                if isUnvouched(base, at) {
                    unvouched.recordCount += Int(max(0, batch.recordCount))
                    unvouched.first = unvouched.first ?? batch.baseOffset
                }
                if let reason = straddle(batch, at: at) {
                    damage(path, at: at, offset: batch.baseOffset, reason)
                }
                let isInOrder = order.allows(batch.baseOffset, mayGap: mayGap)
                if !isInOrder, isBehindAll(at, next: next) {
                    noteBytesBehind(path, at, to: end)
                    return nil
                }
                take(batch, path, at: at, &facts)
                scanner.advance(by: batch.byteCount)
            }
        }
    }

    /// As the start has it: what lies behind the last batch of a closed segment is nobody's.
    private func isBehindAll(_ position: Int64, next: Offset?) -> Bool {
        guard let next else { return false }
        return compacted.isWhole(base, upTo: position, logEnd, next: next)
    }

    private mutating func noteBytesBehind(_ path: String, _ position: Int64, to end: Int64) {
        hasBytesBehind = true
        let count = end - position
        let bytes = count == 1 ? "1 byte lies" : "\(count) bytes lie"
        find(
            .note,
            path,
            position,
            logEnd,
            "\(bytes) behind the segment's last batch: a write that failed left them, and nobody "
                + "reads them"
        )
    }

    /// What was acknowledged ends with a batch: one that goes on behind it is another's.
    private func straddle(_ batch: RecordBatchView, at position: Int64) -> String? {
        let end = facts.end.position
        guard facts.tail == .cut, base == facts.end.segment, position < end,
            position + Int64(batch.byteCount) > end
        else { return nil }
        return
            "a batch of \(batch.byteCount) bytes runs over the place where what was acknowledged "
            + "ends, \(end)"
    }

    /// What is wrong with the place of a batch whose CRC is right.
    private mutating func misplacement(of batch: RecordBatchView) -> String? {
        let base = batch.baseOffset
        if mayGap, !gapsAreUnknown, let reason = content.note(batch) { return reason }
        guard !order.allows(base, mayGap: mayGap) else { return nil }
        return "base offset \(base.rawValue), where \(logEnd.rawValue) is next"
    }

    /// What is wrong with a batch whose CRC and place are right.
    private mutating func fault(
        of batch: RecordBatchView,
        _ path: String,
        at position: Int64
    ) -> String? {
        guard batch.lastOffsetDelta >= 0 else { return "a negative offset delta" }
        if let known = epochs?.expected(at: batch.baseOffset), known != batch.leaderEpoch {
            return "leader epoch \(batch.leaderEpoch.rawValue), where \(known.rawValue) is known"
        }
        return recordFault(of: batch, path, at: position)
    }

    /// Kafka's cleaner leaves batches whose records do not fill their offsets.
    private func isCompacted(_ batch: RecordBatchView) -> Bool {
        batch.attributes.hasDeleteHorizon || Int(batch.recordCount) <= Int(batch.lastOffsetDelta)
    }

    private mutating func recordFault(
        of batch: RecordBatchView,
        _ path: String,
        at position: Int64
    ) -> String? {
        do throws(RecordBatchError) {
            if batch.attributes.isControl { _ = try EndTransactionMarker(batch) }
            var records = try decompressor.records(of: batch, byteLimit: Self.recordByteLimit)
            var last: Int32 = -1
            var latest: Timestamp?
            while let record = try records.next() {
                report.recordCount += 1
                guard record.offsetDelta > last, record.offsetDelta <= batch.lastOffsetDelta else {
                    return "a record at offset delta \(record.offsetDelta) behind \(last), in a "
                        + "batch up to \(batch.lastOffsetDelta)"
                }
                last = record.offsetDelta
                let time = batch.timestamp(of: record)
                latest = max(latest ?? time, time)
            }
            understated.note(
                batch,
                latest: latest,
                at: .init(file: path, position: position, offset: batch.baseOffset)
            )
            return nil
        } catch { return "\(error)" }
    }

    /// Takes note of what stands in the way of reading the log.
    private mutating func obstacle(
        _ path: String,
        _ position: Int64,
        in segment: Offset,
        _ reason: String,
        isJournaled: Bool? = nil
    ) {
        isBroken = true
        segmentIsBroken = true
        if isUnvouched(segment, position) {
            let why = facts.tail == .cut ? "never acknowledged" : "not flushed when the log ended"
            let what = "\(reason); \(why): the next start cuts it"
            return find(.note, path, position, logEnd, what)
        }
        if isJournaled ?? self.isJournaled(segment, position) {
            let what = "\(reason); the journal has it: the next start writes it again"
            find(.note, path, position, logEnd, what)
        } else {
            damage(path, at: position, offset: logEnd, reason + wayOut(path, position, in: segment))
        }
    }

    /// Whether the next start writes that place again: never in a segment that a cleaner or an
    /// import has entered as its own.
    private func isJournaled(_ segment: Offset, _ position: Int64) -> Bool {
        !compacted.covers(segment)
            && journaled.contains {
                $0.segment == segment && $0.position <= position
                    && position < $0.position + Int64($0.byteCount)
            }
    }

    /// Holds a batch against what is known, and goes on behind it.
    private mutating func take(
        _ batch: RecordBatchView,
        _ path: String,
        at position: Int64,
        _ facts: inout SegmentFacts
    ) {
        let misplaced = misplacement(of: batch)
        if let reason = misplaced ?? fault(of: batch, path, at: position) {
            obstacle(path, position, in: base, reason)
        }
        compareSnapshots(below: batch.nextOffset)
        facts.note(batch, at: position)
        report.batchCount += 1
        report.byteCount += Int64(batch.byteCount)
        if batch.baseOffset > logEnd || isCompacted(batch) { replay.sawCompaction = true }
        if let reason = replay.note(batch) {
            damage(path, at: position, offset: batch.baseOffset, reason)
        }
        if misplaced == nil { order.take(batch) } else { order.refuse(batch, mayGap: mayGap) }
    }

    // MARK: The end

    private mutating func checkEnds() {
        // The journal has what is missing if it goes on where the file ends.
        let isRecorded =
            !compacted.covers(facts.end.segment)
            && journaled.contains {
                $0.segment == facts.end.segment && $0.position <= endByteCount
            }
        let known = facts.end.offset
        let isDue = facts.tail == .cut || known > facts.logStart
        if logEnd < known, isDue, !isBroken, !isRecorded {
            let what = facts.tail == .cut ? "acknowledged" : "flushed"
            damage(
                files.directory,
                offset: logEnd,
                "the log ends here, but everything below \(known.rawValue) was \(what)"
            )
        }
        if let last = epochs?.starts.last, last.offset > logEnd {
            cacheFinding(
                files.path(LeaderEpochs.fileName),
                "epoch \(last.epoch.rawValue) begins at \(last.offset.rawValue), behind the end: "
                    + "the next start drops it"
            )
        }
    }
}
