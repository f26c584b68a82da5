import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// The producer snapshots that a start counts on are there after a power loss.
@Suite struct SnapshotTests {
    /// So many that their snapshot needs a file.
    private static let producerCount = 60

    private static func value(_ number: Int) -> String {
        "\(number) " + String(repeating: "x", count: 80)
    }

    private static func append(
        _ numbers: Range<Int>,
        to log: TestLog
    ) throws {
        for number in numbers {
            try log.append([value(number)], from: TestProducer(Int64(1000 + number)))
        }
        try log.flush()
    }

    private static func path(_ offset: Int64) -> String {
        "\(TestLog.directory)/\(ProducerSnapshotFile.name(at: Offset(offset)))"
    }

    @Test func `the snapshot of a recovery point is flushed, and its name`() throws {
        let log = try TestLog()
        try Self.append(0..<40, to: log)
        for end: Int64 in [40, 60] {
            try log.data.writeBack(all: false)
            let found = try log.simulated.withoutUnflushed()
            let path = Self.path(end)
            #expect(try found.content(path) == log.simulated.content(path))
            if end == 40 { try Self.append(40..<60, to: log) }
        }
    }

    @Test func `a segment begun at the recovery point leaves its snapshot whole`() throws {
        let log = try TestLog(["segment.ms": "5500", "producer.id.expiration.ms": "5000"])
        try Self.append(0..<30, to: log)
        log.time.advance(milliseconds: 4000)
        try Self.append(30..<60, to: log)
        try log.data.writeBack(all: false)
        // Half of them are forgotten: the segment's snapshot would say less.
        log.time.advance(milliseconds: 2000)
        _ = try log.log.retentionStart(now: log.time.wallTime())
        #expect(try log.files(".log").count == 2)
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            let found = try log.simulated.crashState(using: &generator)
            #expect(try ProducerSnapshotFile.decode(found.content(Self.path(60))) != nil)
        }
    }

    @Test func `what a power loss leaves of a snapshot is no stranger's, and goes`() throws {
        var generator = SeededGenerator(seed: 8)
        for operation in 0... {
            let log = try TestLog()
            try Self.append(0..<Self.producerCount, to: log)
            let disk = try log.simulated
            disk.losePower(atOperation: disk.operationCount + operation)
            let isDone = (try? log.data.writeBack(all: false)) != nil
            let plan = disk.crashPlan()
            let choices =
                [plan.nothingKept, plan.everythingKept]
                + (0..<10).map { _ in plan.choice(using: &generator) }
            for choice in choices {
                let found = disk.crashState(plan, keeping: choice)
                let again = try TestLog(opening: found)
                #expect(try again.records().count == Self.producerCount, "\(operation)")
                #expect(again.log.readOnlyReason == nil, "\(operation)")
                try again.close()
                #expect(try again.files(".tmp").isEmpty, "\(operation)")
            }
            if isDone { break }
        }
    }

    // MARK: Deleted batches

    @Test func `segments before the log start go where what follows tells of their producers`() {
        var facts = PartitionFacts()
        facts.recovery.place = LogPlace(offset: Offset(15), segment: Offset(10), position: 500)
        facts.end = LogPlace(offset: Offset(40), segment: Offset(30), position: 1000)
        facts.logStart = Offset(35)
        facts.tail = .cut
        let files = [0, 10, 20, 30].map {
            RecoveryPlan.Found.File(base: Offset($0), byteCount: 1000, hasCaches: true)
        }
        func deleted(_ snapshots: [Int64]) -> [Int64] {
            let found = RecoveryPlan.Found(
                segments: files,
                snapshots: snapshots.map { Offset($0) }
            )
            return RecoveryPlan(facts, found).deleted.map(\.rawValue)
        }
        #expect(deleted([30]) == [0, 10, 20])
        #expect(deleted([20]) == [0, 10])
        // At the recovery point, which lies in the second one.
        #expect(deleted([15]) == [0])
        #expect(deleted([]) == [])
    }

    /// Each of them sends what it sent once more.
    private static func expectDuplicates(_ log: TestLog, _ what: String) throws {
        let forgotten = try (0..<producerCount).filter { number in
            let offset = Offset(Int64(number))
            return try log.offer([value(number)], from: TestProducer(Int64(1000 + number)))
                != .duplicate(base: offset, last: offset)
        }
        #expect(forgotten.isEmpty, "\(what)")
        #expect(log.log.readOnlyReason == nil, "\(what)")
    }

    @Test(arguments: [0, 11, 30, 60], [30, 57])
    func `a retry is told a duplicate though its batch was deleted and the power went`(
        writtenBack: Int,
        start: Int
    ) throws {
        for operation in 0... {
            let log = try TestLog(["segment.bytes": "1024"])
            try Self.append(0..<writtenBack, to: log)
            if writtenBack > 0 { try log.data.writeBack(all: false) }
            try Self.append(writtenBack..<Self.producerCount, to: log)
            let disk = try log.simulated
            disk.losePower(atOperation: disk.operationCount + operation)
            let isDone =
                (try? log.data.groups.deleteRecords(of: log.log, before: Offset(Int64(start))))
                != nil
            let plan = disk.crashPlan()
            for choice in [plan.nothingKept, plan.everythingKept] {
                let what = "operation \(operation), \(choice == plan.nothingKept)"
                let found = disk.crashState(plan, keeping: choice)
                let again = try TestLog(opening: found, time: log.time)
                try Self.expectDuplicates(again, what)
                try Self.expectDuplicates(try again.afterPowerLoss(), "\(what), once more")
                try again.log.removeSegmentsBeforeLogStart()
                try Self.expectDuplicates(try again.afterPowerLoss(), "\(what), removed")
            }
            if isDone { break }
        }
    }

    @Test func `a retry is told a duplicate though retention was there and the power went`() throws
    {
        for byteCount in [0, 1500, 4000] {
            let log = try TestLog(["segment.bytes": "1024", "retention.bytes": "\(byteCount)"])
            try Self.append(0..<20, to: log)
            try log.data.writeBack(all: false)
            try Self.append(20..<Self.producerCount, to: log)
            try log.applyRetention(now: log.time.wallTime().rawValue)
            #expect(try log.log.bounds.logStart > Offset(20))
            try Self.expectDuplicates(try log.afterPowerLoss(), "\(byteCount) bytes")
        }
    }

    @Test func `a snapshot that a crash kept nothing of is passed over, and is no damage`() throws {
        let log = try TestLog(["segment.bytes": "1024"])
        try Self.append(0..<30, to: log)
        try log.close()
        let names = try log.files(".snapshot")
        let torn = try #require(names.dropFirst().first)
        let disk = try log.simulated.afterKill()
        try disk.open("\(TestLog.directory)/\(torn)", .readWrite).truncate(to: 0)
        // A roll that was killed between making and writing the next segment's.
        try disk.append([], to: Self.path(30))
        func damages() throws -> [VerificationReport.Finding] {
            try LogVerifier.verify(disk: disk, directory: TestLog.root).findings
        }
        #expect(try damages().allSatisfy { $0.severity == .note })
        #expect(try !damages().isEmpty)
        disk.releaseLocks()
        let again = try TestLog(opening: disk)
        #expect(try again.records().count == 30)
        try again.append(["more"])
        try again.close()
        disk.releaseLocks()
        #expect(try damages().isEmpty)
    }
}
