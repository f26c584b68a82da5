import Bytes
import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// A partition's folder that somebody has renamed to another partition's name: its records were
/// acknowledged, and nothing of them is cut.
@Suite struct RenamedFolderTests {
    private static let other = "/data/t-1"
    private static let key = PartitionKey(topicID: TestLog.topicID, partition: PartitionIndex(0))

    /// Two partitions: one record in each of `written`, ended in order or killed.
    private func prepared(_ written: [Int], isKilled: Bool) throws -> SimulatedDisk {
        let log = try TestLog(partitions: 2)
        // Of unequal lengths: the end of one lies inside the other.
        for partition in written {
            let count = partition == 0 ? 3 : 1
            for number in 0..<count { try log.append(["\(partition).\(number)"], to: partition) }
        }
        try log.flush()
        try log.data.writeBack(all: false)
        if isKilled { return try log.simulated.afterKill() }
        try log.close()
        return try log.simulated.copy()
    }

    private func sizes(_ disk: SimulatedDisk, _ folder: String) throws -> [String: Int] {
        var sizes: [String: Int] = [:]
        for name in try disk.list(folder) where name.hasSuffix(".log") {
            sizes[name] = try disk.content("\(folder)/\(name)").count
        }
        return sizes
    }

    @Test(arguments: [false, true], [[0], [0, 1]])
    func `a folder of another partition's name is left as it is, and told`(
        isKilled: Bool,
        written: [Int]
    ) throws {
        let disk = try prepared(written, isKilled: isKilled)
        if written == [0] {
            try disk.rename(TestLog.directory, to: Self.other)
        } else {
            try swap(disk)
        }
        let before = try sizes(disk, Self.other)
        let report = try LogVerifier.verify(disk: disk, directory: TestLog.root)
        let damage = report.findings.filter { $0.severity == .damage }
        #expect(damage.contains { $0.file.hasPrefix(Self.other) && $0.reason.contains("renamed") })
        #expect(!report.findings.contains { $0.reason.contains("the next start removes") })
        for _ in 0..<2 {
            disk.releaseLocks()
            let log = try TestLog(opening: disk)
            #expect(throws: LogStorageError.self) { try log.append(["more"], to: 1) }
            #expect(log.logs[1].offlineReason?.contains("was a folder renamed?") == true)
            #expect(throws: LogStorageError.self) { try log.append(["more"], to: 0) }
            try log.close()
            #expect(try sizes(disk, Self.other) == before)
        }
        // Moved back, all is as before.
        if written == [0] {
            try disk.rename(Self.other, to: TestLog.directory)
        } else {
            try swap(disk)
        }
        disk.releaseLocks()
        let log = try TestLog(opening: disk)
        #expect(try log.records().map(\.value) == ["0.0", "0.1", "0.2"])
        #expect(try log.records(of: 1).map(\.value) == (written == [0] ? [] : ["1.0"]))
        try log.append(["more"], to: 1)
        try log.flush()
        try log.close()
        #expect(try LogVerifier.verify(disk: disk, directory: TestLog.root).findings.isEmpty)
    }

    private func swap(_ disk: SimulatedDisk) throws {
        try disk.rename(TestLog.directory, to: "/data/aside")
        try disk.rename(Self.other, to: TestLog.directory)
        try disk.rename("/data/aside", to: Self.other)
    }

    @Test func `a first append that was killed before its flush is a torn tail`() throws {
        let log = try TestLog(partitions: 2)
        try log.append(["told"])
        try log.flush()
        try log.append(["untold"], to: 1)
        let killed = try log.killed()
        #expect(try killed.records(of: 1).isEmpty)
        try killed.append(["new"], to: 1)
        try killed.flush()
        #expect(try killed.killed().records(of: 1).map(\.value) == ["new"])
    }

    // MARK: The mark

    @Test func `a mark without a number, as Kafka and older programs wrote it, is a whole one`()
        throws
    {
        let disk = try prepared([0], isKilled: false)
        let path = "\(TestLog.directory)/\(FolderMark.fileName)"
        try disk.remove(path)
        try disk.append(Array("version: 0\ntopic_id: \(TestLog.topicID)\n".utf8), to: path)
        let log = try TestLog(opening: disk)
        #expect(try log.records().count == 3)
        try log.append(["more"])
        try log.flush()
        try log.close()
        #expect(try LogVerifier.verify(disk: disk, directory: TestLog.root).findings.isEmpty)
    }

    @Test func `half a mark is never another partition's`() throws {
        let mark = FolderMark(
            PartitionKey(topicID: TestLog.topicID, partition: PartitionIndex(1234))
        )
        let whole = mark.bytes
        #expect(FolderMark(whole) == mark)
        #expect(!mark.isTorn(whole))
        for length in 0..<whole.count {
            for padded in [false, true] {
                let zeros = [UInt8](repeating: 0, count: padded ? whole.count - length : 0)
                let torn = Array(whole[..<length]) + zeros
                #expect(mark.isTorn(torn))
                let read = FolderMark(torn)
                #expect(read == nil || read?.partition == nil, "\(length) bytes")
                #expect(read.map { $0.topicID == TestLog.topicID } ?? true)
            }
        }
        let other = FolderMark(
            PartitionKey(topicID: TestLog.topicID, partition: PartitionIndex(12))
        )
        #expect(!mark.isTorn(other.bytes))
        #expect(FolderMark(other.bytes)?.problem(for: Self.key)?.contains("partition 12") == true)
    }
}
