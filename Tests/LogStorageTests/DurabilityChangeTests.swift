import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// How a partition's last records were written is a fact of theirs, not of the topic's options now:
/// a start keeps what was acknowledged with relaxed durability, whatever those say by then.
@Suite struct DurabilityChangeTests {
    private static let relaxed = ["millrace.durability": "relaxed"]
    private static let aside = "\(TestLog.root)/aside"
    private static let segment = "\(TestLog.directory)/00000000000000000000.log"

    /// Killed with two acknowledged records; the first may have been written back.
    private func killed(isWrittenBack: Bool) throws -> SimulatedDisk {
        let log = try TestLog(Self.relaxed)
        try log.append(["first"])
        try log.flush()
        if isWrittenBack { try log.data.writeBack(all: false) }
        try log.append(["second"])
        try log.flush()
        return try log.simulated.afterKill()
    }

    /// Nothing is lost, appends go on, and from then on what nobody was told of is cut.
    private func expectWhole(_ disk: SimulatedDisk) throws {
        disk.releaseLocks()
        let log = try TestLog(opening: disk)
        #expect(try log.records().map(\.value) == ["first", "second"])
        try log.append(["third"])
        try log.flush()
        try log.append(["untold"])
        let again = try log.killed()
        #expect(try again.records().map(\.value) == ["first", "second", "third"])
        try again.close()
        #expect(try LogVerifier.verify(disk: again.disk, directory: TestLog.root).findings.isEmpty)
    }

    @Test(arguments: [false, true])
    func `a topic made flushed while a folder is away keeps all once it is back`(
        isWrittenBack: Bool
    ) throws {
        let disk = try killed(isWrittenBack: isWrittenBack)
        try disk.rename(TestLog.directory, to: Self.aside)
        let log = try TestLog(opening: disk)
        try log.data.alterTopic(TestLog.topic, id: TestLog.topicID, options: [:])
        try log.close()
        // Another start in between finds as little, and forgets nothing.
        disk.releaseLocks()
        try TestLog(opening: disk).close()
        try disk.rename(Self.aside, to: TestLog.directory)
        try expectWhole(disk)
    }

    @Test func `a topic whose options cannot be used keeps all once they can`() throws {
        let disk = try killed(isWrittenBack: true)
        let files = PartitionFiles(disk: disk, directory: TestLog.root)
        var table = try TopicTable.load(files)
        table.topics[TestLog.topic]?.options["option.of.the.future"] = "1"
        try table.store(files)
        let log = try TestLog(opening: disk)
        #expect(log.log.offlineReason != nil)
        try log.data.alterTopic(TestLog.topic, id: TestLog.topicID, options: [:])
        try log.close()
        try expectWhole(disk)
    }

    @Test func `a topic made flushed and relaxed again while a folder is away keeps all`() throws {
        let disk = try killed(isWrittenBack: true)
        try disk.rename(TestLog.directory, to: Self.aside)
        let log = try TestLog(opening: disk)
        try log.data.alterTopic(TestLog.topic, id: TestLog.topicID, options: [:])
        try log.data.alterTopic(TestLog.topic, id: TestLog.topicID, options: Self.relaxed)
        try log.close()
        try disk.rename(Self.aside, to: TestLog.directory)
        disk.releaseLocks()
        let again = try TestLog(opening: disk)
        #expect(try again.records().map(\.value) == ["first", "second"])
        try again.append(["third"])
        try again.flush()
        #expect(try again.killed().records().count == 3)
    }

    @Test func `what was flushed before a topic became relaxed is damage when it is bad, not cut`()
        throws
    {
        let log = try TestLog()
        try log.append(["first"])
        try log.flush()
        try log.data.writeBack(all: false)
        // So much is flushed in the segment; a group says only how far.
        try log.append([String(repeating: "x", count: 20_000)])
        try log.flush()
        try log.data.alterTopic(TestLog.topic, id: TestLog.topicID, options: Self.relaxed)
        let byteCount = try log.simulated.content(Self.segment).count
        let disk = try log.simulated.afterKill().flipped(Self.segment, bit: (byteCount - 500) * 8)
        let report = try LogVerifier.verify(disk: disk, directory: TestLog.root)
        #expect(report.damageCount > 0, "\(report.findings)")
        let again = try TestLog(opening: disk)
        #expect(try again.recovery?.damage != nil)
        #expect(throws: LogStorageError.self) { try again.append(["more"]) }
        #expect(try disk.content(Self.segment).count == byteCount)
    }

    @Test func `a bad disk keeps no record of a topic made flushed from the next start`() throws {
        let first = try TestLog(partitions: 2)
        try first.append(["first"])
        try first.append(["other"], to: 1)
        try first.flush()
        try first.close()
        // A tail that nobody was told of, noted as such by an end in order that did not open it.
        let killed = try TestLog(opening: try first.simulated.afterKill())
        try killed.append(["untold"])
        let noting = try TestLog(opening: try killed.simulated.afterKill())
        try noting.append(["more"], to: 1)
        try noting.flush()
        try noting.close()

        let log = try TestLog(opening: try noting.simulated.afterKill())
        try log.data.alterTopic(TestLog.topic, id: TestLog.topicID, options: Self.relaxed)
        try log.append(["second"])
        try log.flush()
        let file = "t-0/00000000000000000000.log"
        try log.simulated.inject(DiskFault(.operation(.sync), onPathEnding: file, times: 100))
        try? log.data.alterTopic(TestLog.topic, id: TestLog.topicID, options: [:])
        let again = try TestLog(opening: try log.simulated.afterKill())
        #expect(try again.records().map(\.value) == ["first", "second"])
    }
}
