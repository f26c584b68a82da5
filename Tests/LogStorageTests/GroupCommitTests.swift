import Bytes
import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// What becomes durable together, and what does not depend on another.
@Suite struct GroupCommitTests {
    /// A directory with a topic and the topic that decides.
    private struct Deciding {
        let test: TestLog
        let deciding: PartitionLog

        init(_ options: [String: String] = [:], partitions: Int32 = 3) throws {
            test = try TestLog(options, partitions: partitions)
            deciding = try test.data.createTopic(
                "__transaction_state",
                id: UniqueID(high: 9, low: 9),
                partitionCount: 1,
                options: [:]
            )[0]
        }

        var groups: GroupCommit { test.data.groups }

        func decide(on partitions: [Int]) throws {
            groups.depend(deciding, on: partitions.map { test.logs[$0] })
            try append("decided")
        }

        func append(_ value: String) throws {
            var batch = TestProducer.batch([value], from: nil, at: 1)
            _ = try batch.withUnsafeMutableBytes { try deciding.append($0, origin: .coordinator) }
        }

        /// What a machine finds that lost its power now.
        func afterPowerLoss() throws -> (TestLog, [TestLog.Record]) {
            let again = try test.afterPowerLoss()
            let log = again.data.partitions(of: UniqueID(high: 9, low: 9))[0]
            return (again, try TestLog.records(of: log))
        }
    }

    @Test func `a transaction over many partitions and its decision are one flush`() throws {
        let log = try Deciding(partitions: 40)
        for partition in 0..<40 { try log.test.append(["\(partition)"], to: partition) }
        try log.decide(on: Array(0..<40))
        let before = log.test.data.fdatasyncCount
        try log.groups.flushAndWait([log.deciding])
        #expect(log.test.data.fdatasyncCount - before == 1)
        let (again, decided) = try log.afterPowerLoss()
        #expect(decided.count == 1)
        for partition in 0..<40 {
            #expect(try again.records(of: partition).map(\.value) == ["\(partition)"])
        }
    }

    @Test func `a decision takes along what it counts on, bulk flushed in its segment before`()
        throws
    {
        let log = try Deciding()
        let bulk = String(repeating: "x", count: 20_000)
        try log.test.append([bulk], to: 0)
        try log.test.append(["small"], to: 1)
        try log.decide(on: [0, 1])
        let before = log.test.data.journalByteCount
        try log.groups.flushAndWait([log.deciding])
        #expect(log.test.data.journalByteCount - before < 2000, "bulk is not written twice")
        let (again, decided) = try log.afterPowerLoss()
        #expect(decided.count == 1)
        #expect(try again.records(of: 0).map(\.value) == [bulk])
        #expect(try again.records(of: 1).map(\.value) == ["small"])
    }

    @Test func `what nobody asked for waits`() throws {
        let log = try Deciding()
        try log.test.append(["asked"], to: 0)
        try log.test.append(["not asked"], to: 1)
        try log.groups.flushAndWait([log.test.logs[0]])
        #expect(try log.test.records(of: 0).count == 1)
        #expect(try log.test.records(of: 1).isEmpty)
        #expect(try log.test.afterPowerLoss().records(of: 1).isEmpty)
    }

    @Test func `a decision never becomes durable whose records were lost`() throws {
        let log = try Deciding()
        try log.test.append([String(repeating: "x", count: 20_000)], to: 0)
        try log.test.append(["small"], to: 1)
        try log.decide(on: [0, 1])
        try log.test.simulated.inject(
            DiskFault(.operation(.sync), onPathEnding: "t-0/\(FlushTests.first)")
        )
        #expect(throws: LogStorageError.self) { try log.groups.flushAndWait([log.deciding]) }
        #expect(try TestLog.records(of: log.deciding).isEmpty)
        try log.test.append(["others go on"], to: 2)
        try log.groups.flushAndWait([log.test.logs[2]])
        let (again, decided) = try log.afterPowerLoss()
        #expect(decided.isEmpty)
        #expect(try again.records(of: 2).count == 1)
    }

    @Test func `a deleted topic stops no decision`() throws {
        let log = try Deciding()
        let other = try log.test.data.createTopic(
            "other",
            id: UniqueID(high: 5, low: 5),
            partitionCount: 1,
            options: [:]
        )[0]
        var batch = TestProducer.batch(["x"], from: nil, at: 1)
        _ = try batch.withUnsafeMutableBytes { try other.append($0, origin: .embedded) }
        try log.test.append(["kept"], to: 0)
        log.groups.depend(log.deciding, on: [other])
        try log.decide(on: [0])
        try log.test.data.removeTopic("other")
        try log.groups.flushAndWait([log.deciding])
        #expect(log.deciding.readOnlyReason == nil)
        #expect(try log.afterPowerLoss().1.count == 1)
    }

    @Test func `a relaxed topic stops no decision, and may lose its records`() throws {
        let log = try Deciding([
            "millrace.durability": "relaxed", "millrace.durability.delay.ms": "1000000",
        ])
        try log.test.append(["first"], to: 0)
        try log.test.flush()
        try log.test.append(["relaxed"], to: 0)
        try log.decide(on: [0])
        try log.groups.flushAndWait([log.deciding])
        #expect(log.deciding.readOnlyReason == nil)
        let (again, decided) = try log.afterPowerLoss()
        #expect(decided.count == 1)
        #expect(again.logs[0].readOnlyReason == nil)
    }

    @Test func `what a full disk kept back keeps its order and its decision`() throws {
        let log = try Deciding()
        let disk = try log.test.simulated
        try log.test.append(["a"], to: 0)
        try log.decide(on: [0])
        disk.setCapacity(0)
        #expect(throws: LogStorageError.self) { try log.groups.flushAndWait([log.deciding]) }
        disk.setCapacity(1 << 20)
        try log.test.append(["b"], to: 0)
        try log.decide(on: [0])
        try log.groups.flushAndWait([log.deciding])
        let (again, decided) = try log.afterPowerLoss()
        #expect(decided.count == 2)
        #expect(try again.records(of: 0).map(\.value) == ["a", "b"])
    }

    @Test func `a failed flush of the journal that had no space is as final as any`() throws {
        let log = try TestLog()
        try log.append(["a"])
        try log.flush()
        let journal = try #require(
            try log.disk.list(TestLog.journalFolder).first { $0.hasSuffix(".journal") }
        )
        try log.append(["b"])
        try log.simulated.inject(DiskFault(.operation(.sync), onPathEnding: journal))
        #expect(throws: LogStorageError.self) { try log.flush() }
        #expect(throws: LogStorageError.self) { try log.append(["c"]) }
        #expect(try log.afterPowerLoss().records().map(\.value) == ["a"])
    }

    @Test func `journal files are used again, and the records of all uses are there`() throws {
        let log = try TestLog(partitions: 2)
        for number in 0..<600 {
            try log.append([String(repeating: "v", count: 900) + " \(number)"], to: number % 2)
            try log.flush()
        }
        let files = try log.disk.list(TestLog.journalFolder).filter { $0.hasSuffix(".journal") }
        #expect(files.count <= JournalConfiguration.small.fileLimit + 1)
        #expect(log.data.journalByteCount > 6 * JournalConfiguration.small.fileByteCount)
        for again in [try log.killed(), try log.afterPowerLoss()] {
            for partition in 0..<2 {
                #expect(try again.records(of: partition).count == 300)
            }
            #expect(again.data.replayedByteCount <= 4 * JournalConfiguration.small.fileByteCount)
        }
    }

    @Test func `a segment closed during a write-back keeps a whole index`() throws {
        let log = try TestLog(["segment.bytes": "4096", "index.interval.bytes": "128"])
        let disk = try log.simulated
        let now = log.time.wallTime().rawValue
        for number in 0..<20 { try log.append(["\(number)"], at: now + Int64(number)) }
        try log.flush()
        let isDone = Lock(false)
        // While the segment is flushed it is filled up and another is begun.
        disk.onOperation { operation, _, path in
            guard operation == .sync, path.hasSuffix(".log"),
                isDone.withLock({ done in
                    defer { done = true }
                    return !done
                })
            else { return }
            for number in 20..<80 {
                _ = try? log.append(["\(number) later"], at: now + Int64(number))
            }
        }
        try log.data.writeBack(all: false)
        disk.onOperation(nil)
        #expect(isDone.withLock { $0 })
        try log.close()
        let again = try TestLog(opening: try log.simulated.copy())
        #expect(try again.records().count == 80)
        for number in 0..<80 {
            #expect(
                try again.log.offset(
                    forTimestamp: Timestamp(now + Int64(number)),
                    isolation: .readUncommitted
                ) == Offset(Int64(number))
            )
        }
        let report = try LogVerifier.verify(disk: try log.simulated.copy(), directory: "/data")
        #expect(report.damageCount == 0, "\(report.findings)")
    }
}
