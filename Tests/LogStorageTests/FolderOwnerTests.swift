import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// Whose a folder is that has no mark.
@Suite struct FolderOwnerTests {
    private func owner(of names: [String]) throws -> Bool {
        let disk = SimulatedDisk()
        try disk.createDirectory("/t-0")
        let key = PartitionKey(topicID: TestLog.topicID, partition: PartitionIndex(0))
        let files = PartitionFiles(disk: disk, directory: "/t-0")
        return try LogRecovery.checkOwner(files, key, names)
    }

    @Test func `what a cleaning leaves that was cut short is the log's own`() throws {
        let base = "00000000000000000042"
        let names = ["log", "index", "timeindex", "txnindex", "snapshot"].flatMap { kind in
            ["", ".cleaned", ".swap", ".deleted"].map { "\(base).\(kind)\($0)" }
        }
        #expect(try !owner(of: names + [CompactedSegments.fileName]))
    }

    @Test(arguments: ["notes.txt", "notes.deleted", "42.log.swap", ".deleted"])
    func `what no log writes is not`(name: String) {
        #expect(throws: LogStorageError.self) { try owner(of: [name]) }
    }
}
