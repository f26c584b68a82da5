import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// Groups of the journal, and disks that fail or are full.
@Suite struct FlushTests {
    @Test func `a failed flush of the journal is final: nothing is acknowledged or shown after it`()
        throws
    {
        let log = try TestLog()
        try log.append(["flushed"])
        try log.flush()
        try log.append(["lost"])
        try log.simulated.inject(DiskFault(.operation(.sync), onPathEnding: ".journal"))
        #expect(throws: LogStorageError.self) { try log.flush() }
        #expect(throws: LogStorageError.self) { try log.flush() }
        #expect(throws: LogStorageError.self) { try log.append(["more"]) }
        #expect(log.log.readOnlyReason != nil)
        #expect(try log.records().map(\.value) == ["flushed"])
    }

    @Test func `a failed flush of a segment is its partition's alone`() throws {
        let log = try TestLog(partitions: 2)
        let bulk = String(repeating: "x", count: 10_000)
        for partition in 0..<2 { try log.append(["flushed"], to: partition) }
        try log.flush()
        for partition in 0..<2 { try log.append([bulk], to: partition) }
        try log.simulated.inject(DiskFault(.operation(.sync), onPathEnding: "t-0/\(Self.first)"))
        #expect(throws: LogStorageError.self) { try log.flush() }
        #expect(log.logs[0].readOnlyReason != nil && log.logs[1].readOnlyReason == nil)
        #expect(try log.records(of: 0).map(\.value) == ["flushed"])
        #expect(try log.records(of: 1).map(\.value) == ["flushed", bulk])
        #expect(throws: LogStorageError.self) { try log.append(["more"], to: 0) }
        try log.append(["more"], to: 1)
        try log.data.groups.flushAndWait([log.logs[1]])
        let again = try log.afterPowerLoss()
        #expect(try again.records(of: 0).map(\.value).first == "flushed")
        #expect(try again.records(of: 1).map(\.value) == ["flushed", bulk, "more"])
    }

    @Test func `a full disk refuses appends, shows what is durable, and goes on without a restart`()
        throws
    {
        let log = try TestLog()
        let disk = try log.simulated
        try log.append(["a"])
        try log.flush()
        disk.setCapacity(0)
        let large = String(repeating: "x", count: 300)
        #expect(throws: LogStorageError.self) { try log.append([large]) }
        #expect(try log.records().map(\.value) == ["a"])
        #expect(log.log.readOnlyReason == nil)
        disk.setCapacity(1 << 20)
        try log.append([large])
        try log.flush()
        #expect(try log.records().map(\.value) == ["a", large])
        #expect(try log.killed().records().map(\.value) == ["a", large])
    }

    @Test func `a journal without room for its group is tried again once there is room`() throws {
        let log = try TestLog()
        let disk = try log.simulated
        try log.append(["a"])
        disk.setCapacity(0)
        #expect(throws: LogStorageError.self) { try log.flush() }
        #expect(log.log.readOnlyReason == nil)
        #expect(try log.records().isEmpty)
        disk.setCapacity(1 << 20)
        try log.flush()
        #expect(try log.records().map(\.value) == ["a"])
        #expect(try log.afterPowerLoss().records().map(\.value) == ["a"])
    }

    @Test func `who waits for a flush shares it`() throws {
        let disk = GatedDisk()
        let log = try TestLog(disk: disk)
        let rounds = ThreadGroup()
        log.data.groups.beginThreads(parallel: { for work in $0 { work() } }, onWriteBackDue: {})
        let groups = log.data.groups
        rounds.start { groups.run() }
        try log.append(["first"])
        let before = disk.syncCount
        disk.close()
        let callers = 16
        let group = ThreadGroup()
        let target = log.log
        group.start { try? groups.flushAndWait([target]) }
        disk.waitUntilOneWaits()
        // All of these append while the first group is written, then wait for the next.
        for number in 0..<callers {
            try log.append(["\(number)"])
            group.start { try? groups.flushAndWait([target]) }
        }
        disk.open()
        group.wait()
        groups.stopThreads()
        rounds.wait()
        groups.endThreads()
        #expect(try log.log.bounds.highWatermark == Offset(Int64(callers + 1)))
        #expect(try log.records().count == callers + 1)
        #expect(disk.syncCount - before <= 17)
    }

    @Test func `a flush calls back without a thread of its own`() throws {
        let disk = GatedDisk()
        // Making the journal's file, and filling more of it, take flushes of their own.
        var journal = JournalConfiguration.small
        journal.zeroedByteCount = journal.fileByteCount
        let log = try TestLog(disk: disk, journal: journal)
        let groups = log.data.groups
        try log.append(["before"])
        try log.flush()
        groups.beginThreads(parallel: { for work in $0 { work() } }, onWriteBackDue: {})
        let rounds = ThreadGroup()
        rounds.start { groups.run() }
        let answers = Lock<[LogStorageError?]>([])
        try log.append(["first"])
        disk.close()
        groups.flush(log.logs) { failure in answers.withLock { $0.append(failure) } }
        disk.waitUntilOneWaits()
        for number in 0..<100 {
            try log.append(["\(number)"])
            groups.flush(log.logs) { failure in answers.withLock { $0.append(failure) } }
        }
        #expect(answers.withLock { $0.isEmpty }, "nothing is durable yet, and nobody was blocked")
        let before = disk.syncCount
        disk.open()
        groups.stopThreads()
        rounds.wait()
        groups.endThreads()
        #expect(answers.withLock { $0.count } == 101)
        #expect(answers.withLock { $0.allSatisfy { $0 == nil } })
        // The one that waited, and one for all the others.
        #expect(disk.syncCount - before == 2)
    }

    @Test func `relaxed durability shows at once and flushes by time`() throws {
        let log = try TestLog([
            "millrace.durability": "relaxed", "millrace.durability.delay.ms": "1000",
        ])
        log.time.advance(milliseconds: 2000)
        try log.append(["a"])
        try log.flush()
        let count = log.data.fdatasyncCount
        try log.append(["b"])
        try log.flush()
        #expect(log.data.fdatasyncCount == count)
        #expect(try log.records().map(\.value) == ["a", "b"])
        log.time.advance(milliseconds: 1001)
        #expect(log.log.isOverdue)
        try log.flush()
        #expect(log.data.fdatasyncCount == count + 1)
        #expect(log.log.durableEnd == Offset(2))
    }

    @Test func `records of a relaxed topic are deleted for good, however long it was quiet`() throws
    {
        let log = try TestLog([
            "millrace.durability": "relaxed", "millrace.durability.delay.ms": "1000",
        ])
        for number in 0..<4 { try log.append(["\(number)"]) }
        log.time.advance(milliseconds: 2000)
        try log.flush()
        log.time.advance(milliseconds: 2000)
        try log.data.groups.deleteRecords(of: log.log, before: Offset(3))
        #expect(try log.log.bounds.logStart == Offset(3))
        #expect(try log.afterPowerLoss().log.bounds.logStart == Offset(3))
    }

    @Test func `what comes while bulk is flushed is not vouched for before that flush is done`()
        throws
    {
        let disk = GatedDisk(gating: ".log")
        let log = try TestLog(disk: disk)
        try log.append([String(repeating: "x", count: 10_000)])
        disk.close()
        let (groups, target) = (log.data.groups, log.log)
        let threads = ThreadGroup()
        threads.start { groups.syncBulk([target]) }
        disk.waitUntilOneWaits()
        try log.append(["small"])
        #expect(target.takePart()?.end == nil, "no group may take it now")
        #expect(try target.bounds.highWatermark == .zero)
        let state = disk.disk.withoutUnflushed()
        disk.open()
        threads.wait()
        try log.flush()
        #expect(try log.records().count == 2)
        #expect(try TestLog(opening: state).records().isEmpty)
    }

    static let first = "00000000000000000000.log"
}
