import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// A cleaning whose swap stops between the old segments and the new one, in a process that goes on.
@Suite struct InterruptedSwapTests {
    private static let options = [
        "cleanup.policy": "compact", "segment.bytes": "1024", "min.cleanable.dirty.ratio": "0",
    ]

    /// Closed segments of many values of few keys, written back; how many records there were.
    private func filled(_ disk: any Disk) throws -> TestLog {
        let log = try TestLog(Self.options, disk: disk)
        for number in 0..<40 { try log.append(number, key: "key \(number % 3)") }
        try log.flush()
        try log.data.writeBack(all: false)
        return log
    }

    /// The last values of the keys, and that all is as after a cleaning that nothing stopped.
    private func check(_ log: TestLog) throws {
        let records = try log.records()
        for number in 38..<42 {
            #expect(records.contains { $0.value.hasPrefix("\(number) ") }, "\(number)")
        }
        #expect(records.count < 30)
        #expect(try log.files(".deleted") == [] && log.files(".swap") == [])
        #expect(try log.files(".cleaned") == [] && log.files(".tmp") == [])
    }

    /// Appends, cleans again, appends once more: the log holds what it should.
    private func goOn(_ log: TestLog) throws {
        try log.append(40, key: "key \(40 % 3)")
        try log.flush()
        _ = try log.log.clean { _ in true }
        try log.append(41, key: "key \(41 % 3)")
        try log.flush()
        try check(log)
    }

    @Test func `a disk that is full for a moment while a cleaning is noted stops nothing`() throws {
        let disk = HookedDisk()
        let log = try filled(disk)
        let count = Lock(0)
        disk.onFileOperation { operation, path in
            guard operation == .write, path.hasSuffix("compacted-segments.tmp") else { return nil }
            return count.withLock { count in
                count += 1
                return count == 2 ? .full(path: path) : nil
            }
        }
        #expect {
            _ = try log.log.clean { _ in true }
        } throws: { error in
            guard case LogStorageError.disk(.full) = error else { return false }
            return true
        }
        #expect(log.log.readOnlyReason == nil)
        #expect(try log.records().count == 40)
        try goOn(log)
        try log.close()
        try check(TestLog(opening: disk.disk.withoutUnflushed(), time: log.time))
    }

    @Test func `a name that cannot be changed in a swap is changed by the next cleaning`() throws {
        for number in 0..<12 {
            let disk = SimulatedDisk()
            let log = try filled(disk)
            disk.inject(DiskFault(.operation(.rename), onPathEnding: "", skipping: number))
            #expect(throws: LogStorageError.self) { try log.log.clean { _ in true } }
            disk.clearFaults()
            #expect(log.log.readOnlyReason == nil, "rename \(number)")
            #expect(try log.records().count == 40, "rename \(number)")
            try goOn(log)
            try check(log.afterPowerLoss())
        }
    }

    @Test func `what a kill in a swap leaves is no damage to a verification`() throws {
        var pendingCount = 0
        for number in 0..<16 {
            let disk = SimulatedDisk()
            let log = try filled(disk)
            disk.inject(
                DiskFault(.operation(.rename), onPathEnding: "", skipping: number, times: .max)
            )
            #expect(throws: LogStorageError.self) { try log.log.clean { _ in true } }
            let left = disk.afterKill()
            let report = try LogVerifier.verify(disk: left, directory: TestLog.root)
            #expect(report.findings.allSatisfy { $0.severity == .note }, "\(report.findings)")
            let files = PartitionFiles(disk: left, directory: TestLog.directory)
            pendingCount += try CompactedSegments(in: files).pending == nil ? 0 : 1
            left.releaseLocks()
            let records = try TestLog(opening: left, time: log.time).records()
            #expect(report.recordCount == records.count, "rename \(number)")
        }
        #expect(pendingCount > 10)
    }

    @Test func `damage in a compacted segment hides nothing in front of it`() throws {
        let disk = SimulatedDisk()
        let log = try TestLog(
            [
                "cleanup.policy": "compact", "segment.bytes": "1024",
                "min.cleanable.dirty.ratio": "0", "max.message.bytes": "512",
            ],
            disk: disk
        )
        // Each segment loses a record, and keeps the others.
        for number in 0..<60 {
            try log.append(number, key: number % 6 == 0 ? "same" : "key \(number)")
        }
        try log.flush()
        try log.data.writeBack(all: false)
        _ = try log.log.clean { _ in true }
        let files = try log.files(".log").map { "\(TestLog.directory)/\($0)" }
        try #require(files.count > 3)
        disk.rot(files[2], at: 150, bit: 3)
        // As a later process meets them.
        log.log.state.withLock { $0.checkedSegments = [] }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        func read(from offset: Offset) throws -> LogReadResult {
            try buffer.withUnsafeMutableBytes {
                try log.log.read(
                    from: offset,
                    maxByteCount: $0.count,
                    isolation: .readUncommitted,
                    into: $0
                )
            }
        }
        let sizes = try files.map { try disk.content($0).count }
        #expect(try read(from: .zero).byteCount == sizes[0] + sizes[1])
        let third = try #require(SegmentName.offset(in: log.files(".log")[2], .log))
        #expect(throws: LogStorageError.self) { try read(from: third) }
    }

    @Test func `groups that are older than a cleaning are not written over it`() throws {
        let disk = SimulatedDisk()
        let log = try filled(disk)
        _ = try log.log.clean { _ in true }
        let records = try log.records()
        #expect(records.count < 40)
        try log.close()
        let closed = disk.afterKill()
        // The journal's files still hold the groups, and nothing says that they are old.
        for isFlipped in [false, true] {
            let disk = closed.copy()
            if isFlipped {
                disk.rot(TestLog.checkpoint, at: 9, bit: 0)
            } else {
                try disk.remove(TestLog.checkpoint)
            }
            let again = try TestLog(opening: disk, time: log.time)
            #expect(again.data.notes.contains { $0.contains("nothing is cut") })
            #expect(try again.recovery?.damage == nil)
            #expect(try again.records() == records)
            try goOn(again)
        }
    }
}
