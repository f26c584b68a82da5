import Bytes
import LogModel
import LogStorage
import MillraceTestKit

/// Runs a script on one partition of a simulated disk and keeps the moments.
final class LogWorkload {
    static let directory = "data/t-0"
    static let coordinatorEpoch: Int32 = 0

    private struct Producer {
        var epoch: Int16 = 0
        var nextSequence: Int32 = 0
        var lastBatch: [UInt8]?
        var isOpen = false
    }

    private let script: LogScript
    private let disk = SimulatedDisk()
    private let time = ManualTimeSource()
    private let configuration: LogConfiguration
    private let recorder: MomentRecorder<LogOracle>
    private var log: PartitionLog
    private var producers: [Int64: Producer] = [:]
    private var tag = 0

    init(_ script: LogScript) throws {
        self.script = script
        configuration = try Self.configuration(of: script)
        try disk.createDirectory("data")
        try disk.createDirectory(Self.directory)
        try disk.syncDirectory("")
        try disk.syncDirectory("data")
        recorder = MomentRecorder(disk: disk, oracle: LogOracle())
        log = try PartitionLog.create(
            disk: disk,
            directory: Self.directory,
            configuration: configuration,
            time: time
        )
        try disk.syncDirectory(Self.directory)
        // The partition exists only now: one that was never made has nothing to recover.
        recorder.forget()
    }

    static func configuration(of script: LogScript) throws -> LogConfiguration {
        try LogConfiguration(topicOptions: [
            "segment.bytes": "\(script.segmentByteLimit)", "index.interval.bytes": "256",
        ])
    }

    func run() throws -> [CrashMoment<LogOracle>] {
        for step in script.steps {
            time.advance(milliseconds: 10)
            try run(step)
        }
        return recorder.finish()
    }

    private func run(_ step: LogStep) throws {
        switch step {
        case .plain(let records):
            try append(TestBatches(), records: records)
        case .idempotent(let id, let records):
            try append(
                TestBatches(producerID: id, epoch: producers[id, default: Producer()].epoch),
                records: records
            )
        case .transactional(let id, let records):
            let producer = producers[id, default: Producer()]
            try append(
                TestBatches(producerID: id, epoch: producer.epoch, isTransactional: true),
                records: records
            )
            producers[id]?.isOpen = true
        case .end(let id, let commit):
            try end(id, commit ? .commit : .abort)
        case .retry(let id):
            try retry(id)
        case .flush:
            try flush()
        case .deleteRecords:
            try deleteRecords()
        case .reopen:
            try log.close()
            recorder.update {
                $0.noteFlushed(upTo: $0.end)
                $0.isClosed = true
            }
            try open(isClean: true)
        case .kill:
            try open(isClean: false)
        case .failingFlush:
            try failFlush()
        }
    }

    private func append(_ batches: TestBatches, records: Int) throws {
        tag += 1
        var producer = producers[batches.producerID, default: Producer()]
        let hasProducer = batches.producerID >= 0
        let sequence = hasProducer ? producer.nextSequence : -1
        let sent = batches.batch(
            count: records,
            baseSequence: sequence,
            tag: tag,
            valueByteCount: script.valueByteCount,
            timestamp: time.wallTime().rawValue
        )
        let base = recorder.oracle.end
        var stored = sent
        stored.withUnsafeMutableBytes { bytes in
            if let start = bytes.baseAddress {
                start.storeBigEndian(base, at: RecordBatchLayout.baseOffset)
                start.storeBigEndian(Int32(0), at: RecordBatchLayout.leaderEpoch)
            }
        }
        let entry = LogOracle.Entry(
            base: base,
            last: base + Int64(records) - 1,
            kind: .data(stored),
            producerID: batches.producerID,
            epoch: batches.epoch,
            baseSequence: sequence,
            isTransactional: batches.isTransactional
        )
        recorder.update { $0.entries.append(entry) }
        let outcome = try append(sent)
        guard case .appended(let first, let last) = outcome, first.rawValue == entry.base,
            last.rawValue == entry.last
        else { throw WorkloadFailure(text: "append gave \(outcome), not \(entry.base)") }
        producer.nextSequence = sequence + Int32(records)
        producer.lastBatch = sent
        if hasProducer { producers[batches.producerID] = producer }
    }

    private func append(_ bytes: [UInt8]) throws -> AppendOutcome {
        var bytes = bytes
        return try bytes.withUnsafeMutableBytes { try log.append($0, origin: .client) }
    }

    private func retry(_ id: Int64) throws {
        guard let batch = producers[id]?.lastBatch else { return }
        let outcome = try append(batch)
        guard case .duplicate = outcome else {
            throw Violation(
                invariant: .sequencesAppendOnce,
                detail: "a repeated batch gave \(outcome)"
            )
        }
    }

    /// Half of the markers raise the epoch, as those of transaction version 2 do.
    private func end(_ id: Int64, _ result: TransactionResult) throws {
        guard var producer = producers[id], producer.isOpen else { return }
        if tag % 2 == 0 {
            producer.epoch += 1
            producer.nextSequence = 0
            producer.lastBatch = nil
        }
        let base = recorder.oracle.end
        let entry = LogOracle.Entry(
            base: base,
            last: base,
            kind: .marker(result),
            producerID: id,
            epoch: producer.epoch,
            isTransactional: true
        )
        recorder.update { $0.entries.append(entry) }
        let offset = try log.appendMarker(
            producerID: ProducerID(id),
            epoch: ProducerEpoch(producer.epoch),
            coordinatorEpoch: Self.coordinatorEpoch,
            result: result
        )
        guard offset.rawValue == base else {
            throw WorkloadFailure(text: "a marker came to \(offset), not \(base)")
        }
        producer.isOpen = false
        producers[id] = producer
    }

    private func flush() throws {
        try log.flush()
        noteFlushed()
    }

    /// What a reader is told now may never be taken back.
    private func noteFlushed() {
        let bounds = log.bounds
        recorder.update {
            $0.noteFlushed(upTo: $0.end)
            $0.lastStableSeen = max($0.lastStableSeen, bounds.lastStableOffset.rawValue)
        }
    }

    /// Moves the start to the end of some acked batch.
    private func deleteRecords() throws {
        let oracle = recorder.oracle
        let ends = oracle.entries.map { $0.last + 1 }
            .filter { $0 > oracle.logStart && $0 <= oracle.lastStableSeen }
        guard !ends.isEmpty else { return }
        let start = ends[ends.count / 2]
        recorder.update { $0.attemptedLogStart = start }
        try log.deleteRecords(before: Offset(start))
        recorder.update { $0.logStart = start }
    }

    private func open(isClean: Bool) throws {
        let oracle = recorder.oracle
        recorder.update { $0.isClosed = false }
        log = try PartitionLog.open(
            disk: disk,
            directory: Self.directory,
            configuration: configuration,
            cleanShutdown: isClean,
            recoveryPoint: Offset(oracle.recoveryPoints.max() ?? 0),
            logStart: Offset(oracle.logStart),
            time: time
        ).0
        noteFlushed()
    }

    private func failFlush() throws {
        disk.inject(DiskFault(.operation(.sync), onPathEnding: ".log"))
        do {
            try log.flush()
        } catch {
            recorder.update { $0.hasFailed = true }
            return
        }
        throw Violation(invariant: .failedFlushIsFinal, detail: "a failed flush was acked")
    }
}

/// The workload itself did not go as written: no crash was needed.
struct WorkloadFailure: Error, CustomStringConvertible {
    var text: String
    var description: String { text }
}
