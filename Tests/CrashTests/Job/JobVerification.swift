import Broker
import Coordination
import LogModel
import LogStorage
import MillraceTestKit
import Streams

/// Starts the job on a crash state, lets it run to the end of its input, and compares everything
/// with what the input gives.
struct JobVerification {
    private static let dearCheckEvery = 6

    func verify(_ crash: inout CrashCase<JobOracle>) throws {
        var disk = crash.disk
        guard var stores = crash.stores else { return }
        if crash.generator.oneIn(Self.dearCheckEvery) {
            (disk, stores) = try crashInRecovery(of: disk, stores, &crash)
        }
        let time = ManualTimeSource()
        let broker = try JobRig.openBroker(disk, time)
        try checkSeen(broker, crash.oracle)
        try checkStores(stores, broker, &crash)

        let rig = try JobRig(broker: broker, stores: stores, time: time)
        try rig.finish()
        try check(
            .storeAheadIsNeverServed,
            stores.wipeCount == 0,
            "a crash made the job wipe a store"
        )
        try checkOutputs(broker, crash.oracle.expected)
        try checkOffsets(broker, crash.oracle)
        try checkStores(stores, broker, &crash)
        if crash.generator.oneIn(Self.dearCheckEvery) {
            try checkWipedState(broker, stores, time, &crash)
        }
    }

    /// I-5 through the job's eyes: what a reader saw is there.
    private func checkSeen(_ broker: Broker, _ oracle: JobOracle) throws {
        let counts = try broker.counts(in: CountJob.counts.name)
        for (word, count) in oracle.seen {
            let now = counts[word]?.count ?? 0
            try check(
                .ackedIsReadable,
                now >= count,
                "\(count) updates of \(word) were seen, \(now) left"
            )
        }
        try checkSequences(counts)
    }

    /// Each word's updates are 1, 2, 3 … whatever happened.
    private func checkSequences(_ counts: [String: [Int64]]) throws {
        for (word, updates) in counts {
            try check(
                .inputContributesOnce,
                updates == Array(1...Int64(updates.count)),
                "the updates of \(word) are \(updates)"
            )
        }
    }

    private func checkOutputs(_ broker: Broker, _ expected: [String: Int]) throws {
        let counts = try broker.counts(in: CountJob.counts.name)
        try checkSequences(counts)
        try check(
            .inputContributesOnce,
            counts.mapValues(\.count) == expected,
            "\(counts.mapValues(\.count)) instead of \(expected)"
        )
        let logged = try broker.counts(in: JobRig.changelogTopic)
        try check(
            .oneTransactionForAll,
            logged == counts,
            "the changelog has \(logged), the output \(counts)"
        )
    }

    /// I-18: the job's position is the end of its input, no further.
    private func checkOffsets(_ broker: Broker, _ oracle: JobOracle) throws {
        for (index, lines) in oracle.lines.enumerated() {
            let partition = TopicPartition(CountJob.lines.name, PartitionIndex(Int32(index)))
            let answers = try broker.committedOffsets(
                group: CountJob.name,
                partitions: [partition],
                requireStable: true
            )
            guard case .committed(let value)? = answers[partition] else {
                throw Violation(
                    invariant: .committedOffsetsNeverGoBack,
                    detail: "\(partition) has no offset"
                )
            }
            try check(
                .committedOffsetsNeverGoBack,
                value.offset.rawValue == Int64(lines.count),
                "\(partition) stands at \(value.offset.rawValue) of \(lines.count)"
            )
        }
    }

    /// I-22, I-23, I-24: a store holds the fold of the committed changelog up to its offset.
    private func checkStores(
        _ stores: SimulatedStores,
        _ broker: Broker,
        _ crash: inout CrashCase<JobOracle>
    ) throws {
        for (index, path) in JobRig.storePaths.enumerated() {
            let (entries, offset) = stores.contents(of: path)
            let changelog = TopicPartition(JobRig.changelogTopic, PartitionIndex(Int32(index)))
            guard let offset else {
                try check(.uncommittedStaysInMemory, entries.isEmpty, "\(path) has no offset")
                continue
            }
            let end = try broker.bounds(of: changelog).highWatermark
            try check(
                .storeAheadIsNeverServed,
                offset <= end,
                "\(path) stands at \(offset.rawValue), its changelog ends at \(end.rawValue)"
            )
            if offset < end { crash.met.insert(.storeBehind) }
            var bounds: [Int32: Int64] = [:]
            for other in 0..<JobRig.partitionCount { bounds[other] = 0 }
            bounds[Int32(index)] = offset.rawValue
            let fold = try broker.counts(in: JobRig.changelogTopic, below: bounds)
                .compactMapValues(\.last)
            let held = entries.map { key, value in
                (String(decoding: key, as: UTF8.self), Self.number(value.suffix(8)))
            }
            try check(
                .storeFoldsChangelog,
                Dictionary(uniqueKeysWithValues: held) == fold,
                "\(path) at \(offset.rawValue) holds \(held), its changelog gives \(fold)"
            )
        }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int64 {
        bytes.reduce(0) { $0 << 8 | Int64($1) }
    }

    /// I-25, I-26: without any local state the same contents come back, and the counts go on.
    private func checkWipedState(
        _ broker: Broker,
        _ stores: SimulatedStores,
        _ time: ManualTimeSource,
        _ crash: inout CrashCase<JobOracle>
    ) throws {
        let fresh = SimulatedStores()
        let restored = try JobRig(broker: broker, stores: fresh, time: time)
        try restored.finish()
        for path in JobRig.storePaths {
            let before = stores.contents(of: path).entries
            let after = fresh.contents(of: path).entries
            try check(
                .wipedStateComesBack,
                before.elementsEqual(after) { $0 == $1 },
                "\(path) held \(before), restored \(after)"
            )
        }
        crash.met.insert(.restoredFromNothing)
        try broker.send(["ant bee ant"], to: 0, at: time.wallTime())
        let again = try JobRig(broker: broker, stores: SimulatedStores(), time: time)
        try again.finish()
        var expected = crash.oracle.expected
        expected["ant", default: 0] += 2
        expected["bee", default: 0] += 1
        let counts = try broker.counts(in: CountJob.counts.name)
        try checkSequences(counts)
        try check(
            .restoreReachesTheEnd,
            counts.mapValues(\.count) == expected,
            "after a restore \(counts.mapValues(\.count)) instead of \(expected)"
        )
    }

    /// Lets the recovered job run, loses the power again at some call of that.
    private func crashInRecovery(
        of disk: SimulatedDisk,
        _ stores: SimulatedStores,
        _ crash: inout CrashCase<JobOracle>
    ) throws -> (SimulatedDisk, SimulatedStores) {
        let recorder = MomentRecorder(
            disk: disk.copy(),
            stores: stores.copy(),
            oracle: crash.oracle
        )
        let time = ManualTimeSource()
        let broker = try JobRig.openBroker(recorder.disk, time)
        if let stores = recorder.stores {
            try JobRig(broker: broker, stores: stores, time: time).finish()
        }
        let moments = recorder.finish()
        let moment = moments[crash.generator.below(moments.count)]
        crash.met.insert(.crashInRecovery)
        return (
            moment.disk.crashState(using: &crash.generator),
            moment.stores?.crashState(using: &crash.generator) ?? stores
        )
    }
}
