import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// A partition's log on a simulated disk, with short words for what tests do to it.
struct TestLog {
    struct Record: Equatable, CustomStringConvertible {
        var offset: Int64
        var value: String
        var description: String { "\(offset): \(value)" }
    }

    static let directory = "/data/t-0"

    let disk: any Disk
    let time: ManualTimeSource
    let configuration: LogConfiguration
    private(set) var log: PartitionLog
    /// What the opening found; nil for a log that was created.
    private(set) var recovery: RecoveryReport?

    init(
        _ options: [String: String] = [:],
        disk: any Disk = SimulatedDisk(),
        directory: String = Self.directory
    ) throws {
        self.disk = disk
        time = ManualTimeSource()
        configuration = try LogConfiguration(topicOptions: options)
        var path = ""
        for part in directory.split(separator: "/") {
            path += "/\(part)"
            try disk.createDirectory(path)
        }
        log = try PartitionLog.create(
            disk: disk,
            directory: directory,
            configuration: configuration,
            time: time
        )
        try log.flush()
    }

    /// The log of a folder that was there before.
    init(
        opening disk: any Disk,
        _ options: [String: String] = [:],
        isClean: Bool = false,
        recoveryPoint: Int64 = 0,
        logStart: Int64? = nil
    ) throws {
        self.disk = disk
        time = ManualTimeSource()
        configuration = try LogConfiguration(topicOptions: options)
        (log, recovery) = try PartitionLog.open(
            disk: disk,
            directory: Self.directory,
            configuration: configuration,
            cleanShutdown: isClean,
            recoveryPoint: Offset(recoveryPoint),
            logStart: logStart.map { Offset($0) },
            time: time
        )
    }

    /// Appends a batch of values at the clock's time (or another) and expects it to be taken.
    @discardableResult
    func append(
        _ values: [String],
        from producer: TestProducer? = nil,
        at timestamp: Int64? = nil
    ) throws -> Int64 {
        guard case .appended(let base, _) = try offer(values, from: producer, at: timestamp) else {
            throw TestFailure("the batch was not appended")
        }
        return base.rawValue
    }

    func offer(
        _ values: [String],
        from producer: TestProducer? = nil,
        at timestamp: Int64? = nil
    ) throws -> AppendOutcome {
        var batch = TestProducer.batch(
            values,
            from: producer,
            at: timestamp ?? time.wallTime().rawValue
        )
        return try batch.withUnsafeMutableBytes { try log.append($0, origin: .embedded) }
    }

    @discardableResult
    func end(_ producer: TestProducer, _ result: TransactionResult) throws -> Int64 {
        try log.appendMarker(
            producerID: ProducerID(producer.id),
            epoch: ProducerEpoch(producer.epoch),
            coordinatorEpoch: 0,
            result: result
        ).rawValue
    }

    /// Every record that an isolation level shows, read as a client reads.
    func records(_ isolation: IsolationLevel = .readUncommitted) throws -> [Record] {
        var records: [Record] = []
        var next = log.bounds.logStart
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            guard let answer = try read(from: next, isolation, into: &buffer) else { continue }
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
    private func read(
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

    /// The names in the folder that end so.
    func files(_ suffix: String) throws -> [String] {
        try disk.list(Self.directory).filter { $0.hasSuffix(suffix) }
    }

    /// The log after the process was killed.
    func killed() throws -> TestLog {
        guard let disk = disk as? SimulatedDisk else { throw TestFailure("not a simulated disk") }
        return try TestLog(opening: disk.afterKill())
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
