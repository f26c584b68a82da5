import Bytes
import LogModel
import MillraceTestKit

@testable import LogStorage

/// A data directory on a simulated disk with one topic, and one of its partitions, with short
/// words for what tests do to it.
struct TestLog {
    struct Record: Equatable, CustomStringConvertible {
        var offset: Int64
        var value: String
        var description: String { "\(offset): \(value)" }
    }

    static let root = "/data"
    static let topic = "t"
    static let topicID = UniqueID(high: 0x1111, low: 0x2222)
    /// The folder of the partition.
    static let directory = "/data/t-0"
    static let checkpoint = "/data/.millrace/checkpoint"
    static let journalFolder = "/data/.millrace/journal"

    let disk: any Disk
    let time: ManualTimeSource
    let data: DataDirectory
    /// The first partition of the topic.
    let log: PartitionLog
    /// All of them.
    let logs: [PartitionLog]

    init(
        _ options: [String: String] = [:],
        partitions: Int32 = 1,
        disk: any Disk = SimulatedDisk(),
        journal: JournalConfiguration = .small
    ) throws {
        self.disk = disk
        time = ManualTimeSource()
        data = try DataDirectory.open(
            disk: disk,
            path: Self.root,
            owner: "test",
            creates: true,
            time: time,
            journal: journal
        )
        logs = try data.createTopic(
            Self.topic,
            id: Self.topicID,
            partitionCount: partitions,
            options: options
        )
        log = logs[0]
    }

    /// The topic of a directory that was there before.
    init(
        opening disk: any Disk,
        time: ManualTimeSource = ManualTimeSource(),
        journal: JournalConfiguration = .small
    ) throws {
        self.disk = disk
        self.time = time
        data = try DataDirectory.open(
            disk: disk,
            path: Self.root,
            owner: "test",
            creates: false,
            time: time,
            journal: journal
        )
        logs = data.partitions(of: Self.topicID)
        guard let log = logs.first else { throw TestFailure("the topic is gone") }
        self.log = log
    }

    /// What opening the partition found and did.
    var recovery: RecoveryReport? {
        get throws {
            try log.wake()
            return log.recoveryReport
        }
    }

    /// Makes everything appended to all partitions durable.
    func flush() throws { try data.groups.flushAndWait(logs) }

    /// The end in order: everything is written back.
    func close() throws { try data.close() }

    /// Appends a batch of values at the clock's time (or another) and expects it to be taken.
    @discardableResult
    func append(
        _ values: [String],
        to partition: Int = 0,
        from producer: TestProducer? = nil,
        at timestamp: Int64? = nil
    ) throws -> Int64 {
        let outcome = try offer(values, to: partition, from: producer, at: timestamp)
        guard case .appended(let base, _) = outcome else {
            throw TestFailure("the batch was not appended: \(outcome)")
        }
        return base.rawValue
    }

    func offer(
        _ values: [String],
        to partition: Int = 0,
        from producer: TestProducer? = nil,
        at timestamp: Int64? = nil
    ) throws -> AppendOutcome {
        var batch = TestProducer.batch(
            values,
            from: producer,
            at: timestamp ?? time.wallTime().rawValue
        )
        if let producer, producer.isTransactional {
            try logs[partition].beginTransaction(
                producerID: ProducerID(producer.id),
                epoch: ProducerEpoch(producer.epoch)
            )
        }
        return try batch.withUnsafeMutableBytes {
            try logs[partition].append($0, origin: .embedded)
        }
    }

    @discardableResult
    func end(
        _ producer: TestProducer,
        _ result: TransactionResult,
        in partition: Int = 0
    ) throws -> Int64 {
        try logs[partition].appendMarker(
            producerID: ProducerID(producer.id),
            epoch: ProducerEpoch(producer.epoch),
            coordinatorEpoch: 0,
            result: result
        ).rawValue
    }

    /// Every record that an isolation level shows, read as a client reads.
    func records(
        _ isolation: IsolationLevel = .readUncommitted,
        of partition: Int = 0
    ) throws -> [Record] { try Self.records(of: logs[partition], isolation) }

    static func records(
        of log: PartitionLog,
        _ isolation: IsolationLevel = .readUncommitted
    ) throws -> [Record] {
        var records: [Record] = []
        var next = try log.bounds.logStart
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            guard let answer = try read(log, from: next, isolation, into: &buffer) else { continue }
            guard answer.byteCount > 0 else { return records }
            var aborted = answer.abortedTransactions
            try buffer[..<answer.byteCount].withUnsafeBytes { bytes in
                var batches = RecordBatchSequence(bytes)
                var hidden: Set<ProducerID> = []
                while let batch = try batches.next() {
                    try batch.verifyChecksum()
                    for start in aborted where start.firstOffset <= batch.lastOffset {
                        hidden.insert(start.producerID)
                    }
                    aborted.removeAll { $0.firstOffset <= batch.lastOffset }
                    if batch.attributes.isControl {
                        hidden.remove(batch.producerID)
                    } else if !batch.attributes.isTransactional
                        || !hidden.contains(batch.producerID)
                    {
                        try Self.take(batch, from: next, into: &records)
                    }
                    next = max(next, batch.nextOffset)
                }
            }
        }
    }

    /// One read; nil if the buffer was too small and is larger now.
    private static func read(
        _ log: PartitionLog,
        from offset: Offset,
        _ isolation: IsolationLevel,
        into buffer: inout [UInt8]
    ) throws -> LogReadResult? {
        do {
            return try buffer.withUnsafeMutableBytes { bytes in
                try log.read(
                    from: offset,
                    maxByteCount: bytes.count,
                    isolation: isolation,
                    into: bytes
                )
            }
        } catch LogStorageError.bufferTooSmall(let needed) {
            buffer = [UInt8](repeating: 0, count: needed)
            return nil
        }
    }

    private static func take(
        _ batch: RecordBatchView,
        from start: Offset,
        into records: inout [Record]
    ) throws {
        var iterator = try batch.records()
        while let record = try iterator.next() {
            guard batch.offset(of: record) >= start else { continue }
            records.append(
                Record(
                    offset: batch.offset(of: record).rawValue,
                    value: record.value.map { String(decoding: $0, as: UTF8.self) } ?? "null"
                )
            )
        }
    }

    /// The names in the partition's folder that end so.
    func files(_ suffix: String) throws -> [String] {
        try disk.list(Self.directory).filter { $0.hasSuffix(suffix) }
    }

    /// Does what retention asks for.
    func applyRetention(now: Int64) throws {
        guard let start = try log.retentionStart(now: Timestamp(now)) else { return }
        try data.groups.deleteRecords(of: log, before: start)
    }

    /// The simulated disk below.
    var simulated: SimulatedDisk {
        get throws {
            guard let disk = disk as? SimulatedDisk else {
                throw TestFailure("not a simulated disk")
            }
            return disk
        }
    }

    /// The log after the process was killed.
    func killed() throws -> TestLog {
        try TestLog(opening: try simulated.afterKill(), time: time)
    }

    /// The log after the power went, and nothing was kept that was not flushed.
    func afterPowerLoss() throws -> TestLog {
        try TestLog(opening: try simulated.withoutUnflushed(), time: time)
    }
}

extension TestLog {
    /// Appends a record of a key; its value begins with the number, and is long enough for small
    /// segments.
    func append(_ number: Int, key: String, at timestamp: Int64? = nil) throws {
        var builder = RecordBatchBuilder()
        let value = Array("\(number) \(String(repeating: "v", count: 80))".utf8)
        Array(key.utf8).withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                builder.append(
                    timestamp: timestamp.map { Timestamp($0) } ?? time.wallTime(),
                    key: key,
                    value: value
                )
            }
        }
        var batch = Array(
            builder.seal(
                attributes: BatchAttributes(),
                producerID: .none,
                producerEpoch: .none,
                baseSequence: .none
            )
        )
        let outcome = try batch.withUnsafeMutableBytes {
            try log.append($0, origin: .embedded)
        }
        guard case .appended = outcome else { throw TestFailure("\(outcome)") }
    }
}

extension SimulatedDisk {
    /// What a machine finds that lost its power now and kept nothing that was not flushed.
    func withoutUnflushed() -> SimulatedDisk {
        let plan = crashPlan()
        return crashState(plan, keeping: plan.nothingKept)
    }

    /// The same disk with one bit of one file turned over.
    func flipped(_ path: String, bit: Int) -> SimulatedDisk {
        let disk = copy()
        disk.rot(path, at: bit / 8, bit: bit % 8)
        return disk
    }

    /// The bytes of a file.
    func content(_ path: String) throws -> [UInt8] {
        let file = try open(path, .read)
        var bytes = [UInt8](repeating: 0, count: Int(try file.byteCount()))
        _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        return bytes
    }

    /// Writes bytes at the end of a file, or into a new one.
    func append(_ bytes: [UInt8], to path: String) throws {
        let file = try kind(of: path) == nil ? open(path, .create) : open(path, .readWrite)
        let end = try file.byteCount()
        try bytes.withUnsafeBytes { try file.write($0, at: end) }
    }
}

/// A producer that numbers its batches.
final class TestProducer {
    let id: Int64
    var epoch: Int16
    let isTransactional: Bool
    var sequence: Int32 = 0

    init(_ id: Int64, epoch: Int16 = 0, isTransactional: Bool = false) {
        self.id = id
        self.epoch = epoch
        self.isTransactional = isTransactional
    }

    static func batch(_ values: [String], from producer: TestProducer?, at time: Int64) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for value in values {
            let bytes = Array(value.utf8)
            bytes.withUnsafeBytes {
                builder.append(timestamp: Timestamp(time), key: nil, value: $0)
            }
        }
        let sealed = builder.seal(
            attributes: BatchAttributes(isTransactional: producer?.isTransactional ?? false),
            producerID: ProducerID(producer?.id ?? -1),
            producerEpoch: ProducerEpoch(producer?.epoch ?? -1),
            baseSequence: SequenceNumber(producer?.sequence ?? -1)
        )
        if let producer {
            let next = SequenceNumber(producer.sequence).advanced(by: Int32(values.count))
            producer.sequence = next.rawValue
        }
        return Array(sealed)
    }
}

struct TestFailure: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}
