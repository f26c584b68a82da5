import LogModel
import LogStorage
import MillraceTestKit
import Synchronization
import Testing

/// Group commit, and disks that fail or are full.
@Suite struct FlushTests {
    @Test func `a failed flush is final: nothing is acknowledged or shown after it`() throws {
        let log = try TestLog()
        let disk = try #require(log.disk as? SimulatedDisk)
        try log.append(["flushed"])
        try log.log.flush()
        try log.append(["lost"])
        disk.inject(DiskFault(.operation(.sync), onPathEnding: ".log"))
        #expect(throws: LogStorageError.self) { try log.log.flush() }
        #expect(throws: LogStorageError.self) { try log.log.flush() }
        #expect(throws: LogStorageError.self) { try log.append(["more"]) }
        #expect(log.log.readOnlyReason != nil)
        #expect(try log.records().map(\.value) == ["flushed"])
    }

    @Test func `a full disk refuses appends, shows what is durable, and goes on without a restart`()
        throws
    {
        let log = try TestLog()
        let disk = try #require(log.disk as? SimulatedDisk)
        try log.append(["a"])
        disk.setCapacity(200)
        let large = String(repeating: "x", count: 300)
        #expect(throws: LogStorageError.self) { try log.append([large]) }
        try log.log.flush()
        #expect(try log.records().map(\.value) == ["a"])
        #expect(log.log.readOnlyReason == nil)
        disk.setCapacity(1 << 20)
        try log.append([large])
        try log.log.flush()
        #expect(try log.records().map(\.value) == ["a", large])
        #expect(try log.killed().records().map(\.value) == ["a", large])
    }

    @Test func `who waits for a flush shares it`() throws {
        let disk = GatedDisk()
        let log = try TestLog(disk: disk)
        let before = disk.syncCount
        try log.append(["first"])
        disk.close()
        let callers = 16
        let group = ThreadGroup()
        group.start { try? log.log.flush() }
        disk.waitUntilOneWaits()
        // All of these append while the first flush runs, then wait for it.
        for number in 0..<callers {
            try log.append(["\(number)"])
            group.start { try? log.log.flush() }
        }
        disk.open()
        group.wait()
        #expect(log.log.bounds.highWatermark == Offset(Int64(callers + 1)))
        #expect(try log.records().count == callers + 1)
        #expect(disk.syncCount - before <= 3, "\(disk.syncCount - before) flushes of 17 callers")
    }

    @Test func `relaxed durability shows at once and flushes by time`() throws {
        let log = try TestLog([
            "millrace.durability": "relaxed", "millrace.durability.delay.ms": "1000",
        ])
        log.time.advance(milliseconds: 2000)
        try log.append(["a"])
        try log.log.flush()
        let count = log.log.fdatasyncCount
        try log.append(["b"])
        try log.log.flush()
        #expect(log.log.fdatasyncCount == count)
        #expect(try log.records().map(\.value) == ["a", "b"])
        log.time.advance(milliseconds: 1001)
        try log.log.flushOverdue()
        #expect(log.log.fdatasyncCount == count + 1)
        #expect(log.log.durableEnd == Offset(2))
    }
}
