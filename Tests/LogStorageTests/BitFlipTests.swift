import Bytes
import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// One bit of a segment turns over: each of its 524,288 bits in turn.
@Suite struct BitFlipTests {
    private static let shardCount = 8

    @Test(arguments: 0..<shardCount)
    func `every flipped bit of a flushed segment is found where it lies`(shard: Int) throws {
        let segment = try FullSegment()
        try #require(segment.byteCount * 8 == 524_288)
        let facts = try segment.facts()
        // Without its caches every batch is read.
        let disk = segment.disk.copy()
        for name in try disk.list(TestLog.directory)
        where !name.hasSuffix(".log") && name != "partition.metadata" {
            try disk.remove("\(TestLog.directory)/\(name)")
        }
        var found = 0
        for bit in stride(from: shard, to: segment.byteCount * 8, by: Self.shardCount) {
            let batch = segment.batch(at: bit / 8)
            let (state, report) = try segment.recover(
                disk.flipped(FullSegment.path, bit: bit),
                facts
            )
            let damage = try #require(report.damage, "bit \(bit) passed unseen")
            guard damage.position == batch.position, damage.offset.rawValue == batch.base,
                report.cut == nil, state.readOnlyReason != nil,
                state.highWatermark.rawValue == batch.base
            else {
                Issue.record("bit \(bit): \(damage)")
                continue
            }
            found += 1
        }
        #expect(found == 524_288 / Self.shardCount)
    }

    @Test func `a flipped bit stops no other partition, and is never served as data`() throws {
        let segment = try FullSegment()
        let intact = try TestLog(opening: segment.disk.copy())
        let expected = try intact.records()
        #expect(expected.count == segment.recordCount)
        var refused = 0
        var harmless = 0
        for bit in segment.headerBits(andEvery: 97) {
            let reopened = try TestLog(opening: segment.disk.flipped(FullSegment.path, bit: bit))
            try reopened.append(["other"], to: 1)
            try reopened.data.groups.flushAndWait([reopened.logs[1]])
            #expect(try reopened.records(of: 1).map(\.value) == ["other"])
            if try reopened.recovery?.damage != nil {
                let end = try reopened.log.bounds.logEnd.rawValue
                #expect(try reopened.records() == Array(expected.prefix { $0.offset < end }))
                #expect(end <= segment.end)
                refused += 1
                continue
            }
            do {
                #expect(try reopened.records() == expected, "bit \(bit) was served")
                harmless += 1
                // Fields that neither a checksum nor a reader looks at: the leader epoch.
                let place = bit / 8 - Int(segment.batch(at: bit / 8).position)
                #expect((12..<16).contains(place), "bit \(bit)")
            } catch { refused += 1 }
        }
        #expect(refused > 7000 && harmless > 0)
    }

    @Test func `a verification names the batch of a flipped bit`() throws {
        let segment = try FullSegment()
        for bit in segment.headerBits(andEvery: 397) {
            let report = try LogVerifier.verify(
                disk: segment.disk.flipped(FullSegment.path, bit: bit),
                directory: "/data"
            )
            let place = segment.batch(at: bit / 8)
            let damage = report.findings.filter { $0.severity == .damage }
            #expect(
                damage.contains { $0.file == FullSegment.path && $0.position == place.position },
                "bit \(bit): \(damage)"
            )
        }
        let report = try LogVerifier.verify(disk: segment.disk, directory: "/data")
        #expect(report.findings.isEmpty && report.segmentCount == 2)
        #expect(report.recordCount == Int(segment.end))
    }

    @Test(arguments: [".index", ".timeindex", ".txnindex", ".snapshot"])
    func `a verification finds a flipped bit in what a clean close left`(suffix: String) throws {
        let segment = try FullSegment()
        let folder = TestLog.directory
        let names = try segment.disk.list(folder).filter { $0.hasSuffix(suffix) }
        try #require(!names.isEmpty)
        for name in names {
            let path = "\(folder)/\(name)"
            for bit in 0..<Int(try segment.disk.open(path, .read).byteCount()) * 8 {
                let report = try LogVerifier.verify(
                    disk: segment.disk.flipped(path, bit: bit),
                    directory: "/data"
                )
                // A snapshot that cannot be read is passed over by a start.
                let severity: VerificationReport.Finding.Severity =
                    suffix == ".snapshot" ? .note : .damage
                #expect(
                    report.findings.contains { $0.severity == severity && $0.file == path },
                    "bit \(bit) of \(name)"
                )
            }
        }
    }

    @Test(arguments: [
        ".index", ".snapshot", ".timeindex", ".txnindex", LeaderEpochs.fileName,
    ])
    func `a flipped bit in an index, a snapshot or the epochs changes no answer`(
        suffix: String
    ) throws {
        let segment = try FullSegment()
        let folder = TestLog.directory
        let names = try segment.disk.list(folder).filter { $0.hasSuffix(suffix) }
        try #require(!names.isEmpty)
        let intact = try TestLog(opening: segment.disk.copy())
        let expected = try intact.records(.readCommitted)
        let producers = try intact.log.activeProducers
        for name in names {
            let path = "\(folder)/\(name)"
            for bit in 0..<Int(try segment.disk.open(path, .read).byteCount()) * 8 {
                let reopened = try TestLog(opening: segment.disk.flipped(path, bit: bit))
                #expect(try reopened.recovery?.damage == nil, "bit \(bit) of \(name)")
                #expect(try reopened.log.activeProducers == producers)
                #expect(try reopened.log.bounds == intact.log.bounds)
                #expect(reopened.log.readOnlyReason == nil)
                #expect(try reopened.records(.readCommitted) == expected, "bit \(bit) of \(name)")
            }
        }
    }
}

/// A data directory with one partition that was closed cleanly: a segment of exactly 64 KiB and
/// an active one behind it.
private struct FullSegment {
    struct Batch {
        var position: Int64
        var base: Int64
    }

    static let path = "\(TestLog.directory)/00000000000000000000.log"
    private static let options = ["segment.bytes": "65536", "index.interval.bytes": "4096"]

    let disk = SimulatedDisk()
    private(set) var batches: [Batch] = []
    let byteCount: Int
    let end: Int64
    private(set) var recordCount = 0

    init() throws {
        let test = try TestLog(Self.options, partitions: 2, disk: disk)
        let log = test.log
        try log.beginTransaction(producerID: ProducerID(1), epoch: ProducerEpoch(0))
        try Self.append(0, valueByteCount: 300, from: nil, to: log)
        batches.append(Batch(position: 0, base: 0))
        recordCount += 10
        let file = try disk.open(Self.path, .read)
        let producers = [TestProducer(1, isTransactional: true), TestProducer(2)]
        var number = 1
        while try file.byteCount() < 61_000 {
            batches.append(
                Batch(position: try file.byteCount(), base: try log.bounds.logEnd.rawValue)
            )
            if number % 5 == 4 {
                _ = try log.appendMarker(
                    producerID: ProducerID(1),
                    epoch: ProducerEpoch(0),
                    coordinatorEpoch: 0,
                    result: number % 2 == 0 ? .abort : .commit
                )
            } else {
                let producer = number % 5 == 3 ? nil : producers[number % 2]
                try log.beginTransaction(producerID: ProducerID(1), epoch: ProducerEpoch(0))
                try Self.append(number, valueByteCount: 300, from: producer, to: log)
                recordCount += 10
            }
            number += 1
        }
        if try log.bounds.lastStableOffset < log.bounds.logEnd || log.mayHaveOpenTransactions {
            batches.append(
                Batch(position: try file.byteCount(), base: try log.bounds.logEnd.rawValue)
            )
            _ = try log.appendMarker(
                producerID: ProducerID(1),
                epoch: ProducerEpoch(0),
                coordinatorEpoch: 0,
                result: .abort
            )
        }
        try Self.fill(log, file, &batches)
        byteCount = Int(try file.byteCount())
        try Self.append(number, valueByteCount: 20, from: producers[1], to: log)
        recordCount += 11
        end = try log.bounds.logEnd.rawValue
        try test.close()
    }

    /// One record whose value fills the segment to the last byte.
    private static func fill(
        _ log: PartitionLog,
        _ file: any DiskFile,
        _ batches: inout [Batch]
    ) throws {
        let position = try file.byteCount()
        var length = Int(65_536 - position) - 80
        while true {
            let batch = TestProducer.batch(
                [String(repeating: "f", count: length)],
                from: nil,
                at: 1_767_225_600_000
            )
            let left = Int(65_536 - position) - batch.count
            if left == 0 { break }
            length += left
        }
        batches.append(Batch(position: position, base: try log.bounds.logEnd.rawValue))
        var batch = TestProducer.batch(
            [String(repeating: "f", count: length)],
            from: nil,
            at: 1_767_225_600_000
        )
        _ = try batch.withUnsafeMutableBytes { try log.append($0, origin: .embedded) }
    }

    private static func append(
        _ number: Int,
        valueByteCount: Int,
        from producer: TestProducer?,
        to log: PartitionLog
    ) throws {
        let values = (0..<10).map {
            "\(number)/\($0) " + String(repeating: "v", count: valueByteCount)
        }
        var batch = TestProducer.batch(
            values,
            from: producer,
            at: 1_767_225_600_000 + Int64(number)
        )
        let outcome = try batch.withUnsafeMutableBytes { try log.append($0, origin: .embedded) }
        guard case .appended = outcome else { throw TestFailure("\(outcome)") }
    }

    /// What the directory knows of the partition.
    func facts() throws -> PartitionFacts {
        let checkpoint = try #require(DirectoryCheckpoint(try disk.content(TestLog.checkpoint)))
        let key = PartitionKey(topicID: TestLog.topicID, partition: PartitionIndex(0))
        return PartitionFacts(try #require(checkpoint.partitions[key]))
    }

    /// Opens the partition as the directory does.
    func recover(
        _ disk: SimulatedDisk,
        _ facts: PartitionFacts
    ) throws -> (LogState, RecoveryReport) {
        var recovery = LogRecovery(
            files: PartitionFiles(disk: disk, directory: TestLog.directory),
            configuration: try LogConfiguration(topicOptions: Self.options),
            context: LogContext(
                disk: disk,
                directory: TestLog.root,
                time: ManualTimeSource(),
                journal: .small
            ),
            key: PartitionKey(topicID: TestLog.topicID, partition: PartitionIndex(0)),
            facts: facts
        )
        return try recovery.run()
    }

    /// The batch that a byte of the file belongs to.
    func batch(at byte: Int) -> Batch {
        batches.last { $0.position <= Int64(byte) } ?? batches[0]
    }

    /// Every bit of every header, and some of the rest.
    func headerBits(andEvery step: Int) -> [Int] {
        let headers = batches.flatMap { batch in
            (Int(batch.position)..<Int(batch.position) + 61).flatMap { $0 * 8..<$0 * 8 + 8 }
        }
        return Array(Set(headers).union(stride(from: 0, to: byteCount * 8, by: step))).sorted()
    }
}
