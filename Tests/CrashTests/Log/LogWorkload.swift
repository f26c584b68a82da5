import Bytes
import LogModel
import MillraceTestKit

@testable import LogStorage

/// Runs a script on a directory of a simulated disk and keeps the moments.
final class LogWorkload {
    static let directory = "data"
    static let coordinatorEpoch: Int32 = 0

    private struct ProducerKey: Hashable {
        var id: Int64
        var partition: Int
    }

    private struct Producer {
        var epoch: Int16 = 0
        var nextSequence: Int32 = 0
        var lastBatch: [UInt8]?
        var isOpen = false
    }

    private typealias Slot = DirectoryOracle.Slot

    private let script: LogScript
    private let disk = SimulatedDisk()
    private let time = ManualTimeSource()
    private let recorder: MomentRecorder<DirectoryOracle>
    private var data: DataDirectory
    private var producers: [ProducerKey: Producer] = [:]
    private var tag = 0

    init(_ script: LogScript) throws {
        self.script = script
        recorder = MomentRecorder(disk: disk, oracle: DirectoryOracle())
        data = try Self.open(disk, script, time)
        try create(DirectoryOracle.decidingTopic, partitionCount: 1)
        try create(DirectoryOracle.topic, partitionCount: script.partitionCount)
        // The directory exists only now: one that was never made has nothing to recover.
        recorder.forget()
    }

    static func open(
        _ disk: SimulatedDisk,
        _ script: LogScript,
        _ time: ManualTimeSource
    ) throws -> DataDirectory {
        try DataDirectory.open(
            disk: disk,
            path: directory,
            owner: "test",
            creates: true,
            time: time,
            journal: script.journal
        )
    }

    func run() throws -> [CrashMoment<DirectoryOracle>] {
        for step in script.steps {
            time.advance(milliseconds: 10)
            try run(step)
        }
        return recorder.finish()
    }

    private func run(_ step: LogStep) throws {
        switch step {
        case .plain(let records, let partition):
            try append(TestBatches(), records: records, in: partition)
        case .idempotent(let id, let records, let partition):
            let epoch = producer(id, partition).epoch
            try append(TestBatches(producerID: id, epoch: epoch), records: records, in: partition)
        case .transactional(let id, let records, let partition):
            try append(
                TestBatches(
                    producerID: id,
                    epoch: producer(id, partition).epoch,
                    isTransactional: true
                ),
                records: records,
                in: partition
            )
            producers[ProducerKey(id: id, partition: partition)]?.isOpen = true
        case .end(let id, let commit, let partition):
            try end(id, commit ? .commit : .abort, in: partition)
        case .retry(let id, let partition): try retry(id, in: partition)
        case .bulk(let partition):
            let records = script.journal.bulkByteCount / script.valueByteCount
            try append(TestBatches(), records: records, in: partition)
        case .flush(let partitions): try flush(partitions.map(slot))
        case .decide: try decide()
        case .deleteRecords(let partition): try deleteRecords(in: partition)
        case .writeBack: try writeBack()
        case .reopen:
            setInFlight(recorder.oracle.slots)
            try data.close()
            noteFlushed(recorder.oracle.slots)
            try reopen()
        case .kill:
            data.release()
            try reopen()
        case .failingJournal: try failJournal()
        case .failingSegment(let partition): try failSegment(in: partition)
        case .recreate: try recreate()
        }
    }

    // MARK: - Names

    private func producer(_ id: Int64, _ partition: Int) -> Producer {
        producers[ProducerKey(id: id, partition: partition), default: Producer()]
    }

    private func slot(_ partition: Int) -> Slot {
        Slot(topic: recorder.oracle.current, partition: partition)
    }

    private func log(_ slot: Slot) -> PartitionLog {
        data.partitions(of: recorder.oracle.topics[slot.topic].id)[slot.partition]
    }

    private func create(_ name: String, partitionCount: Int) throws {
        let id = UniqueID(high: 7, low: UInt64(recorder.oracle.topics.count + 1))
        recorder.update {
            $0.topics.append(
                DirectoryOracle.Topic(
                    name: name,
                    id: id,
                    partitions: Array(repeating: LogOracle(), count: partitionCount)
                )
            )
        }
        _ = try data.createTopic(
            name,
            id: id,
            partitionCount: Int32(partitionCount),
            options: [
                "segment.bytes": "\(script.segmentByteLimit)", "index.interval.bytes": "256",
            ]
        )
        recorder.update { $0.topics[$0.current].fate = .there }
    }

    // MARK: - Appends

    private func append(_ batches: TestBatches, records: Int, in partition: Int) throws {
        tag += 1
        let key = ProducerKey(id: batches.producerID, partition: partition)
        var producer = producers[key, default: Producer()]
        let hasProducer = batches.producerID >= 0
        let sequence = hasProducer ? producer.nextSequence : -1
        let sent = batches.batch(
            count: records,
            baseSequence: sequence,
            tag: tag,
            valueByteCount: script.valueByteCount,
            timestamp: time.wallTime().rawValue
        )
        let slot = slot(partition)
        if batches.isTransactional {
            try log(slot).beginTransaction(
                producerID: ProducerID(batches.producerID),
                epoch: ProducerEpoch(batches.epoch)
            )
        }
        try append(sent, to: slot, origin: .client) { base, stored in
            LogOracle.Entry(
                base: base,
                last: base + Int64(records) - 1,
                kind: .data(stored),
                producerID: batches.producerID,
                epoch: batches.epoch,
                baseSequence: sequence,
                isTransactional: batches.isTransactional
            )
        }
        producer.nextSequence = sequence + Int32(records)
        producer.lastBatch = sent
        if hasProducer { producers[key] = producer }
    }

    private func append(
        _ sent: [UInt8],
        to slot: Slot,
        origin: AppendOrigin,
        entry: (Int64, [UInt8]) -> LogOracle.Entry
    ) throws {
        let base = recorder.oracle[slot].end
        var stored = sent
        stored.withUnsafeMutableBytes { bytes in
            if let start = bytes.baseAddress {
                start.storeBigEndian(base, at: RecordBatchLayout.baseOffset)
                start.storeBigEndian(Int32(0), at: RecordBatchLayout.leaderEpoch)
            }
        }
        let expected = entry(base, stored)
        recorder.update { $0[slot].entries.append(expected) }
        var bytes = sent
        let outcome = try bytes.withUnsafeMutableBytes {
            try log(slot).append($0, origin: origin)
        }
        guard case .appended(let first, let last) = outcome, first.rawValue == expected.base,
            last.rawValue == expected.last
        else { throw WorkloadFailure(text: "append gave \(outcome), not \(expected.base)") }
    }

    private func retry(_ id: Int64, in partition: Int) throws {
        guard var batch = producer(id, partition).lastBatch else { return }
        let outcome = try batch.withUnsafeMutableBytes {
            try log(slot(partition)).append($0, origin: .client)
        }
        guard case .duplicate = outcome else {
            throw Violation(
                invariant: .sequencesAppendOnce,
                detail: "a repeated batch gave \(outcome)"
            )
        }
    }

    /// Half of the markers raise the epoch, as those of transaction version 2 do.
    private func end(_ id: Int64, _ result: TransactionResult, in partition: Int) throws {
        let key = ProducerKey(id: id, partition: partition)
        guard var producer = producers[key], producer.isOpen else { return }
        if tag % 2 == 0 {
            producer.epoch += 1
            producer.nextSequence = 0
            producer.lastBatch = nil
        }
        let slot = slot(partition)
        let base = recorder.oracle[slot].end
        let entry = LogOracle.Entry(
            base: base,
            last: base,
            kind: .marker(result),
            producerID: id,
            epoch: producer.epoch,
            isTransactional: true
        )
        recorder.update { $0[slot].entries.append(entry) }
        let offset = try log(slot).appendMarker(
            producerID: ProducerID(id),
            epoch: ProducerEpoch(producer.epoch),
            coordinatorEpoch: Self.coordinatorEpoch,
            result: result
        )
        guard offset.rawValue == base else {
            throw WorkloadFailure(text: "a marker came to \(offset), not \(base)")
        }
        producer.isOpen = false
        producers[key] = producer
    }

    // MARK: - Durability

    private func setInFlight(_ slots: [Slot]) {
        // An earlier write-back may have taken more along than was asked for.
        var durable: [Slot: Int64] = [:]
        for slot in slots { durable[slot] = log(slot).durableEnd.rawValue }
        recorder.update { oracle in
            for slot in slots where oracle[slot].end > (durable[slot] ?? 0) {
                oracle.inFlight[slot] = oracle[slot].end
            }
        }
    }

    private func flush(_ slots: [Slot]) throws {
        setInFlight(slots)
        try data.groups.flushAndWait(slots.map(log))
        noteFlushed(slots)
    }

    /// What a reader is told now may never be taken back.
    private func noteFlushed(_ slots: [Slot]) {
        for slot in slots where !recorder.oracle[slot].hasFailed {
            let bounds = log(slot).knownBounds
            recorder.update {
                $0[slot].noteFlushed(upTo: $0[slot].end)
                $0[slot].lastStableSeen = max(
                    $0[slot].lastStableSeen,
                    bounds?.lastStableOffset.rawValue ?? 0
                )
            }
        }
        recorder.update { $0.inFlight = [:] }
    }

    private func decide() throws {
        let slots = recorder.oracle.slots.dropFirst()
        let deciding = DirectoryOracle.deciding
        tag += 1
        let batch = TestBatches().batch(
            count: 1,
            baseSequence: -1,
            tag: tag,
            valueByteCount: 20,
            timestamp: time.wallTime().rawValue
        )
        data.groups.depend(log(deciding), on: slots.map(log))
        var ends: [Slot: Int64] = [:]
        for slot in slots { ends[slot] = recorder.oracle[slot].end }
        try append(batch, to: deciding, origin: .coordinator) { base, stored in
            LogOracle.Entry(base: base, last: base, kind: .data(stored))
        }
        recorder.update {
            $0.promises.append(.init(offset: $0[deciding].end - 1, ends: ends))
        }
        setInFlight(recorder.oracle.slots)
        try data.groups.flushAndWait([log(deciding)])
        noteFlushed(recorder.oracle.slots)
    }

    /// Writes one group of everything, whoever asked for it.
    private func writeBack() throws {
        setInFlight(recorder.oracle.slots.filter { !recorder.oracle[$0].hasFailed })
        try data.writeBack(all: false)
        noteFlushed(recorder.oracle.slots)
    }

    /// Moves the start to the end of some acked batch.
    private func deleteRecords(in partition: Int) throws {
        let slot = slot(partition)
        let oracle = recorder.oracle[slot]
        let ends = oracle.entries.map { $0.last + 1 }
            .filter { $0 > oracle.logStart && $0 <= oracle.lastStableSeen }
        guard !ends.isEmpty else { return }
        let start = ends[ends.count / 2]
        recorder.update { $0[slot].attemptedLogStart = start }
        setInFlight([slot])
        try data.groups.deleteRecords(of: log(slot), before: Offset(start))
        recorder.update { $0[slot].logStart = start }
        noteFlushed([slot])
    }

    // MARK: - Ends and begins

    private func reopen() throws {
        data = try Self.open(disk, script, time)
        // What was pending may be gone, or be there: after the start it is one or the other.
        for slot in recorder.oracle.slots {
            let bounds = try log(slot).bounds
            recorder.update { oracle in
                oracle[slot].entries.removeAll { $0.base >= bounds.highWatermark.rawValue }
                oracle[slot].hasFailed = false
                oracle[slot].noteFlushed(upTo: oracle[slot].end)
                oracle[slot].lastStableSeen = max(
                    oracle[slot].lastStableSeen,
                    bounds.lastStableOffset.rawValue
                )
            }
            resume(slot)
        }
        recorder.update { oracle in
            let decided = oracle[DirectoryOracle.deciding].end
            oracle.promises.removeAll { $0.offset >= decided }
            oracle.inFlight = [:]
        }
    }

    /// Producers go on where the log has them.
    private func resume(_ slot: Slot) {
        guard slot.topic > 0 else { return }
        for key in producers.keys where key.partition == slot.partition { producers[key] = nil }
        for entry in recorder.oracle[slot].entries where entry.producerID >= 0 {
            let key = ProducerKey(id: entry.producerID, partition: slot.partition)
            var producer = producers[key, default: Producer()]
            if entry.epoch > producer.epoch { producer = Producer(epoch: entry.epoch) }
            switch entry.kind {
            case .marker: producer.isOpen = false
            case .data:
                producer.nextSequence = entry.baseSequence + Int32(entry.last - entry.base) + 1
                producer.isOpen = entry.isTransactional
            }
            producers[key] = producer
        }
    }

    private func failJournal() throws {
        setInFlight(recorder.oracle.slots)
        disk.inject(DiskFault(.operation(.sync), onPathEnding: ".journal"))
        do {
            try data.groups.flushAndWait(recorder.oracle.slots.map(log))
        } catch {
            recorder.update { oracle in
                for slot in oracle.slots { oracle[slot].hasFailed = true }
            }
            return
        }
        throw Violation(invariant: .failedFlushIsFinal, detail: "a failed flush was acked")
    }

    private func failSegment(in partition: Int) throws {
        let slot = slot(partition)
        let others = recorder.oracle.slots.filter { $0 != slot }
        recorder.update { $0[slot].hasFailed = true }
        setInFlight(others)
        disk.inject(DiskFault(.operation(.sync), onPathEnding: ".log"))
        do {
            try data.groups.flushAndWait(recorder.oracle.slots.map(log))
        } catch {
            disk.clearFaults()
            return noteFlushed(others)
        }
        throw Violation(invariant: .failedFlushIsFinal, detail: "a failed flush was acked")
    }

    private func recreate() throws {
        recorder.update {
            $0.topics[$0.current].fate = .going
            $0.promises = []
        }
        try data.removeTopic(DirectoryOracle.topic)
        recorder.update { $0.topics[$0.current].fate = .gone }
        producers = [:]
        try create(DirectoryOracle.topic, partitionCount: script.partitionCount)
    }
}

/// The workload itself did not go as written: no crash was needed.
struct WorkloadFailure: Error, CustomStringConvertible {
    var text: String
    var description: String { text }
}
