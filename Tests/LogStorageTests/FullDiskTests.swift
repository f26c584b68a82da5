import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// What still works where not a byte is free.
@Suite struct FullDiskTests {
    private func full(_ values: [String]) throws -> TestLog {
        let log = try TestLog()
        try log.append(values)
        try log.flush()
        let disk = try log.simulated
        disk.setCapacity((1 << 40) - (try disk.freeByteCount(at: TestLog.root)))
        return log
    }

    @Test func `a topic is deleted, and its room is free`() throws {
        let log = try full([String(repeating: "x", count: 2000)])
        try log.data.removeTopic(TestLog.topic)
        #expect(log.data.topics.isEmpty)
        let disk = try log.simulated
        #expect(try disk.kind(of: TestLog.directory) == nil)
        #expect(try disk.freeByteCount(at: TestLog.root) > 1500)
        let again = try DataDirectory.open(
            disk: try log.simulated.withoutUnflushed(),
            path: TestLog.root,
            owner: "test",
            creates: false,
            time: log.time
        )
        #expect(again.topics.isEmpty)
    }

    /// Segments that are due need no room to go: they are what makes room.
    @Test(arguments: [true, false])
    func `retention and a deletion of records free the room that others took`(
        byRetention: Bool
    ) throws {
        let log = try TestLog(["segment.bytes": "1024", "retention.ms": "1000"])
        for _ in 0..<40 { try log.append([String(repeating: "x", count: 200)]) }
        try log.flush()
        try log.data.writeBack(all: true)
        let disk = try log.simulated
        let before = try disk.list(TestLog.directory).filter { $0.hasSuffix(".log") }.count
        #expect(before > 5)
        disk.setCapacity((1 << 40) - (try disk.freeByteCount(at: TestLog.root)))
        log.time.advance(milliseconds: 3_600_000)
        let end = try log.log.bounds.logEnd
        if byRetention {
            let start = try #require(
                try log.log.retentionStart(now: log.time.wallTime())
            )
            try log.data.groups.deleteRecords(of: log.log, before: start)
        } else {
            try log.data.groups.deleteRecords(of: log.log, before: end)
        }
        let after = try disk.list(TestLog.directory).filter { $0.hasSuffix(".log") }.count
        #expect(after <= 2)
    }

    @Test func `a topic whose deletion was cut short is deleted again`() throws {
        let operations = try full([String(repeating: "x", count: 2000)])
        let begin = try operations.simulated.operationCount
        try operations.data.removeTopic(TestLog.topic)
        let count = try operations.simulated.operationCount - begin
        for number in 0..<count {
            let log = try full([String(repeating: "x", count: 2000)])
            let disk = try log.simulated
            disk.losePower(atOperation: disk.operationCount + number)
            #expect(throws: LogStorageError.self) { try log.data.removeTopic(TestLog.topic) }
            let left = disk.withoutUnflushed()
            left.setCapacity(1 << 40)
            let again = try DataDirectory.open(
                disk: left,
                path: TestLog.root,
                owner: "test",
                creates: false,
                time: log.time
            )
            if !again.topics.isEmpty { try again.removeTopic(TestLog.topic) }
            #expect(again.topics.isEmpty, "operation \(number)")
            #expect(try left.kind(of: TestLog.directory) == nil, "operation \(number)")
        }
    }

    /// A directory whose owner was killed, on a disk that somebody else filled since.
    private func filledBehindKill(reserve: Int64) throws -> (HookedDisk, JournalConfiguration) {
        var journal = JournalConfiguration.small
        journal.startReserveByteCount = reserve
        let log = try TestLog(disk: HookedDisk(), journal: journal)
        try log.append(["a", "b"])
        try log.flush()
        guard let disk = log.disk as? HookedDisk else { throw TestFailure("another disk") }
        let left = disk.disk.afterKill()
        left.setCapacity((1 << 40) - (try left.freeByteCount(at: TestLog.root)))
        return (HookedDisk(left), journal)
    }

    @Test func `a start behind a kill finds the room that it needs`() throws {
        let (disk, journal) = try filledBehindKill(reserve: 64 << 10)
        let log = try TestLog(opening: disk, journal: journal)
        #expect(try log.records().map(\.value) == ["a", "b"])
        let path = "/data/.millrace/reserve"
        #expect(try disk.kind(of: path) == nil)
        #expect(log.data.notes.contains { $0.contains(path) && $0.contains("make room") })
        try log.close()
        // It is kept again by the first start that finds plenty.
        disk.disk.setCapacity(1 << 40)
        let again = try TestLog(opening: disk, journal: journal)
        #expect(try disk.byteCount(of: path) == 64 << 10)
        #expect(again.data.notes.isEmpty)
    }

    @Test func `a start behind a kill without that room says that the disk is full`() throws {
        let (disk, journal) = try filledBehindKill(reserve: 0)
        do {
            _ = try TestLog(opening: disk, journal: journal)
            Issue.record("it opened")
        } catch LogStorageError.disk(.full(let path, _)) {
            #expect(path.hasPrefix(TestLog.root))
        }
    }

    @Test func `a quota that is used up on a disk with room is met in the same way`() throws {
        let (disk, journal) = try filledBehindKill(reserve: 64 << 10)
        disk.disk.setCapacity(1 << 40)
        disk.onFileOperation { operation, path in
            let isKept = (try? disk.kind(of: "/data/.millrace/reserve")) != .some(nil)
            return operation == .write && path.hasSuffix("checkpoint.tmp") && isKept
                ? .full(path: path) : nil
        }
        let log = try TestLog(opening: disk, journal: journal)
        #expect(try log.records().map(\.value) == ["a", "b"])
    }
}
