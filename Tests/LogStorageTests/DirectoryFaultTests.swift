import Bytes
import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// What one bad thing in a directory must not do to the rest of it, and whose files are touched.
@Suite struct DirectoryFaultTests {
    private static let first = "00000000000000000000.log"

    /// Three partitions with a record each, closed in order.
    private func closed() throws -> TestLog {
        let log = try TestLog(partitions: 3)
        for partition in 0..<3 { try log.append(["of \(partition)"], to: partition) }
        try log.flush()
        try log.close()
        return log
    }

    /// The others are read and written as if nothing had happened; so again after a restart.
    private func expectOthersWork(_ disk: SimulatedDisk, except bad: Int) throws {
        for round in 0..<2 {
            disk.releaseLocks()
            let log = try TestLog(opening: disk)
            for partition in 0..<3 where partition != bad {
                #expect(try log.records(of: partition).count == 1 + round)
                try log.append(["more"], to: partition)
                try log.data.groups.flushAndWait([log.logs[partition]])
                #expect(try log.records(of: partition).count == 2 + round)
            }
            #expect(throws: LogStorageError.self) { try log.append(["more"], to: bad) }
            #expect(log.logs[bad].readOnlyReason != nil)
            #expect(log.logs[0].readOnlyReason == nil)
            try log.close()
        }
    }

    // MARK: Passing

    @Test(arguments: [Int32(24), 12, 5])
    func `what passes keeps no partition from its next use`(errorNumber: Int32) throws {
        let before = try TestLog(disk: HookedDisk())
        try before.append(["a"])
        try before.flush()
        let left = HookedDisk(try #require(before.disk as? HookedDisk).disk.afterKill())
        left.failReads(of: "/t-0/\(Self.first)", errorNumber: errorNumber)
        let log = try TestLog(opening: left)
        #expect(throws: LogStorageError.self) { try log.append(["b"]) }
        left.failReads(of: nil)
        guard errorNumber != 5 else {
            // A bad sector: what was not read may have been anything.
            #expect(throws: LogStorageError.self) { try log.append(["b"]) }
            return
        }
        try log.append(["b"])
        try log.flush()
        #expect(try log.records().map(\.value) == ["a", "b"])
        try log.close()
        let again = try TestLog(opening: HookedDisk(left.disk.afterKill()))
        #expect(try again.records().map(\.value) == ["a", "b"])
        #expect(again.data.notes.isEmpty)
    }

    /// No descriptor is free for the folder of a partition that has new names.
    @Test(arguments: [20_000, 10]) func `a flush that cannot begin is tried again`(
        byteCount: Int
    ) throws {
        let disk = HookedDisk()
        let log = try TestLog(partitions: 2, disk: disk)
        disk.onFileOperation { operation, path in
            operation == .syncDirectory && path == TestLog.directory
                ? .failed(operation: "open", path: path, errorNumber: 24, message: "planned") : nil
        }
        let text = String(repeating: "x", count: byteCount)
        try log.append([text])
        try log.append(["of 1"], to: 1)
        if byteCount > 10_000 {
            #expect(throws: LogStorageError.self) { try log.flush() }
        } else {
            try log.flush()
            try log.data.writeBack(all: true)
        }
        // The others had what they asked for.
        #expect(try log.records(of: 1).map(\.value) == ["of 1"])
        disk.onFileOperation(nil)
        #expect(log.log.readOnlyReason == nil)
        try log.append(["more"])
        try log.flush()
        #expect(try log.records().map(\.value) == [text, "more"])
        let left = disk.disk.afterKill()
        let next = try TestLog(opening: left)
        #expect(try next.records().map(\.value) == [text, "more"])
        try log.data.writeBack(all: true)
        try log.close()
        let again = try TestLog(opening: HookedDisk(disk.disk.withoutUnflushed()))
        #expect(try again.records().map(\.value) == [text, "more"])
        #expect(again.data.notes.isEmpty)
    }

    // MARK: Stuck

    @Test func `one flipped bit in a closed segment stops its partition alone`() throws {
        let log = try TestLog(["segment.bytes": "1024"], partitions: 3)
        for number in 0..<30 { try log.append(["number \(number)"], to: 1) }
        for partition in [0, 2] { try log.append(["of \(partition)"], to: partition) }
        try log.close()
        let disk = try log.simulated.copy()
        disk.rot("/data/t-1/\(Self.first)", at: 40, bit: 2)
        for name in try disk.list("/data/t-1") where name.hasSuffix("index") {
            try disk.remove("/data/t-1/\(name)")
        }
        try expectOthersWork(disk, except: 1)
    }

    @Test func `a missing folder makes its partition offline, with the reason, and no other`()
        throws
    {
        let disk = try closed().simulated.copy()
        for name in try disk.list("/data/t-1") { try disk.remove("/data/t-1/\(name)") }
        try disk.removeDirectory("/data/t-1")
        try expectOthersWork(disk, except: 1)
        let log = try TestLog(opening: disk)
        #expect(throws: LogStorageError.self) { try log.logs[1].wake() }
        #expect(log.logs[1].offlineReason?.contains("/data/t-1 is missing") == true)
    }

    @Test func `an input error in one folder stops its partition alone`() throws {
        let disk = try closed().simulated.copy()
        disk.inject(DiskFault(.read, onPathEnding: "t-1/\(Self.first)", times: 1000))
        try expectOthersWork(disk, except: 1)
    }

    @Test func `a partition that is offline keeps what the journal has of it`() throws {
        let log = try TestLog(partitions: 3)
        for partition in 0..<3 { try log.append(["of \(partition)"], to: partition) }
        try log.flush()
        let disk = try log.simulated.withoutUnflushed()
        disk.inject(DiskFault(.operation(.write), onPathEnding: "t-1/\(Self.first)", times: 1))
        for round in 0..<4 {
            disk.releaseLocks()
            let again = try TestLog(opening: disk)
            for partition in [0, 2] {
                #expect(try again.records(of: partition).count == 1 + round)
                for _ in 0..<1 { try again.append(["more"], to: partition) }
                try again.data.groups.flushAndWait([again.logs[partition]])
            }
            if round == 0 {
                #expect(again.logs[1].offlineReason != nil)
            } else {
                #expect(try again.records(of: 1).map(\.value) == ["of 1"])
            }
            try again.close()
        }
    }

    @Test func `what is held of one partition stays when another one fails`() throws {
        let log = try TestLog(partitions: 3)
        let disk = try log.simulated
        for partition in 0..<3 { try log.append(["of \(partition)"], to: partition) }
        try log.flush()
        disk.inject(DiskFault(.operation(.sync), onPathEnding: "t-0/\(Self.first)"))
        try log.data.writeBack(all: false)
        #expect(log.logs[0].readOnlyReason != nil)
        for partition in 1..<3 { try log.append(["again"], to: partition) }
        try log.data.groups.flushAndWait([log.logs[1], log.logs[2]])
        disk.inject(DiskFault(.operation(.sync), onPathEnding: "t-1/\(Self.first)"))
        try log.data.writeBack(all: false)
        #expect(log.logs[1].readOnlyReason != nil)
        try log.append(["at last"], to: 2)
        try log.close()
        for _ in 0..<2 {
            disk.releaseLocks()
            let again = try TestLog(opening: disk.withoutUnflushed())
            #expect(try again.records(of: 0).map(\.value) == ["of 0"])
            #expect(try again.records(of: 1).map(\.value) == ["of 1", "again"])
            #expect(try again.records(of: 2).map(\.value) == ["of 2", "again", "at last"])
        }
    }

    @Test func `a partition whose flush failed does not count as closed in order`() throws {
        let log = try TestLog(partitions: 2)
        let disk = try log.simulated
        try log.append(["kept"], to: 0)
        try log.append(["kept"], to: 1)
        try log.flush()
        try log.append([String(repeating: "x", count: 20_000)], to: 0)
        disk.inject(DiskFault(.operation(.sync), onPathEnding: "t-0/\(Self.first)"))
        #expect(throws: LogStorageError.self) { try log.flush() }
        try log.close()
        // The bytes lie in the cache; nobody was told that they are durable.
        let again = try TestLog(opening: disk)
        #expect(try again.records(of: 0).map(\.value) == ["kept"])
        let second = try TestLog(opening: disk.withoutUnflushed())
        #expect(try second.records(of: 0).map(\.value) == ["kept"])
        #expect(try second.records(of: 1).map(\.value) == ["kept"])
    }

    @Test func `a folder that cannot be removed stops no start`() throws {
        let log = try closed()
        let disk = try log.simulated
        let again = try TestLog(opening: disk)
        _ = try again.data.createTopic(
            "u",
            id: UniqueID(high: 3, low: 3),
            partitionCount: 1,
            options: [:]
        )
        disk.inject(DiskFault(.operation(.remove), onPathEnding: "t-1/\(Self.first)", times: 3))
        #expect(throws: LogStorageError.self) { try again.data.removeTopic("t") }
        disk.releaseLocks()
        for round in 0..<4 {
            let data = try DataDirectory.open(
                disk: disk,
                path: "/data",
                owner: "test",
                creates: false,
                time: ManualTimeSource(),
                journal: .small
            )
            #expect(data.topics.map(\.name) == ["u"])
            data.release()
            let isGone = try disk.kind(of: "/data/t-1") == nil
            #expect(isGone == (round >= 2))
            #expect(data.notes.contains { $0.contains("its folder t-1 could not be") } == !isGone)
        }
    }

    @Test func `a folder that cannot be removed is in the way of its own name alone`() throws {
        let log = try closed()
        let disk = try log.simulated
        let again = try TestLog(opening: disk)
        let data = again.data
        func create(_ name: String, _ number: UInt64) throws {
            let id = UniqueID(high: number, low: number)
            _ = try data.createTopic(name, id: id, partitionCount: 1, options: [:])
        }
        disk.inject(DiskFault(.operation(.remove), onPathEnding: "t-1/\(Self.first)", times: 3))
        #expect(throws: LogStorageError.self) { try data.removeTopic("t") }
        #expect(try disk.kind(of: "/data/t-0") == nil && disk.kind(of: "/data/t-2") == nil)
        try create("u", 3)
        #expect(throws: LogStorageError.self) { try create("t", 4) }
        #expect(try disk.kind(of: "/data/t-1") != nil)
        try create("t", 4)
        #expect(try disk.kind(of: "/data/t-1") == nil)
        #expect(data.topics.map(\.name) == ["t", "u"])
    }

    @Test(arguments: [0, 9, 47])
    func `a deleted topic's folder with a torn mark goes too`(length: Int) throws {
        let log = try closed()
        let disk = try log.simulated
        let again = try TestLog(opening: disk)
        let mark = "/data/t-1/partition.metadata"
        let torn = try disk.content(mark).enumerated().map { $0.offset < length ? $0.element : 0 }
        try disk.remove(mark)
        try disk.append(length == 0 ? [] : torn, to: mark)
        try again.data.removeTopic("t")
        #expect(try disk.kind(of: "/data/t-1") == nil)
        let id = UniqueID(high: 4, low: 4)
        _ = try again.data.createTopic("t", id: id, partitionCount: 3, options: [:])
    }

    // MARK: A lost checkpoint

    @Test(arguments: [false, true])
    func `a lost checkpoint loses nothing, however often the directory is opened`(
        isKilled: Bool
    )
        throws
    {
        let log = try TestLog(["segment.bytes": "1024"], partitions: 3)
        for number in 0..<90 {
            try log.append(["number \(number)"], to: number % 3)
            if number % 10 == 9 { try log.flush() }
        }
        try log.flush()
        if !isKilled { try log.close() }
        let disk = try log.simulated.withoutUnflushed()
        try disk.remove(TestLog.checkpoint)
        for round in 0..<4 {
            disk.releaseLocks()
            let again = try TestLog(opening: disk)
            #expect(again.data.notes.isEmpty == (round > 0))
            // One of them sleeps through it.
            for partition in [round % 3, (round + 1) % 3] {
                #expect(try again.recovery?.damage == nil)
                #expect(try again.records(of: partition).count >= 30)
            }
            try again.append(["more"], to: round % 3)
            try again.flush()
            if round % 2 == 0 { try again.close() }
        }
        disk.releaseLocks()
        let last = try TestLog(opening: disk)
        #expect(try (0..<3).map { try last.records(of: $0).count } == [32, 31, 31])
    }

    @Test func `a torn tail after a lost checkpoint is a torn tail once groups vouch again`() throws
    {
        let log = try closed()
        let disk = try log.simulated
        try disk.remove(TestLog.checkpoint)
        let again = try TestLog(opening: disk)
        try again.append(["more"])
        try again.flush()
        try disk.append([1, 2, 3], to: "/data/t-0/\(Self.first)")
        for _ in 0..<2 {
            let last = try TestLog(opening: disk.copy())
            #expect(try last.recovery?.damage == nil)
            #expect(try last.records().map(\.value) == ["of 0", "more"])
        }
    }

    @Test func `after many uses of the journal a lost checkpoint makes nothing read-only`() throws {
        let log = try TestLog(partitions: 2)
        for number in 0..<400 {
            try log.append([String(repeating: "v", count: 900)], to: number % 2)
            try log.flush()
        }
        let disk = try log.simulated.withoutUnflushed()
        try disk.remove(TestLog.checkpoint)
        for _ in 0..<2 {
            disk.releaseLocks()
            let again = try TestLog(opening: disk)
            for partition in 0..<2 {
                #expect(try again.records(of: partition).count == 200)
                #expect(again.logs[partition].readOnlyReason == nil)
            }
        }
    }

    // MARK: Whose files

    @Test func `a folder of the user's is never touched by a topic of its name`() throws {
        let log = try closed()
        let disk = try log.simulated
        let again = try TestLog(opening: disk)
        try disk.createDirectory("/data/orders-2024")
        try disk.append(Array("mine".utf8), to: "/data/orders-2024/invoice.txt")
        #expect(throws: LogStorageError.foreignDirectory("/data/orders-2024")) {
            try again.data.createTopic(
                "orders",
                id: UniqueID(high: 4, low: 4),
                partitionCount: 1,
                options: [:]
            )
        }
        try again.close()
        _ = try TestLog(opening: disk)
        #expect(try disk.content("/data/orders-2024/invoice.txt") == Array("mine".utf8))
    }

    @Test func `a topic made anew has nothing of the one before, its offsets and its log start`()
        throws
    {
        let log = try TestLog()
        for number in 0..<9 { try log.append(["old \(number)"]) }
        try log.flush()
        try log.data.groups.deleteRecords(of: log.log, before: Offset(5))
        try log.data.writeBack(all: false)
        try log.append(["old, in the journal"])
        try log.flush()
        try log.data.removeTopic(TestLog.topic)
        let id = UniqueID(high: 8, low: 8)
        let new = try log.data.createTopic(
            TestLog.topic,
            id: id,
            partitionCount: 1,
            options: [:]
        )[0]
        #expect(try new.bounds.logStart == .zero && new.bounds.logEnd == .zero)
        var batch = TestProducer.batch(["new"], from: nil, at: 1)
        _ = try batch.withUnsafeMutableBytes { try new.append($0, origin: .embedded) }
        try log.data.groups.flushAndWait([new])
        for disk in [try log.simulated.afterKill(), try log.simulated.withoutUnflushed()] {
            let data = try DataDirectory.open(
                disk: disk,
                path: "/data",
                owner: "test",
                creates: false,
                time: ManualTimeSource(),
                journal: .small
            )
            let found = data.partitions(of: id)[0]
            #expect(try TestLog.records(of: found).map(\.value) == ["new"])
            #expect(try found.bounds.logStart == .zero)
        }
    }

    @Test func `a topic can be deleted and made anew whatever a power loss left of its folder`()
        throws
    {
        let log = try TestLog()
        try log.append(["a"])
        try log.flush()
        let plan = try log.simulated.crashPlan()
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<60 {
            let disk = try log.simulated.crashState(plan, keeping: plan.choice(using: &generator))
            let again = try TestLog(opening: disk)
            #expect(try again.records().map(\.value) == ["a"])
            try again.data.removeTopic(TestLog.topic)
            let new = try again.data.createTopic(
                TestLog.topic,
                id: UniqueID(high: 8, low: 8),
                partitionCount: 1,
                options: [:]
            )[0]
            #expect(try new.bounds.logEnd == .zero)
        }
    }

    @Test func `a creation that failed leaves nothing that a start would stumble on`() throws {
        let log = try closed()
        let disk = try log.simulated
        let again = try TestLog(opening: disk)
        let before = try disk.list("/data")
        disk.inject(DiskFault(.operation(.rename), onPathEnding: "millrace.topics.tmp"))
        #expect(throws: LogStorageError.self) {
            try again.data.createTopic(
                "u",
                id: UniqueID(high: 3, low: 3),
                partitionCount: 100,
                options: [:]
            )
        }
        #expect(try disk.list("/data").filter { $0 != "millrace.topics.tmp" } == before)
        #expect(again.data.topics.map(\.name) == ["t"])
        try again.close()
        #expect(try TestLog(opening: disk).data.topics.map(\.name) == ["t"])
    }

    /// Nothing tells whether the table's new name is on the disk.
    @Test(arguments: [1, 1000])
    func `a deletion that is not stored for sure takes nothing that is acknowledged later`(
        times: Int
    ) throws {
        let log = try TestLog()
        let disk = try log.simulated
        try log.append(["before"])
        try log.flush()
        try log.data.writeBack(all: true)
        disk.inject(
            DiskFault(.operation(.syncDirectory), onPathEnding: TestLog.root, times: times)
        )
        #expect(throws: LogStorageError.self) { try log.data.removeTopic(TestLog.topic) }
        var values = ["before"]
        do {
            try log.append(["after"])
            try log.flush()
            values.append("after")
        } catch { #expect(times > 1) }
        #expect(values.count == (times == 1 ? 2 : 1))
        let plan = disk.crashPlan()
        for state in [disk.afterKill(), disk.crashState(plan, keeping: plan.nothingKept)] {
            let table = try TopicTable.load(PartitionFiles(disk: state, directory: TestLog.root))
            guard times == 1 || table.topics[TestLog.topic] != nil else { continue }
            #expect(try TestLog(opening: state).records().map(\.value) == values)
        }
    }

    @Test func `options whose change failed are the ones before after a restart`() throws {
        let log = try TestLog()
        let disk = try log.simulated
        disk.inject(DiskFault(.operation(.syncDirectory), onPathEnding: TestLog.root))
        #expect(throws: LogStorageError.self) {
            try log.data.alterTopic(
                TestLog.topic,
                id: TestLog.topicID,
                options: ["retention.ms": "1"]
            )
        }
        #expect(try log.killed().data.topics.first?.options == [:])
    }

    @Test(arguments: ["-t", "--t", "-", "a-b", "t.1", "_"])
    func `a topic of any legal name is there after a restart`(name: String) throws {
        let log = try TestLog()
        let id = UniqueID(high: 3, low: 3)
        let made = try log.data.createTopic(name, id: id, partitionCount: 1, options: [:])[0]
        var batch = TestProducer.batch(["x"], from: nil, at: 1)
        _ = try batch.withUnsafeMutableBytes { try made.append($0, origin: .embedded) }
        try log.data.groups.flushAndWait([made])
        let again = try log.killed()
        #expect(again.data.topics.contains { $0.name == name && $0.id == id })
        #expect(try TestLog.records(of: again.data.partitions(of: id)[0]).map(\.value) == ["x"])
    }

    @Test func `every flipped bit of the table of topics is found or changes nothing`() throws {
        let log = try TestLog(["retention.ms": "600000"], partitions: 2)
        _ = try log.data.createTopic(
            "gone",
            id: UniqueID(high: 3, low: 3),
            partitionCount: 1,
            options: [:]
        )
        try log.data.removeTopic("gone")
        try log.close()
        let disk = try log.simulated
        let path = "/data/millrace.topics"
        let topics = try TestLog(opening: disk.copy()).data.topics
        for bit in 0..<(try disk.content(path).count) * 8 {
            do {
                let again = try TestLog(opening: disk.flipped(path, bit: bit))
                #expect(again.data.topics == topics, "bit \(bit)")
            } catch is LogStorageError {
                continue
            }
        }
    }

    @Test func `index entries reach as far as a file of 4 bytes can say, and no further`() throws {
        var index = SegmentIndex()
        var position: Int64 = 0
        var batch = TestProducer.batch(["x"], from: nil, at: 1)
        for number in 0..<8 {
            try batch.withUnsafeMutableBytes { bytes in
                bytes.baseAddress?.storeBigEndian(Int64(number), at: RecordBatchLayout.baseOffset)
                let view = try RecordBatchView(UnsafeRawBufferPointer(bytes))
                index.note(view, at: position, interval: 0)
            }
            // As if the batches were of 500 MB.
            position += 500_000_000
        }
        let offsets = index.encodedOffsets(base: .zero)
        let times = index.encodedTimes(base: .zero)
        let read = try #require(
            SegmentIndex(offsets: offsets, times: times, base: .zero, byteCount: position)
        )
        #expect(read.offsets == index.offsets)
        #expect(read.offsets.allSatisfy { $0.position == $0.offset.rawValue * 500_000_000 })
        #expect(read.offsets.last?.position ?? 0 <= Int64(Int32.max))
        #expect(read.position(for: Offset(7)) == read.offsets.last?.position)
    }
}
