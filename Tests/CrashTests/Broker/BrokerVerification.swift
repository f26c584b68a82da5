import Broker
import Coordination
import LogModel
import LogStorage
import MillraceTestKit

/// Opens a broker on a crash state and compares what it shows with what the test knows.
struct BrokerVerification {
    private static let dearCheckEvery = 6

    /// What a recovered broker shows.
    struct Shown: Equatable {
        var values: [TopicPartition: [String]] = [:]
        var offsets: [String: Int64] = [:]
        var highWatermarks: [TopicPartition: Int64] = [:]
        var lastStableOffsets: [TopicPartition: Int64] = [:]
    }

    func verify(_ crash: inout CrashCase<BrokerOracle>) throws {
        let oracle = crash.oracle
        var disk = crash.disk
        if crash.generator.oneIn(Self.dearCheckEvery) {
            disk = try crashInRecovery(of: disk, oracle, &crash)
        }
        let found = disk.copy()
        let time = ManualTimeSource()
        let broker = try open(disk, time)
        let shown = try shown(by: broker, oracle)
        try checkMarks(shown, oracle)
        try checkNothingUndecided(shown, oracle)
        try checkServedIsDurable(disk, shown, oracle)
        if crash.generator.oneIn(2) { try checkFencing(broker, oracle, &crash) }

        let settled = try settle(broker, time, oracle, shown)
        try check(settled, oracle, &crash)
        if oracle.transactions.last?.fate == .committing || crash.generator.oneIn(4) {
            try noteMarkers(found, settled, oracle, &crash)
        }
    }

    private func open(_ disk: SimulatedDisk, _ time: ManualTimeSource) throws -> Broker {
        try Broker.open(
            disk: disk,
            directory: BrokerWorkload.directory,
            configuration: BrokerWorkload.configuration,
            time: time,
            makeID: CountedIDs(of: BrokerWorkload.directory, on: disk).next
        )
    }

    private func shown(by broker: Broker, _ oracle: BrokerOracle) throws -> Shown {
        var shown = Shown()
        for partition in BrokerWorkload.partitions {
            let bounds = try broker.bounds(of: partition)
            shown.highWatermarks[partition] = bounds.highWatermark.rawValue
            shown.lastStableOffsets[partition] = bounds.lastStableOffset.rawValue
            let committed = try broker.reader(of: partition, .readCommitted)
                .all(from: bounds.logStart)
            shown.values[partition] = try committed.keptData.flatMap { try $0.values() }
            try checkScan(broker, partition, bounds, committed)
        }
        for group in oracle.owners.keys.map(BrokerOracle.group) + [BrokerOracle.plainGroup] {
            let answers = try broker.committedOffsets(
                group: group,
                partitions: [BrokerOracle.inputPartition],
                requireStable: false
            )
            if case .committed(let value)? = answers[BrokerOracle.inputPartition] {
                shown.offsets[group] = value.offset.rawValue
            }
        }
        return shown
    }

    /// I-11 and I-12 by a scan of everything that the partition holds.
    private func checkScan(
        _ broker: Broker,
        _ partition: TopicPartition,
        _ bounds: LogBounds,
        _ committed: ReadPartition
    ) throws {
        let all = try broker.reader(of: partition, .readUncommitted).all(from: bounds.logStart)
        var open: [Int64: Int64] = [:]
        for batch in all.batches {
            if batch.isControl {
                open[batch.producerID] = nil
            } else if batch.isTransactional, open[batch.producerID] == nil {
                open[batch.producerID] = batch.base
            }
        }
        let stable = open.values.min() ?? bounds.highWatermark.rawValue
        try check(
            .lastStableOffset,
            bounds.lastStableOffset.rawValue == stable,
            "\(partition): the LSO is \(bounds.lastStableOffset.rawValue), a scan gives \(stable)"
        )
        let last = committed.batches.last?.last ?? -1
        try check(
            .committedReadsAreCommitted,
            last < stable,
            "\(partition): read past the LSO"
        )
        for producerID in open.keys {
            let hasOwner = broker.transactionalIDs().contains { id in
                guard let owner = broker.describeTransaction(id) else { return false }
                return owner.producerID.rawValue == producerID && owner.state == .ongoing
                    && owner.partitions.contains { $0.name == partition }
            }
            try check(
                .lastStableOffset,
                hasOwner,
                "\(partition): \(producerID) hangs without an owner"
            )
        }
    }

    private func check(
        _ invariant: Invariant,
        _ holds: Bool,
        _ detail: @autoclosure () -> String
    ) throws {
        try CrashTests.check(invariant, holds, detail())
    }

    // MARK: - Against the oracle

    /// Before timeouts have cleared the way, committed values may be hidden behind others' open
    /// transactions; what is seen is decided.
    private func checkNothingUndecided(_ shown: Shown, _ oracle: BrokerOracle) throws {
        for (partition, values) in shown.values {
            for value in values where !value.hasPrefix("plain") {
                guard let index = try transactionIndex(of: value, in: partition, oracle) else {
                    continue
                }
                let fate = oracle.transactions[index].fate
                try check(
                    .committedReadsAreCommitted,
                    fate == .committed || fate == .committing,
                    "\(partition) shows \(value) of a transaction that is \(fate)"
                )
            }
        }
    }

    private func transactionIndex(
        of value: String,
        in partition: TopicPartition,
        _ oracle: BrokerOracle
    ) throws -> Int? {
        guard value.hasPrefix("t") else { return nil }
        guard let index = Int(value.dropFirst().prefix { $0 != "-" }),
            oracle.transactions.indices.contains(index),
            oracle.transactions[index].values[partition]?.contains(value) == true
        else {
            throw Violation(
                invariant: .recoveryIsAPrefix,
                detail: "nobody wrote \(value) to \(partition)"
            )
        }
        return index
    }

    private func check(
        _ shown: Shown,
        _ oracle: BrokerOracle,
        _ crash: inout CrashCase<BrokerOracle>
    ) throws {
        var seen: [Int: Set<String>] = [:]
        for (partition, values) in shown.values {
            try checkPlain(values.filter { $0.hasPrefix("plain") }, partition, oracle)
            for value in values {
                guard let index = try transactionIndex(of: value, in: partition, oracle) else {
                    continue
                }
                try check(
                    .sequencesAppendOnce,
                    seen[index, default: []].insert(value).inserted,
                    "\(value) twice"
                )
            }
        }
        for (index, transaction) in oracle.transactions.enumerated() {
            let count = seen[index]?.count ?? 0
            try check(
                .transactionsAreWhole,
                count == 0 || count == transaction.valueCount,
                "\(count) of \(transaction.valueCount) values of transaction \(index)"
            )
            try checkFate(transaction, index, count, &crash)
            try checkOffset(transaction, index, count, shown)
        }
        try checkOffsets(shown, oracle)
    }

    private func checkMarks(_ shown: Shown, _ oracle: BrokerOracle) throws {
        for (partition, mark) in oracle.highWatermarks {
            let now = shown.highWatermarks[partition] ?? 0
            try check(.marksNeverGoBack, now >= mark, "\(partition): \(now) after HW \(mark)")
        }
        for (partition, mark) in oracle.lastStableOffsets {
            let now = shown.lastStableOffsets[partition] ?? 0
            try check(.marksNeverGoBack, now >= mark, "\(partition): \(now) after LSO \(mark)")
        }
    }

    private func checkPlain(
        _ values: [String],
        _ partition: TopicPartition,
        _ oracle: BrokerOracle
    ) throws {
        let acked = oracle.plain[partition] ?? []
        try check(
            .ackedIsReadable,
            Array(values.prefix(acked.count)) == acked,
            "\(partition) shows \(values), acked were \(acked)"
        )
        let rest = Array(values.dropFirst(acked.count))
        let possible = oracle.unackedPlain[partition] ?? []
        try check(
            .recoveryIsAPrefix,
            rest == Array(possible.prefix(rest.count)),
            "\(partition) shows \(rest) besides"
        )
    }

    private func checkFate(
        _ transaction: BrokerOracle.Transaction,
        _ index: Int,
        _ count: Int,
        _ crash: inout CrashCase<BrokerOracle>
    ) throws {
        guard transaction.valueCount > 0 else { return }
        switch transaction.fate {
        case .committed:
            try check(.commitIsFinal, count > 0, "committed transaction \(index) is gone")
        case .aborted, .open:
            try check(
                .committedReadsAreCommitted,
                count == 0,
                "\(transaction.fate) transaction \(index) is seen"
            )
            if transaction.fate == .aborted { crash.met.insert(.abortedSurvived) }
        case .committing:
            crash.met.insert(count > 0 ? .undecidedBecameCommitted : .undecidedBecameAborted)
        }
    }

    /// I-10 for the offsets: they share the fate of the records.
    private func checkOffset(
        _ transaction: BrokerOracle.Transaction,
        _ index: Int,
        _ count: Int,
        _ shown: Shown
    ) throws {
        guard transaction.fate == .committing, let offset = transaction.offset,
            transaction.valueCount > 0
        else { return }
        let group = BrokerOracle.group(of: transaction.owner)
        try check(
            .transactionsAreWhole,
            (shown.offsets[group] == offset) == (count > 0),
            "\(count) values of transaction \(index), but the offset \(shown.offsets[group] ?? -1)"
        )
    }

    private func checkOffsets(_ shown: Shown, _ oracle: BrokerOracle) throws {
        for owner in oracle.owners.keys {
            let (sure, possible) = oracle.offsets(of: owner)
            let offset = shown.offsets[BrokerOracle.group(of: owner)]
            try check(
                .committedOffsetsNeverGoBack,
                offset == sure || possible.contains { $0 == offset },
                "\(owner) has \(offset ?? -1), acked was \(sure ?? -1), possible \(possible)"
            )
        }
        let plain = shown.offsets[BrokerOracle.plainGroup]
        try check(
            .committedOffsetsNeverGoBack,
            plain == oracle.plainOffset || plain == oracle.unackedPlainOffset,
            "the plain group has \(plain ?? -1), acked was \(oracle.plainOffset ?? -1)"
        )
    }

    // MARK: - What must hold afterwards

    /// I-16: the outcome that was shown is the one of every later recovery.
    private func checkServedIsDurable(
        _ disk: SimulatedDisk,
        _ first: Shown,
        _ oracle: BrokerOracle
    ) throws {
        let plan = disk.crashPlan()
        let again = disk.crashState(plan, keeping: plan.nothingKept)
        let second = try shown(by: open(again, ManualTimeSource()), oracle)
        try check(
            .commitIsFinal,
            second.values == first.values && second.offsets == first.offsets,
            "\(first.values) \(first.offsets), after a second crash \(second.values) "
                + "\(second.offsets)"
        )
        for (partition, mark) in first.highWatermarks {
            let now = second.highWatermarks[partition] ?? 0
            try check(
                .marksNeverGoBack,
                now >= mark,
                "\(partition): HW \(now) after a second crash, \(mark) was served"
            )
        }
    }

    /// I-9, I-16: who comes back gets a newer pair, and the old one can do nothing.
    private func checkFencing(
        _ broker: Broker,
        _ oracle: BrokerOracle,
        _ crash: inout CrashCase<BrokerOracle>
    ) throws {
        let before = try shown(by: broker, oracle).offsets
        for (owner, old) in oracle.owners.sorted(by: { $0.key < $1.key }) {
            let reply = try broker.takeOver(
                transactionalID: owner,
                timeout: BrokerWorkload.transactionTimeout
            )
            guard case .producer(let producerID, let epoch) = reply else {
                throw Violation(
                    invariant: .commitIsFinal,
                    detail: "\(owner) cannot come back: \(reply)"
                )
            }
            try check(
                .sequencesAppendOnce,
                producerID != old.producerID || epoch > old.epoch,
                "\(owner) got the pair again that it had"
            )
            let late = try broker.endTransaction(
                transactionalID: owner,
                producerID: old.producerID,
                epoch: old.epoch,
                result: .commit
            )
            guard case .error = late else {
                throw Violation(
                    invariant: .commitIsFinal,
                    detail: "a fenced commit of \(owner): \(late)"
                )
            }
            crash.met.insert(.epochRaised)
        }
        let after = try shown(by: broker, oracle)
        try checkNothingUndecided(after, oracle)
        try check(
            .committedOffsetsNeverGoBack,
            after.offsets == before,
            "fencing changed offsets"
        )
    }

    /// I-12, I-17: after their timeout nothing is open, and no outcome has changed.
    private func settle(
        _ broker: Broker,
        _ time: ManualTimeSource,
        _ oracle: BrokerOracle,
        _ before: Shown
    ) throws -> Shown {
        for id in broker.transactionalIDs() {
            let state = broker.describeTransaction(id)?.state
            try check(
                .preparedCompletes,
                state != .prepareCommit && state != .prepareAbort,
                "\(id) is still \(state.map { "\($0)" } ?? "unknown") after recovery"
            )
        }
        time.advance(milliseconds: 10 * BrokerWorkload.timeoutMilliseconds)
        broker.housekeeping(now: time.wallTime())
        let after = try shown(by: broker, oracle)
        try check(
            .lastStableOffset,
            after.lastStableOffsets == after.highWatermarks,
            "transactions are open after their timeout: \(after.lastStableOffsets)"
        )
        try check(.commitIsFinal, after.offsets == before.offsets, "offsets changed by timeouts")
        for (partition, values) in before.values {
            let now = after.values[partition] ?? []
            try check(
                .ackedIsReadable,
                Array(now.prefix(values.count)) == values,
                "\(partition) showed \(values), after the timeouts \(now)"
            )
        }
        return after
    }

    private func crashInRecovery(
        of disk: SimulatedDisk,
        _ oracle: BrokerOracle,
        _ crash: inout CrashCase<BrokerOracle>
    ) throws -> SimulatedDisk {
        let recorder = MomentRecorder(disk: disk.copy(), oracle: oracle)
        _ = try open(recorder.disk, ManualTimeSource())
        let moments = recorder.finish()
        crash.met.insert(.crashInRecovery)
        return moments[crash.generator.below(moments.count)].disk
            .crashState(using: &crash.generator)
    }

    // MARK: - Rare states

    /// Looks at what the crash left before recovery ended transactions.
    private func noteMarkers(
        _ found: SimulatedDisk,
        _ settled: Shown,
        _ oracle: BrokerOracle,
        _ crash: inout CrashCase<BrokerOracle>
    ) throws {
        var ended: [Int: Int] = [:]
        var open: Set<Int> = []
        let data = try DataDirectory.open(
            disk: found.copy(),
            path: BrokerWorkload.directory,
            owner: "test",
            creates: false,
            time: ManualTimeSource(),
            journal: BrokerWorkload.configuration.journal
        )
        let id = data.topics.first { $0.name == BrokerWorkload.topic }?.id
        for log in id.map(data.partitions) ?? [] {
            let partition = log.name
            var last: [Int64: Int] = [:]
            let all = try PartitionReader.of(log, .readUncommitted).all(from: log.bounds.logStart)
            for batch in all.batches where batch.isTransactional {
                if batch.isControl {
                    if let index = last.removeValue(forKey: batch.producerID) {
                        ended[index, default: 0] += 1
                    }
                } else if let value = try batch.values().first {
                    last[batch.producerID] = try transactionIndex(of: value, in: partition, oracle)
                }
            }
            open.formUnion(last.values)
            if last.values.contains(where: { oracle.transactions[$0].fate == .open }) {
                crash.met.insert(.openTransaction)
            }
        }
        for index in open where ended[index] != nil { _ = crash.met.insert(.markerHalfWritten) }
        let values = Set(settled.values.values.joined())
        for index in open where values.contains("t\(index)-0") {
            crash.met.insert(.completedByRecovery)
        }
        for partition in BrokerWorkload.partitions {
            let folder = "\(BrokerWorkload.directory)/\(partition)"
            guard try crash.before.kind(of: folder) == .directory else { continue }
            let mark = try crash.before.list(folder)
            let names = try found.kind(of: folder) == .directory ? found.list(folder) : []
            if mark.count > names.count { crash.met.insert(.nameLost) }
            let sent = oracle.transactions.contains { $0.fate == .open || $0.fate == .committing }
            if sent, open.isEmpty { crash.met.insert(.tailLost) }
        }
    }
}

extension Broker {
    func reader(
        of partition: TopicPartition,
        _ isolation: IsolationLevel
    ) throws -> PartitionReader {
        PartitionReader { [self] offset, bytes in
            do throws(BrokerError) {
                return .read(
                    try fetch(partition, from: offset, isolation: isolation, into: bytes)
                )
            } catch .bufferTooSmall(let needed) {
                return .tooSmall(needed: needed)
            }
        }
    }
}
