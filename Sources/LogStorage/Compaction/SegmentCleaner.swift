import LogModel

/// Cleans one log once: reads the part that is new and notes the latest offset of each key, then
/// writes the log again from its first segment on, group by group, without what was superseded.
///
/// Nothing that readers see changes here: each group lies in `.cleaned` files until `SegmentSwap`
/// puts it in place. The groups are swapped in their order, and a group that cannot be swapped ends
/// the round: a tombstone may only go when what it deleted is gone. Only one round at a time, and
/// nobody may remove segments of the plan's range meanwhile.
///
/// Memory: the map's limit, a megabyte for reading and one for writing (a batch, where that is
/// larger), and one batch's records.
struct SegmentCleaner: ~Copyable {
    enum Step: Sendable {
        /// A group is ready to be swapped in.
        case cleaned(CleanedGroup)
        /// All groups are done; the next round begins with records from this offset on.
        case finished(firstDirtyOffset: Offset)
        /// The throttle said no. What was not swapped yet is removed again; the round is over.
        case stopped
    }

    /// Told of each piece that was read, with its bytes: waits where the machine is needed for
    /// something else, and says whether to go on.
    typealias Throttle = (_ byteCount: Int) -> Bool

    private let files: PartitionFiles
    private let round: CleaningRound
    private var map: OffsetMap
    private var transactions: CleanedTransactions
    private var rewriter = RecordBatchRewriter()
    private var decompressor = RecordDecompressor()
    /// Nil until the new part was surveyed.
    private var rules: RetentionRules?
    private var groups: ArraySlice<[CleanableSegment]> = []
    private var unreportedByteCount = 0
    private var isOver = false
    private(set) var statistics = CleaningStatistics()

    /// How much is read between two questions to the throttle.
    private static let pieceByteCount = 1 << 18

    init(files: PartitionFiles, round: CleaningRound) {
        self.files = files
        self.round = round
        map = OffsetMap(byteLimit: round.options.offsetMapByteLimit)
        transactions = CleanedTransactions(aborted: round.aborted)
    }

    /// Does the next piece of the round: everything up to one more group. After an error, or once
    /// it was stopped, the round is over.
    mutating func next(throttle: Throttle) throws(LogStorageError) -> Step {
        guard !isOver else { return .stopped }
        isOver = true
        if rules == nil {
            rules = try survey(throttle)
            groups =
                rules.map { round.plan.groups(upTo: $0.roundEnd, options: round.options)[...] }
                ?? []
        }
        guard let rules else { return .stopped }
        while let group = groups.popFirst() {
            switch try clean(group, rules, throttle) {
            case .cleaned(let cleaned):
                isOver = false
                return .cleaned(cleaned)
            case .unchanged: continue
            case .outgrown:
                // What they were, each of them may be.
                groups = (group.map { [$0] } + groups)[...]
            case .stopped: return .stopped
            }
        }
        return .finished(firstDirtyOffset: rules.roundEnd)
    }

    // MARK: Survey

    /// Notes the latest offset of each key in the new part; nil if it was stopped.
    private mutating func survey(
        _ throttle: Throttle
    ) throws(LogStorageError) -> RetentionRules? {
        let firstDirty = round.plan.firstDirtyOffset
        var end: Offset?
        var last: Offset?
        for segment in round.plan.segments where segment.nextBase > firstDirty && end == nil {
            var reader = try CheckedSegmentReader(segment, of: round, in: files)
            while end == nil, let batch = try reader.next() {
                guard goesOn(behind: batch, throttle) else { return nil }
                let isData = try transactions.note(batch) == .data
                if isData, batch.lastOffset >= firstDirty {
                    do throws(RecordBatchError) {
                        end = try Self.survey(batch, from: firstDirty, &map, &decompressor)
                    } catch { throw reader.damaged("\(error)") }
                }
                if end == nil { last = batch.lastOffset }
            }
        }
        transactions.restart()
        statistics.keyCount = map.count
        statistics.roundEnd = end ?? round.plan.end
        return RetentionRules(
            now: round.now,
            roundEnd: end ?? round.plan.end,
            lastBatchOffset: last,
            producers: round.producers
        )
    }

    /// Notes the keys of a batch; the offset of the first record that has no place in the map.
    private static func survey(
        _ batch: RecordBatchView,
        from firstDirty: Offset,
        _ map: inout OffsetMap,
        _ decompressor: inout RecordDecompressor
    ) throws(RecordBatchError) -> Offset? {
        var records = try decompressor.records(of: batch, byteLimit: BatchLimit.recordByteCount)
        while let record = try records.next() {
            let offset = batch.offset(of: record)
            guard offset >= firstDirty, let key = record.key else { continue }
            if !map.put(key, at: offset) { return offset }
        }
        return nil
    }

    /// Tells the throttle of what was read; whether to go on.
    private mutating func goesOn(behind batch: RecordBatchView, _ throttle: Throttle) -> Bool {
        statistics.readByteCount += Int64(batch.byteCount)
        unreportedByteCount += batch.byteCount
        guard unreportedByteCount >= Self.pieceByteCount else { return true }
        defer { unreportedByteCount = 0 }
        return throttle(unreportedByteCount)
    }

    // MARK: Cleaning

    private enum GroupOutcome {
        case cleaned(CleanedGroup)
        /// The group is one segment, and nothing of it had to go.
        case unchanged
        /// Batches became longer, so that its segments are too much for one.
        case outgrown
        case stopped
    }

    private mutating func clean(
        _ group: [CleanableSegment],
        _ rules: RetentionRules,
        _ throttle: Throttle
    ) throws(LogStorageError) -> GroupOutcome {
        var writer = try CleanedSegmentWriter(
            files: files,
            base: group[0].baseOffset,
            end: group[group.count - 1].nextBase,
            interval: round.options.indexIntervalByteCount
        )
        let before = (transactions, statistics)
        do throws(LogStorageError) {
            let written = try write(group, rules, throttle, to: &writer)
            if written != .changed { try writer.discard() }
            switch written {
            case .changed: break
            case .unchanged: return .unchanged
            case .stopped: return .stopped
            case .outgrown:
                // It is counted again, but for what the disk had to read.
                let readByteCount = statistics.readByteCount
                (transactions, statistics) = before
                statistics.readByteCount = readByteCount
                return .outgrown
            }
            let newest = files.path(group[group.count - 1].baseOffset, .log)
            let modified = try onDisk { [files] () throws(DiskError) in
                try files.disk.modificationTime(of: newest)
            }
            try writer.finish(modified: modified)
        } catch {
            // What stays behind is removed at the next start; the first error is the one to tell.
            _ = try? writer.discard()
            throw error
        }
        statistics.writtenByteCount += writer.byteCount
        return .cleaned(writer.group(of: group.map(\.baseOffset)))
    }

    private enum Written {
        case changed
        /// The group is one segment, and all of it stays.
        case unchanged
        case outgrown
        case stopped
    }

    /// Writes what stays of a group.
    private mutating func write(
        _ group: [CleanableSegment],
        _ rules: RetentionRules,
        _ throttle: Throttle,
        to writer: inout CleanedSegmentWriter
    ) throws(LogStorageError) -> Written {
        let byteLimit = round.options.joinedByteLimit
        var isUnchanged = true
        for segment in group {
            var reader = try CheckedSegmentReader(segment, of: round, in: files)
            while let batch = try reader.next() {
                guard goesOn(behind: batch, throttle) else { return .stopped }
                let role = try transactions.note(batch)
                let verdict = rules.verdict(on: RetentionRules.Batch(batch), role)
                if case .marker(_, let aborted?) = role { writer.append(aborted) }
                count(batch, role, verdict)
                let kept: RecordBatchView?
                do throws(RecordBatchError) {
                    kept = try Self.remains(
                        of: batch,
                        verdict,
                        rules,
                        horizon: round.deleteHorizon,
                        map,
                        &rewriter,
                        &statistics
                    )
                } catch { throw reader.damaged("\(error)") }
                if let kept {
                    let byteCount = writer.byteCount + Int64(kept.byteCount)
                    if group.count > 1, byteCount > byteLimit { return .outgrown }
                    try writer.append(kept)
                }
                if kept?.base != batch.base { isUnchanged = false }
            }
        }
        return isUnchanged && group.count == 1 ? .unchanged : .changed
    }

    private mutating func count(
        _ batch: RecordBatchView,
        _ role: CleanedTransactions.Role,
        _ verdict: RetentionRules.Verdict
    ) {
        let recordCount = Int(batch.recordCount)
        statistics.recordCount += recordCount
        switch (verdict, role) {
        case (.drop, .marker), (.drop, .emptiedControl): statistics.removedMarkerCount += 1
        case (.drop, _), (.empty, _): statistics.abortedRecordCount += recordCount
        case (.keep, _), (.keepUntilHorizon, _): statistics.keptRecordCount += recordCount
        case (.filter, _): break
        }
    }

    /// The batch that stays of a batch; nil if it goes.
    private static func remains(
        of batch: RecordBatchView,
        _ verdict: RetentionRules.Verdict,
        _ rules: RetentionRules,
        horizon: Timestamp,
        _ map: borrowing OffsetMap,
        _ rewriter: inout RecordBatchRewriter,
        _ statistics: inout CleaningStatistics
    ) throws(RecordBatchError) -> RecordBatchView? {
        let outcome: RecordBatchRewriter.Outcome
        switch verdict {
        case .keep: return batch
        case .drop: return nil
        case .keepUntilHorizon:
            outcome = try rewriter.rewrite(batch, horizon: .always(horizon)) { _ in true }
        case .empty:
            outcome = try rewriter.rewrite(batch) { _ in false }
        case .filter(let staysEmpty):
            outcome = try filter(batch, rules, horizon: horizon, map, &rewriter, &statistics)
            if outcome.retainedCount == 0, !staysEmpty { return nil }
        }
        let written = try RecordBatchView(outcome.bytes)
        precondition(
            written.baseOffset == batch.baseOffset && written.lastOffset == batch.lastOffset,
            "a batch that is written again keeps its place"
        )
        return written
    }

    private static func filter(
        _ batch: RecordBatchView,
        _ rules: RetentionRules,
        horizon: Timestamp,
        _ map: borrowing OffsetMap,
        _ rewriter: inout RecordBatchRewriter,
        _ statistics: inout CleaningStatistics
    ) throws(RecordBatchError) -> RecordBatchRewriter.Outcome {
        var counted = statistics
        defer { statistics = counted }
        return try rewriter.rewrite(batch, horizon: .forTombstones(horizon)) { record in
            let verdict = rules.verdict(
                onRecordAt: batch.offset(of: record),
                hasKey: record.key != nil,
                hasValue: record.value != nil,
                latest: record.key.flatMap { map.offset(of: $0) },
                deleteHorizon: batch.deleteHorizon
            )
            switch verdict {
            case .keep: counted.keptRecordCount += 1
            case .superseded: counted.supersededCount += 1
            case .expired: counted.expiredTombstoneCount += 1
            case .keyless: counted.keylessCount += 1
            }
            return verdict == .keep
        }
    }
}
