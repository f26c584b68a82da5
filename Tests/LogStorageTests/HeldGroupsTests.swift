import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// What is held of the journal: what could not be written back, and nothing else.
@Suite struct HeldGroupsTests {
    private static let held = "\(TestLog.journalFolder)/\(HeldGroups.fileName)"

    private func place(_ disk: SimulatedDisk, _ partition: Int32) throws -> Int64 {
        let key = PartitionKey(topicID: TestLog.topicID, partition: PartitionIndex(partition))
        let bytes = try disk.content(TestLog.checkpoint)
        return DirectoryCheckpoint(bytes)?.partitions[key]?.place.offset.rawValue ?? 0
    }

    /// Runs `body` once, when the first group of a write-back is being flushed.
    private func duringGroup(_ disk: HookedDisk, _ body: @escaping @Sendable () -> Void) {
        let isDone = Lock(false)
        disk.onFileOperation { operation, path in
            guard operation == .sync, path.hasSuffix(".journal") else { return nil }
            let isFirst = isDone.withLock { isDone in
                defer { isDone = true }
                return !isDone
            }
            if isFirst { body() }
            return nil
        }
    }

    @Test func `a partition that takes a record while a write-back begins is written back`() throws
    {
        let disk = HookedDisk()
        let log = try TestLog(partitions: 2, disk: disk)
        try log.append(["durable"])
        try log.flush()
        try log.append(["pending"], to: 1)
        let late = TestProducer.batch(["late"], from: nil, at: 1)
        let partition = log.logs[0]
        duringGroup(disk) {
            var late = late
            _ = try? late.withUnsafeMutableBytes { try partition.append($0, origin: .embedded) }
        }
        try log.data.writeBack(all: false)
        #expect(log.logs[0].flushTarget == Offset(2))
        #expect(try disk.kind(of: Self.held) == nil)
        #expect(try place(disk.disk, 0) == 1)
        #expect(try place(disk.disk, 1) == 1)
    }

    @Test func `a flush of much beside the group takes no state from it`() throws {
        let disk = HookedDisk()
        let log = try TestLog(disk: disk)
        try log.append(["pending"])
        let value = String(repeating: "v", count: JournalConfiguration.small.bulkByteCount + 1)
        let late = TestProducer.batch([value], from: nil, at: 1)
        let partition = log.log
        let groups = log.data.groups
        duringGroup(disk) {
            var late = late
            _ = try? late.withUnsafeMutableBytes { try partition.append($0, origin: .embedded) }
            groups.syncBulk([partition])
        }
        try log.data.writeBack(all: false)
        #expect(try disk.kind(of: Self.held) == nil)
        #expect(try place(disk.disk, 0) == 1)
        try log.data.writeBack(all: false)
        #expect(try place(disk.disk, 0) == 2)
        let again = try TestLog(opening: disk.disk.afterKill())
        #expect(try again.records().map(\.value) == ["pending", value])
    }

    @Test func `what is held goes once it is written back, and another's comes alone`() throws {
        let log = try TestLog(partitions: 2)
        let disk = try log.simulated
        func failIndex(of partition: Int) throws {
            try log.append(["of \(partition)"], to: partition)
            try log.flush()
            let folder = "/\(TestLog.topic)-\(partition)/00000000000000000000.txnindex"
            disk.inject(DiskFault(.operation(.create), onPathEnding: folder))
            try log.data.writeBack(all: true)
        }
        func partitionsHeld() throws -> Set<Int32> {
            let content = try HeldGroups.load(disk: disk, directory: TestLog.journalFolder)
            #expect(content.damages.isEmpty && content.lost.isEmpty)
            return Set(content.groups.joined().map(\.entry.partition.partition.rawValue))
        }
        try failIndex(of: 0)
        #expect(try partitionsHeld() == [0])
        try log.append(["more"])
        try log.flush()
        try failIndex(of: 1)
        #expect(try partitionsHeld() == [1])
        #expect(try place(disk, 0) == 2)
        try log.data.writeBack(all: false)
        #expect(try disk.kind(of: Self.held) == nil)
        #expect(DirectoryCheckpoint(try disk.content(TestLog.checkpoint))?.hasHeldGroups == false)
        let left = disk.afterKill()
        #expect(try LogVerifier.verify(disk: left, directory: TestLog.root).findings.isEmpty)
    }
}
