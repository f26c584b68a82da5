import FileOwner
import Foundation
import Glibc
import LogModel
import Testing

@testable import LogStorage

/// Whose the files are that root makes.
@Suite(.enabled(if: geteuid() == 0, "only root makes files for others")) struct RootFilesTests {
    private let folder = FileManager.default.temporaryDirectory
        .appending(path: "millrace-owner-\(UUID().uuidString)").path
    private static let nobody: uid_t = 65_534

    init() throws {
        try FileManager.default.createDirectory(
            atPath: "\(folder)/theirs",
            withIntermediateDirectories: true
        )
        try FileManager.default.createDirectory(
            atPath: "\(folder)/ours",
            withIntermediateDirectories: false
        )
        #expect(chown("\(folder)/theirs", Self.nobody, Self.nobody) == 0)
    }

    private func owner(of path: String) -> uid_t? {
        var status = stat()
        return lstat("\(folder)/\(path)", &status) == 0 ? status.st_uid : nil
    }

    @Test(arguments: [true, false])
    func `what root makes in somebody's folder is the folder's owner's`(isRooted: Bool) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let place = "\(folder)/theirs"
        let disk = isRooted ? try PosixDisk().rooted(at: place) : PosixDisk()
        try disk.createDirectory("\(place)/t-0")
        try disk.open("\(place)/t-0/0.log", .create).close()
        try disk.open("\(place)/checkpoint", .create).close()
        try disk.reserve("\(place)/reserve", 4_096)
        try disk.lock("\(place)/lock", owner: "a test").close()
        for name in ["t-0", "t-0/0.log", "checkpoint", "reserve", "lock"] {
            #expect(owner(of: "theirs/\(name)") == Self.nobody, "\(name)")
        }
        #expect(throws: DiskError.self) { try disk.open("\(place)/checkpoint", .create) }
        #expect(throws: DiskError.self) { try disk.open("\(place)/none/file", .create) }
        // What is there is taken as it is.
        try disk.createDirectory("\(place)/t-0")
        try disk.reserve("\(place)/reserve", 8_192)
        try disk.open("\(folder)/ours/file", .create).close()
        #expect(owner(of: "ours/file") == 0)
    }

    /// What other programs make for us there, such as a database or a bound socket.
    @Test func `what root has in somebody's folder is handed over, but for what may be another's`()
        throws
    {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for name in ["ours/secret", "theirs/file"] {
            #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: nil))
        }
        #expect(link("\(folder)/ours/secret", "\(folder)/theirs/hard") == 0)
        #expect(symlink("\(folder)/ours/secret", "\(folder)/theirs/soft") == 0)
        #expect(symlink("\(folder)/theirs", "\(folder)/ours/way") == 0)
        FileOwner.handOverFiles(in: "\(folder)/ours/way")
        #expect(owner(of: "theirs/file") == 0)
        FileOwner.handOverFiles(in: "\(folder)/theirs")
        #expect(owner(of: "theirs/file") == Self.nobody)
        #expect(owner(of: "ours/secret") == 0 && owner(of: "theirs/soft") == 0)
        let theirs = open("\(folder)/theirs", O_RDONLY | O_DIRECTORY)
        defer { close(theirs) }
        // A file is no socket.
        #expect(FileManager.default.createFile(atPath: "\(folder)/theirs/new", contents: nil))
        FileOwner.handOver(socket: "new", in: theirs)
        #expect(owner(of: "theirs/new") == 0)
    }

    /// The owner of a folder puts links into it, to places of root's.
    @Test func `a link gives away nothing of root's`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let disk = PosixDisk()
        #expect(symlink("\(folder)/ours", "\(folder)/theirs/t-0") == 0)
        try disk.open("\(folder)/theirs/t-0/0.log", .create).close()
        #expect(owner(of: "ours/0.log") == 0)
        try disk.createDirectory("\(folder)/theirs/t-0/sub")
        #expect(owner(of: "ours/sub") == 0)
        #expect(symlink("\(folder)/ours/secret", "\(folder)/theirs/checkpoint") == 0)
        #expect(throws: DiskError.self) { try disk.open("\(folder)/theirs/checkpoint", .create) }
        #expect(owner(of: "ours/secret") == nil)
        // One that leads to nothing makes nothing there.
        #expect(throws: DiskError.self) { try disk.reserve("\(folder)/theirs/checkpoint", 1) }
        #expect(owner(of: "ours/secret") == nil)
        try disk.open("\(folder)/ours/secret", .create).close()
        try disk.reserve("\(folder)/theirs/checkpoint", 4_096)
        #expect(owner(of: "ours/secret") == 0)
    }
}
