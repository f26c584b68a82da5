import Bytes
import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// What a directory remembers of itself is lost or cannot be stored: no record goes with it.
@Suite struct LostStateTests {
    private static let producerIDs = "\(TestLog.root)/\(ProducerIDBlock.fileName)"

    /// Every operation on the checkpoint and on what is held fails in turn. `aaa` is written once,
    /// before; the journal must go on vouching for it.
    @Test func `a write-back that could not be noted forgets no partition`() throws {
        let operations: [DiskOperation] = [.create, .write, .sync, .rename, .syncDirectory]
        for operation in operations {
            for path in ["/checkpoint.tmp", "/checkpoint", "/.millrace"] {
                let log = try TestLog(partitions: 2)
                try log.append(["once"], to: 0)
                try log.flush()
                try log.simulated.inject(DiskFault(.operation(operation), onPathEnding: path))
                try? log.data.writeBack(all: false)
                try log.append(["again"], to: 1)
                try log.flush()
                try log.data.writeBack(all: false)
                let again = try log.afterPowerLoss()
                #expect(try again.records(of: 0).map(\.value) == ["once"], "\(operation) \(path)")
                #expect(try again.records(of: 1).map(\.value) == ["again"])
            }
        }
    }

    /// The journal's files are gone or empty after a kill: nothing vouches for what was
    /// acknowledged, and nothing may be cut.
    @Test(arguments: [true, false])
    func `without the journal's files nothing is cut`(isRemoved: Bool) throws {
        let log = try TestLog(partitions: 2)
        try log.append(["first"], to: 0)
        try log.flush()
        try log.data.writeBack(all: false)
        try log.append(["second"], to: 0)
        try log.append(["other"], to: 1)
        try log.flush()
        let disk = try log.simulated.afterKill()
        for name in try disk.list(TestLog.journalFolder) {
            let path = "\(TestLog.journalFolder)/\(name)"
            if isRemoved {
                try disk.remove(path)
            } else {
                try disk.open(path, .readWrite).truncate(to: 0)
            }
        }
        let again = try TestLog(opening: disk)
        #expect(again.data.notes.contains { $0.contains("nothing is cut") })
        #expect(try again.records(of: 0).map(\.value) == ["first", "second"])
        #expect(try again.records(of: 1).map(\.value) == ["other"])
        try again.append(["third"], to: 0)
        try again.flush()
        #expect(try again.killed().records(of: 0).count == 3)
    }

    @Test func `without the journal's files a segment that was written back is missed`() throws {
        let log = try TestLog(["segment.bytes": "1024"])
        for number in 0..<20 { try log.append(["\(number) " + String(repeating: "x", count: 90)]) }
        try log.flush()
        try log.close()
        let disk = try log.simulated.copy()
        for name in try disk.list(TestLog.journalFolder) {
            try disk.remove("\(TestLog.journalFolder)/\(name)")
        }
        let last = try #require(try log.files(".log").last)
        try disk.remove("\(TestLog.directory)/\(last)")
        let report = try LogVerifier.verify(disk: disk, directory: TestLog.root)
        #expect(report.findings.contains { $0.reason.hasPrefix("the log ends here") })
        let again = try TestLog(opening: disk)
        #expect(try again.recovery?.damage != nil)
        #expect(throws: LogStorageError.self) { try again.append(["more"]) }
    }

    @Test func `a directory without its own folder opens whole`() throws {
        let log = try TestLog()
        try log.append(["kept"])
        try log.close()
        let disk = try log.simulated.copy()
        disk.releaseLocks()
        for name in try disk.list(TestLog.journalFolder) {
            try disk.remove("\(TestLog.journalFolder)/\(name)")
        }
        try disk.removeDirectory(TestLog.journalFolder)
        try disk.remove(TestLog.checkpoint)
        try disk.remove("\(TestLog.root)/\(DataDirectory.ownFolder)/\(CleanEnd.fileName)")
        try disk.remove(JournalLedger.path(of: TestLog.journalFolder))
        try disk.removeDirectory("\(TestLog.root)/.millrace")
        let again = try TestLog(opening: disk)
        #expect(try again.records().map(\.value) == ["kept"])
        try again.append(["more"])
        try again.flush()
        #expect(try again.killed().records().map(\.value) == ["kept", "more"])
    }

    @Test func `a directory without its table of topics is refused and left as it is`() throws {
        let log = try TestLog()
        try log.append(["kept"])
        try log.close()
        let disk = try log.simulated.copy()
        disk.releaseLocks()
        let table = "\(TestLog.root)/\(TopicTable.fileName)"
        let bytes = try disk.content(table)
        try disk.remove(table)
        #expect(throws: LogStorageError.self) { try TestLog(opening: disk) }
        #expect(throws: LogStorageError.self) {
            try LogVerifier.verify(disk: disk, directory: TestLog.root)
        }
        try disk.append(bytes, to: table)
        disk.releaseLocks()
        #expect(try TestLog(opening: disk).records().map(\.value) == ["kept"])
    }

    // MARK: Producer ids

    @Test func `every flipped bit of the block of producer ids is seen, and no id comes again`()
        throws
    {
        let log = try TestLog()
        try log.append(["of 2500"], from: TestProducer(2500))
        try log.data.grantProducerIDs(upTo: ProducerID(3000))
        try log.close()
        let disk = try log.simulated.copy()
        disk.releaseLocks()
        for bit in 0..<(try disk.content(Self.producerIDs).count * 8) {
            let flipped = disk.flipped(Self.producerIDs, bit: bit)
            let report = try LogVerifier.verify(disk: flipped, directory: TestLog.root)
            #expect(report.findings.contains { $0.file.hasSuffix(ProducerIDBlock.fileName) })
            #expect(try TestLog(opening: flipped).data.grantedProducerIDs() == ProducerID(2501))
        }
        try disk.remove(Self.producerIDs)
        #expect(try TestLog(opening: disk).data.grantedProducerIDs() == ProducerID(2501))
    }

    // MARK: Groups

    /// Bulk that came while a write-back began is left to a flush of its own beyond a file's
    /// worth, and a group stays within what a start reads.
    @Test func `a group is no larger than a journal file where nothing needs it to be`() throws {
        var journal = JournalConfiguration.small
        journal.fileByteCount = 32 << 10
        let log = try TestLog(partitions: 12, journal: journal)
        for partition in 0..<12 {
            // Below what counts as bulk, and together more than a file.
            try log.append([String(repeating: "x", count: 7000)], to: partition)
        }
        try log.flush()
        for name in try log.disk.list(TestLog.journalFolder) {
            let path = "\(TestLog.journalFolder)/\(name)"
            #expect(try log.disk.open(path, .read).byteCount() <= 48 << 10)
        }
        let again = try log.afterPowerLoss()
        for partition in 0..<12 { #expect(try again.records(of: partition).count == 1) }
    }

    @Test func `a decision's needs outlive a round that has nothing of it`() throws {
        let data = try TestLog(partitions: 2)
        let deciding = try data.data.createTopic(
            "__transaction_state",
            id: UniqueID(high: 9, low: 9),
            partitionCount: 1,
            options: [:]
        )[0]
        try data.append(["needed"], to: 0)
        data.data.groups.depend(deciding, on: [data.logs[0]])
        // A round in between, with nothing of the deciding partition, and then a failure.
        try data.data.groups.flushAndWait([deciding, data.logs[1]])
        data.logs[0].fail("a flush failed")
        var batch = TestProducer.batch(["prepare"], from: nil, at: 1)
        _ = try batch.withUnsafeMutableBytes { try deciding.append($0, origin: .coordinator) }
        #expect(throws: LogStorageError.self) { try data.data.groups.flushAndWait([deciding]) }
        #expect(deciding.durableEnd == .zero)
    }

    @Test(arguments: ["checkpoint", "journal-files", "1.journal", "producer-id-block", "clean"])
    func `a bad sector in what a directory remembers of itself keeps nobody out`(
        name: String
    ) throws {
        let log = try TestLog()
        try log.append(["kept"])
        try log.close()
        let disk = HookedDisk(try log.simulated.afterKill())
        disk.failReads(of: "/\(name)")
        let again = try TestLog(opening: disk)
        #expect(try again.records().map(\.value) == ["kept"])
        #expect(try again.recovery?.cut == nil)
        _ = try again.data.grantedProducerIDs()
        try again.append(["more"])
        try again.flush()
        let report = try LogVerifier.verify(disk: disk.disk.afterKill(), directory: TestLog.root)
        #expect(report.findings.allSatisfy { $0.severity == .note })
    }

    @Test func `index files of a segment that is not there go at the next start`() throws {
        let log = try TestLog()
        try log.append(["a"])
        try log.close()
        let disk = try log.simulated.afterKill()
        for suffix in [".index", ".timeindex", ".txnindex"] {
            try disk.append([1, 2, 3], to: "\(TestLog.directory)/00000000000000000077\(suffix)")
        }
        disk.releaseLocks()
        let again = try TestLog(opening: disk)
        #expect(try again.records().count == 1)
        #expect(try again.files(".index") == ["00000000000000000000.index"])
        try again.close()
        disk.releaseLocks()
        #expect(try LogVerifier.verify(disk: disk, directory: TestLog.root).findings.isEmpty)
    }

    @Test func `a transaction index that cannot be read is made anew, not taken for empty`() throws
    {
        let log = try TestLog(["segment.bytes": "1024"])
        let producer = TestProducer(7, isTransactional: true)
        try log.append(["aborted"], from: producer)
        try log.end(producer, .abort)
        for number in 0..<30 { try log.append(["\(number) " + String(repeating: "x", count: 90)]) }
        try log.flush()
        try log.close()
        let disk = HookedDisk(try log.simulated.afterKill())
        disk.failReads(of: "00000000000000000000.txnindex")
        let again = try TestLog(opening: disk)
        try again.log.wake()
        let aborted = again.log.state.withLock { $0.segments.flatMap(\.aborted) }
        #expect(aborted.map(\.firstOffset) == [.zero])
    }
}
