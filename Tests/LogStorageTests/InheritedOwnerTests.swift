import Foundation
import LogModel
import LogStorage
import Testing

/// What root does in the directory of a service's user must not shut that user out.
@Suite(.enabled(if: geteuid() == 0, "only root makes files in everybody's folders"))
struct InheritedOwnerTests {
    private func owner(_ path: String) -> uid_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_uid : nil
    }

    @Test(arguments: [0, 65_534])
    func `files and folders are those of the owner of the data directory`(user: uid_t) throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "millrace-owner-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(chown(folder, user, user) == 0)
        let disk = try PosixDisk().rooted(at: folder)
        try disk.open("\(folder)/file", .create).close()
        try disk.createDirectory("\(folder)/t-0")
        try disk.open("\(folder)/t-0/inner", .create).close()
        try disk.reserve("\(folder)/reserve", 4096)
        let lock = try disk.lock("\(folder)/lock", owner: "test")
        for name in ["file", "t-0", "t-0/inner", "reserve", "lock"] {
            #expect(owner("\(folder)/\(name)") == user, "\(name)")
        }
        withExtendedLifetime(lock) {}
    }

    @Test func `a file is given the time that it is told`() throws {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "millrace-time-\(UUID().uuidString)").path
        let disk = PosixDisk()
        try disk.open(path, .create).close()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try disk.setModificationTime(of: path, to: Timestamp(1_700_000_000_123))
        #expect(try disk.modificationTime(of: path) == Timestamp(1_700_000_000_123))
    }
}
