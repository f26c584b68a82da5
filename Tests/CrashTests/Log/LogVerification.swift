import LogModel
import MillraceTestKit

@testable import LogStorage

/// Recovers a directory from a crash state and compares it with what the test knows.
struct LogVerification {
    private typealias Slot = DirectoryOracle.Slot

    let script: LogScript
    let time = ManualTimeSource()

    /// How often the dear checks run: once in so many states.
    private static let dearCheckEvery = 8

    func verify(_ crash: inout CrashCase<DirectoryOracle>) throws {
        var disk = crash.disk
        let oracle = crash.oracle
        let isTwice = crash.generator.oneIn(Self.dearCheckEvery)
        if isTwice { disk = try crashInRecovery(of: disk, oracle, &crash) }
        let found = disk.copy()
        let data = try open(disk)
        let slots = try self.slots(of: data, oracle)
        if slots.count == 1 { crash.met.insert(.topicGone) }
        var shown: [Slot: Shown] = [:]
        for slot in slots {
            let log = try log(slot, data, oracle)
            shown[slot] = try check(log, oracle[slot])
            noteRareStates(of: shown[slot], oracle[slot], &crash)
        }
        try checkGroups(shown, oracle, isTwice: isTwice, &crash)
        try noteRareStates(found, recovered: disk, oracle, &crash)
        try checkServedIsDurable(disk, shown, oracle)
        if crash.generator.oneIn(Self.dearCheckEvery) {
            try checkCaches(disk, shown, oracle, &crash.generator)
        }
        for slot in slots {
            guard let shown = shown[slot], slot != DirectoryOracle.deciding else { continue }
            try checkProducers(log(slot, data, oracle), shown, oracle[slot], &crash)
        }
        data.release()
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

    private func open(_ disk: SimulatedDisk) throws -> DataDirectory {
        try LogWorkload.open(disk, script, time)
    }

    /// The partitions that are there, and that they may be.
    private func slots(of data: DataDirectory, _ oracle: DirectoryOracle) throws -> [Slot] {
        var slots = [DirectoryOracle.deciding]
        let found = data.topics.first { $0.name == DirectoryOracle.topic }
        let place = oracle.topics.firstIndex { $0.id == found?.id }
        guard let place else {
            try CrashTests.check(
                .topicsAreWhole,
                found == nil && oracle.topics.dropFirst().allSatisfy { $0.fate != .there },
                "the topic is \(found.map { "\($0.id)" } ?? "gone")"
            )
            return slots
        }
        try CrashTests.check(
            .topicsAreWhole,
            oracle.topics[place].fate != .gone && place == oracle.current
                || oracle.topics[place].fate == .going,
            "topic \(place) is there, and \(oracle.topics[place].fate)"
        )
        for index in oracle.topics[place].partitions.indices {
            slots.append(Slot(topic: place, partition: index))
        }
        return slots
    }

    private func log(
        _ slot: Slot,
        _ data: DataDirectory,
        _ oracle: DirectoryOracle
    ) throws -> PartitionLog {
        let logs = data.partitions(of: oracle.topics[slot.topic].id)
        guard logs.indices.contains(slot.partition) else {
            throw Violation(invariant: .topicsAreWhole, detail: "\(slot) is missing")
        }
        return logs[slot.partition]
    }

    private func shown(by log: PartitionLog, mayBeReadOnly: Bool = false) throws -> Shown {
        try log.wake()
        try CrashTests.check(
            .corruptIsNeverServed,
            log.readOnlyReason == nil || mayBeReadOnly,
            "\(log.name): \(log.readOnlyReason ?? "")"
        )
        let bounds = try log.bounds
        return Shown(
            logStart: bounds.logStart.rawValue,
            end: bounds.highWatermark.rawValue,
            lastStableOffset: bounds.lastStableOffset.rawValue,
            uncommitted: try PartitionReader.of(log, .readUncommitted)
                .all(from: bounds.logStart),
            committed: try PartitionReader.of(log, .readCommitted).all(from: bounds.logStart)
        )
    }

    private func shown(
        by data: DataDirectory,
        _ slots: some Sequence<Slot>,
        _ oracle: DirectoryOracle,
        mayBeReadOnly: Bool = false
    ) throws -> [Slot: Shown] {
        var all: [Slot: Shown] = [:]
        for slot in slots {
            let log = try log(slot, data, oracle)
            all[slot] = try shown(by: log, mayBeReadOnly: mayBeReadOnly)
        }
        return all
    }

    // MARK: - Groups

    /// I-10 across partitions: a decision is there with all that it counts on, and what one group
    /// was to bring is there wholly or not at all.
    private func checkGroups(
        _ shown: [Slot: Shown],
        _ oracle: DirectoryOracle,
        isTwice: Bool,
        _ crash: inout CrashCase<DirectoryOracle>
    ) throws {
        let decided = shown[DirectoryOracle.deciding]?.end ?? 0
        for promise in oracle.promises where promise.offset < decided {
            for (slot, end) in promise.ends {
                guard let shown = shown[slot] else { continue }
                try CrashTests.check(
                    .transactionsAreWhole,
                    shown.end >= end,
                    "decision \(promise.offset) is there, partition \(slot.partition) ends at "
                        + "\(shown.end), not \(end)"
                )
            }
        }
        let parts = oracle.inFlight.filter { shown[$0.key] != nil }
        guard parts.count == oracle.inFlight.count, !parts.isEmpty else { return }
        let there = parts.count { (shown[$0.key]?.end ?? 0) >= $0.value }
        try CrashTests.check(
            .transactionsAreWhole,
            there == 0 || there == parts.count,
            "of one group \(there) of \(parts.count) partitions are there"
        )
        crash.met.insert(there == 0 ? .groupLost : .groupSurvived)
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
            let latest = transaction.first < shown.logStart ? transaction.last : transaction.first
            let firsts = transaction.first...(known[transaction.last] ?? latest)
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
        _ first: [Slot: Shown],
        _ oracle: DirectoryOracle
    ) throws {
        let plan = disk.crashPlan()
        let again = disk.crashState(plan, keeping: plan.nothingKept)
        let second = try shown(by: open(again), first.keys, oracle)
        for (slot, shown) in second {
            try checkTransactions(shown, oracle[slot])
            try CrashTests.check(
                .marksNeverGoBack,
                shown.answers == first[slot]?.answers,
                "a second recovery shows \(shown.end) after \(first[slot]?.end ?? 0) was served"
            )
        }
    }

    /// I-6: without indexes, snapshots and the directory's checkpoint the answers are the same.
    private func checkCaches(
        _ disk: SimulatedDisk,
        _ first: [Slot: Shown],
        _ oracle: DirectoryOracle,
        _ generator: inout SeededGenerator
    ) throws {
        let bare = disk.afterKill()
        for slot in first.keys {
            let folder =
                "\(LogWorkload.directory)/\(oracle.topics[slot.topic].name)-\(slot.partition)"
            guard try bare.kind(of: folder) == .directory else { continue }
            for name in try bare.list(folder) where Self.isCache(name) && !generator.oneIn(4) {
                try bare.remove("\(folder)/\(name)")
            }
        }
        // The checkpoint alone knows a log start inside of a segment; and without it a journal file
        // whose new use was torn cannot be told from a damaged one: then nothing is written, and
        // all is there.
        var isLost = false
        if first.values.allSatisfy({ $0.logStart == 0 }), generator.oneIn(2) {
            try bare.remove("\(LogWorkload.directory)/.millrace/checkpoint")
            isLost = true
        }
        for _ in 0..<2 {
            let data = try open(bare)
            let second = try shown(by: data, first.keys, oracle, mayBeReadOnly: isLost)
            for (slot, shown) in second {
                try checkTransactions(shown, oracle[slot])
                try CrashTests.check(
                    .cachesChangeNothing,
                    shown.answers == first[slot]?.answers,
                    "without caches the log shows something else"
                )
            }
            data.release()
            bare.releaseLocks()
        }
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
        _ crash: inout CrashCase<DirectoryOracle>
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
            if entry.isTransactional {
                try log.beginTransaction(
                    producerID: ProducerID(entry.producerID),
                    epoch: ProducerEpoch(entry.epoch)
                )
            }
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
        _ oracle: DirectoryOracle,
        _ crash: inout CrashCase<DirectoryOracle>
    ) throws -> SimulatedDisk {
        let recorder = MomentRecorder(disk: disk.copy(), oracle: oracle)
        let data = try open(recorder.disk)
        for slot in try slots(of: data, oracle) { try log(slot, data, oracle).wake() }
        let moments = recorder.finish()
        crash.met.insert(.crashInRecovery)
        return moments[crash.generator.below(moments.count)].disk
            .crashState(using: &crash.generator)
    }

    private func noteRareStates(
        of shown: Shown?,
        _ oracle: LogOracle,
        _ crash: inout CrashCase<DirectoryOracle>
    ) {
        guard let shown else { return }
        if oracle.flushedEnd == 0 { crash.met.insert(.acknowledgedNothing) }
        if shown.end > oracle.flushedEnd { crash.met.insert(.unackedSurvived) }
        if shown.end < oracle.end { crash.met.insert(.tailLost) }
        if shown.logStart > 0 { crash.met.insert(.startMoved) }
        if oracle.hasFailed { crash.met.insert(.failedFlush) }
        let outcome = LogOracle.outcome(of: oracle.entries.prefix { $0.last < shown.end })
        if !outcome.open.isEmpty { crash.met.insert(.openTransaction) }
        if !outcome.aborted.isEmpty { crash.met.insert(.abortedSurvived) }
    }

    private func noteRareStates(
        _ found: SimulatedDisk,
        recovered: SimulatedDisk,
        _ oracle: DirectoryOracle,
        _ crash: inout CrashCase<DirectoryOracle>
    ) throws {
        let journal = "\(LogWorkload.directory)/.millrace/journal/1.journal"
        if try found.kind(of: journal) == .file {
            let file = try found.open(journal, .read)
            let head = try PartitionFiles.bytes(of: file, at: 0, count: 64)
            let header = head.withUnsafeBytes { JournalFileHeader($0) }
            if let header, header.firstSequence > 1 { crash.met.insert(.journalReused) }
        }
        for index in 0..<script.partitionCount {
            let directory = "\(LogWorkload.directory)/\(DirectoryOracle.topic)-\(index)"
            guard try crash.before.kind(of: directory) == .directory else { continue }
            let isThere = try found.kind(of: directory) == .directory
            let names = isThere ? Set(try found.list(directory)) : []
            let lost = Set(try crash.before.list(directory)).subtracting(names)
            if !lost.isEmpty { crash.met.insert(.nameLost) }
            if lost.contains(where: { $0.hasSuffix(".log") }) { crash.met.insert(.segmentLost) }
            if lost.contains(where: { $0.hasSuffix(".snapshot") }) {
                crash.met.insert(.snapshotLost)
            }
            for name in names where name.hasSuffix(".log") {
                let path = "\(directory)/\(name)"
                guard try recovered.kind(of: path) == .file else { continue }
                let before = try found.open(path, .read).byteCount()
                let after = try recovered.open(path, .read).byteCount()
                if before > after, after > 0 { crash.met.insert(.tornBatchCut) }
            }
        }
    }
}
