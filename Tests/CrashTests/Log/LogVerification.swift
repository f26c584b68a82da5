import LogModel
import LogStorage
import MillraceTestKit

/// Recovers a partition from a crash state and compares it with what the test knows.
struct LogVerification {
    let configuration: LogConfiguration
    let time = ManualTimeSource()
    private let directory = LogWorkload.directory

    /// How often the dear checks run: once in so many states.
    private static let dearCheckEvery = 8

    func verify(_ crash: inout CrashCase<LogOracle>) throws {
        var disk = crash.disk
        let oracle = crash.oracle
        if crash.generator.oneIn(Self.dearCheckEvery) {
            disk = try crashInRecovery(of: disk, oracle, &crash)
        }
        let isClean = oracle.isClosed && crash.generator.oneIn(2)
        let found = disk.copy()
        let log = try open(disk, oracle, isClean: isClean, &crash.generator)
        let shown = try check(log, oracle)
        try noteRareStates(found, recovered: disk, shown, &crash)

        try checkServedIsDurable(disk, shown, oracle)
        if crash.generator.oneIn(Self.dearCheckEvery) {
            try checkCaches(disk, shown, oracle, &crash.generator)
        }
        try checkProducers(log, shown, oracle, &crash)
    }

    /// What a recovered log shows.
    struct Shown: Equatable {
        var logStart: Int64
        var end: Int64
        var lastStableOffset: Int64
        var uncommitted: ReadPartition
        var committed: ReadPartition

        /// Without the aborted list, which `checkAborted` judges: what a rebuilt list says of a
        /// transaction that began before the log start may differ.
        var answers: Shown {
            var answers = self
            answers.committed.aborted = []
            return answers
        }
    }

    private func open(
        _ disk: SimulatedDisk,
        _ oracle: LogOracle,
        isClean: Bool = false,
        _ generator: inout SeededGenerator
    ) throws -> PartitionLog {
        let points = oracle.recoveryPoints
        let point = isClean ? oracle.flushedEnd : points[generator.below(points.count)]
        return try PartitionLog.open(
            disk: disk,
            directory: directory,
            configuration: configuration,
            cleanShutdown: isClean,
            recoveryPoint: Offset(point),
            logStart: Offset(oracle.logStart),
            time: time
        ).0
    }

    private func shown(by log: PartitionLog) throws -> Shown {
        let bounds = log.bounds
        return Shown(
            logStart: bounds.logStart.rawValue,
            end: bounds.highWatermark.rawValue,
            lastStableOffset: bounds.lastStableOffset.rawValue,
            uncommitted: try PartitionReader.of(log, .readUncommitted)
                .all(from: bounds.logStart),
            committed: try PartitionReader.of(log, .readCommitted).all(from: bounds.logStart)
        )
    }

    // MARK: - Checks

    private func check(_ log: PartitionLog, _ oracle: LogOracle) throws -> Shown {
        let shown = try shown(by: log)
        try checkPrefix(shown, oracle)
        try CrashTests.check(
            .marksNeverGoBack,
            shown.end >= oracle.flushedEnd,
            "the high watermark is \(shown.end), acked were \(oracle.flushedEnd)"
        )
        try CrashTests.check(
            .marksNeverGoBack,
            shown.logStart >= oracle.logStart,
            "the log start is \(shown.logStart), acked was \(oracle.logStart)"
        )
        try CrashTests.check(
            .recoveryIsAPrefix,
            shown.logStart == oracle.logStart || shown.logStart == oracle.attemptedLogStart,
            "the log starts at \(shown.logStart), nothing below was to be deleted"
        )
        try CrashTests.check(
            .marksNeverGoBack,
            shown.lastStableOffset >= oracle.lastStableSeen,
            "the LSO is \(shown.lastStableOffset), a reader saw \(oracle.lastStableSeen)"
        )
        try checkTransactions(shown, oracle)
        return shown
    }

    /// I-1, I-2, I-3: the batches are those appended, from the log start without a hole.
    private func checkPrefix(_ shown: Shown, _ oracle: LogOracle) throws {
        let expected = oracle.entries.filter { $0.last >= shown.logStart && $0.last < shown.end }
        let batches = shown.uncommitted.batches
        for (entry, batch) in zip(expected, batches) {
            let invariant: Invariant =
                entry.last < oracle.flushedEnd ? .ackedIsReadable : .recoveryIsAPrefix
            try CrashTests.check(
                .offsetsRise,
                batch.base == entry.base && batch.last == entry.last,
                "a batch at \(batch.base)…\(batch.last) instead of \(entry.base)…\(entry.last)"
            )
            switch entry.kind {
            case .data(let bytes):
                try CrashTests.check(
                    invariant,
                    batch.bytes == bytes,
                    "other bytes at \(entry.base)"
                )
            case .marker:
                try CrashTests.check(
                    invariant,
                    batch.isControl && batch.producerID == entry.producerID,
                    "no marker of \(entry.producerID) at \(entry.base)"
                )
            }
        }
        try CrashTests.check(
            expected.count > batches.count ? .ackedIsReadable : .recoveryIsAPrefix,
            expected.count == batches.count,
            "\(batches.count) batches instead of \(expected.count) below \(shown.end)"
        )
        let end = oracle.entries.last { $0.last < shown.end }.map { $0.last + 1 } ?? 0
        try CrashTests.check(
            .recoveryIsAPrefix,
            end == shown.end || shown.end == shown.logStart,
            "the log ends at \(shown.end), inside a batch"
        )
    }

    /// I-10, I-11, I-12 against a full scan of what survived.
    private func checkTransactions(_ shown: Shown, _ oracle: LogOracle) throws {
        let survivors = oracle.entries.prefix { $0.last < shown.end }
        let outcome = LogOracle.outcome(of: survivors.filter { $0.last >= shown.logStart })
        let full = LogOracle.outcome(of: survivors)
        try CrashTests.check(
            .lastStableOffset,
            shown.lastStableOffset == min(full.lastStableOffset, shown.end)
                || shown.end == shown.logStart,
            "the LSO is \(shown.lastStableOffset), not \(full.lastStableOffset)"
        )
        let kept = shown.committed.keptData.map(\.base)
        let expected = full.committed.filter { base in
            base >= shown.logStart && base < shown.lastStableOffset
        }
        try CrashTests.check(
            .committedReadsAreCommitted,
            kept == expected,
            "read_committed keeps \(kept), not \(expected)"
        )
        try checkAborted(shown, full: full, rebuilt: outcome)
    }

    /// I-11: the list holds what a scan finds. Of a transaction that began before the log start, a
    /// recovery may have seen the later part only.
    private func checkAborted(
        _ shown: Shown,
        full: LogOracle.Outcome,
        rebuilt: LogOracle.Outcome
    ) throws {
        var listed = shown.committed.aborted
        let known = Dictionary(uniqueKeysWithValues: rebuilt.aborted.map { ($0.last, $0.first) })
        for transaction in full.aborted
        where transaction.last >= shown.logStart && transaction.first < shown.lastStableOffset {
            let firsts = transaction.first...(known[transaction.last] ?? transaction.first)
            let entry = listed.first {
                $0.producerID.rawValue == transaction.producerID
                    && firsts.contains($0.firstOffset.rawValue)
            }
            if let entry { listed.remove(entry) }
            try CrashTests.check(
                .committedReadsAreCommitted,
                entry != nil || known[transaction.last] == nil,
                "\(transaction) is missing from the aborted list"
            )
        }
        try CrashTests.check(
            .committedReadsAreCommitted,
            listed.isEmpty,
            "\(listed) were not aborted"
        )
    }

    /// I-5: what recovery shows would survive the next power loss.
    private func checkServedIsDurable(
        _ disk: SimulatedDisk,
        _ first: Shown,
        _ oracle: LogOracle
    ) throws {
        let plan = disk.crashPlan()
        let again = disk.crashState(plan, keeping: plan.nothingKept)
        var generator = SeededGenerator(seed: 0)
        var bare = oracle
        bare.recoveryPoints = [first.end]
        let second = try shown(by: open(again, bare, &generator))
        try checkTransactions(second, oracle)
        try CrashTests.check(
            .marksNeverGoBack,
            second.answers == first.answers,
            "a second recovery shows \(second.end) after \(first.end) was served"
        )
    }

    /// I-6: without indexes, snapshots and checkpoints the answers are the same.
    private func checkCaches(
        _ disk: SimulatedDisk,
        _ first: Shown,
        _ oracle: LogOracle,
        _ generator: inout SeededGenerator
    ) throws {
        let bare = disk.afterKill()
        for name in try bare.list(directory) where Self.isCache(name) && !generator.oneIn(4) {
            try bare.remove("\(directory)/\(name)")
        }
        var later = oracle
        later.recoveryPoints = [0, first.end]
        let second = try shown(by: open(bare, later, isClean: false, &generator))
        try checkTransactions(second, oracle)
        try CrashTests.check(
            .cachesChangeNothing,
            second.answers == first.answers,
            "without caches the log shows something else"
        )
    }

    private static func isCache(_ name: String) -> Bool {
        [".index", ".timeindex", ".txnindex", ".snapshot"].contains { name.hasSuffix($0) }
            || name == "leader-epoch-checkpoint"
    }

    /// I-9: the last surviving batch of each producer is recognised, the next one is taken.
    private func checkProducers(
        _ log: PartitionLog,
        _ shown: Shown,
        _ oracle: LogOracle,
        _ crash: inout CrashCase<LogOracle>
    ) throws {
        var last: [Int64: LogOracle.Entry] = [:]
        for entry in oracle.entries
        where entry.producerID >= 0 && entry.base >= shown.logStart && entry.last < shown.end {
            last[entry.producerID] = entry
        }
        for (_, entry) in last.sorted(by: { $0.key < $1.key }) {
            guard case .data(let stored) = entry.kind else { continue }
            // As the client has it: without the offset that the log assigned.
            var bytes = stored
            bytes.replaceSubrange(0..<8, with: repeatElement(0, count: 8))
            let outcome = try bytes.withUnsafeMutableBytes { try log.append($0, origin: .client) }
            guard case .duplicate(let base, let end) = outcome, base.rawValue == entry.base,
                end.rawValue == entry.last
            else {
                throw Violation(
                    invariant: .sequencesAppendOnce,
                    detail: "the batch at \(entry.base), sent again, gave \(outcome)"
                )
            }
            crash.met.insert(.duplicateRefused)
        }
    }

    // MARK: - Crash in recovery, rare states

    /// Recovers, loses the power again at some call of that, and gives what is found then.
    private func crashInRecovery(
        of disk: SimulatedDisk,
        _ oracle: LogOracle,
        _ crash: inout CrashCase<LogOracle>
    ) throws -> SimulatedDisk {
        let recorder = MomentRecorder(disk: disk.copy(), oracle: oracle)
        _ = try open(recorder.disk, oracle, &crash.generator)
        let moments = recorder.finish()
        crash.met.insert(.crashInRecovery)
        return moments[crash.generator.below(moments.count)].disk
            .crashState(using: &crash.generator)
    }

    private func noteRareStates(
        _ found: SimulatedDisk,
        recovered: SimulatedDisk,
        _ shown: Shown,
        _ crash: inout CrashCase<LogOracle>
    ) throws {
        let oracle = crash.oracle
        if oracle.flushedEnd == 0 { crash.met.insert(.acknowledgedNothing) }
        if shown.end > oracle.flushedEnd { crash.met.insert(.unackedSurvived) }
        if shown.end < oracle.end { crash.met.insert(.tailLost) }
        if shown.logStart > 0 { crash.met.insert(.startMoved) }
        if oracle.hasFailed { crash.met.insert(.failedFlush) }
        let outcome = LogOracle.outcome(of: oracle.entries.prefix { $0.last < shown.end })
        if !outcome.open.isEmpty { crash.met.insert(.openTransaction) }
        if !outcome.aborted.isEmpty { crash.met.insert(.abortedSurvived) }

        let names = Set(try found.list(directory))
        let lost = Set(try crash.before.list(directory)).subtracting(names)
        if !lost.isEmpty { crash.met.insert(.nameLost) }
        if lost.contains(where: { $0.hasSuffix(".log") }) { crash.met.insert(.segmentLost) }
        if lost.contains(where: { $0.hasSuffix(".snapshot") }) { crash.met.insert(.snapshotLost) }
        for name in names where name.hasSuffix(".log") {
            let path = "\(directory)/\(name)"
            guard try recovered.kind(of: path) == .file else { continue }
            let before = try found.open(path, .read).byteCount()
            let after = try recovered.open(path, .read).byteCount()
            if before > after, after > 0 { crash.met.insert(.tornBatchCut) }
        }
    }
}
