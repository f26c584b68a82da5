import Glibc
import LogModel

/// The lock of a directory.
extension PosixDisk {
    package func lock(_ path: String, owner: String) throws(DiskError) -> any DiskLock {
        // The file can be removed under its owner, and a new one be locked by somebody else; the
        // folder that it lies in cannot. So both are locked, the folder first.
        let folder = try lockedFolder(of: path)
        while true {
            let file = PosixFile(
                descriptor: try openOrMake(path, O_RDWR, for: "open"),
                path: path
            )
            switch Self.takeLock(of: file.descriptor) {
            case .held: break
            case .taken: throw .locked(path: path, owner: Self.owner(in: file))
            case .impossible: throw Self.error("flock", path)
            }
            // Removed between the two calls: the lock is one of a file that nobody sees.
            guard try isAt(path, file.descriptor) else { continue }
            try Self.write(owner, to: file)
            return PosixLock(files: [folder, file].compactMap(\.self))
        }
    }

    package func lockForReading(_ path: String) throws(DiskError) -> (any DiskLock)? {
        let folder = try lockedFolder(of: path)
        let (parent, name) = place(of: path)
        let descriptor = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return folder.map { PosixLock(files: [$0]) } }
        let file = PosixFile(descriptor: descriptor, path: path)
        switch Self.takeLock(of: descriptor) {
        case .taken: throw .locked(path: path, owner: Self.owner(in: file))
        case .held: return PosixLock(files: [folder, file].compactMap(\.self))
        case .impossible: return folder.map { PosixLock(files: [$0]) }
        }
    }

    /// The folder of a file, locked; nil where folders cannot be locked, as on some network file
    /// systems.
    private func lockedFolder(of path: String) throws(DiskError) -> PosixFile? {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let (parent, name) = place(of: folder.isEmpty ? "/" : folder)
        let descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let file = PosixFile(descriptor: descriptor, path: folder)
        switch Self.takeLock(of: descriptor) {
        case .held: return file
        case .impossible: return nil
        case .taken:
            let (folder, name) = place(of: path)
            let held = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            guard held >= 0 else { throw .locked(path: path, owner: Self.unknownOwner) }
            throw .locked(
                path: path,
                owner: Self.owner(in: PosixFile(descriptor: held, path: path))
            )
        }
    }

    private enum LockOutcome {
        case held
        /// Another process has it.
        case taken
        /// The file system has no such locks, or none on a file that is open for reading.
        case impossible
    }

    private static func takeLock(of descriptor: Int32) -> LockOutcome {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            switch errno {
            case EINTR: continue
            case EWOULDBLOCK: return .taken
            default: return .impossible
            }
        }
        return .held
    }

    /// Whether a path still names the file that was opened by it.
    private func isAt(_ path: String, _ descriptor: Int32) throws(DiskError) -> Bool {
        var (opened, there) = (stat(), stat())
        _ = try check("fstat", path) { _, _ in fstat(descriptor, &opened) }
        let (folder, name) = place(of: path)
        guard fstatat(folder, name, &there, 0) == 0 else {
            let failure = failure("stat", path)
            if case .notFound = failure { return false }
            throw failure
        }
        return opened.st_dev == there.st_dev && opened.st_ino == there.st_ino
    }

    /// Leaves the owner's name for whom the lock keeps out. A name that does not fit on a full
    /// disk keeps nobody from deleting something there.
    private static func write(_ owner: String, to file: PosixFile) throws(DiskError) {
        var failure: DiskError?
        Array(owner.utf8).withUnsafeBytes { bytes in
            do throws(DiskError) {
                try file.write(bytes, at: 0)
                try file.truncate(to: Int64(bytes.count))
            } catch { failure = error }
        }
        guard let failure else { return }
        if case .full = failure { return }
        throw failure
    }

    private static var unknownOwner: String { "an unknown process" }

    private static func owner(in file: PosixFile) -> String {
        let text = content(of: file)
        return text.isEmpty ? unknownOwner : text
    }

    private static func content(of file: PosixFile) -> String {
        withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) { buffer in
            do throws(DiskError) {
                let count = try file.read(into: buffer, at: 0)
                return String(decoding: buffer[..<count], as: UTF8.self)
            } catch { return unknownOwner }
        }
    }
}

/// Held `flock`s, released by closing the files, or by the end of the process.
final class PosixLock: DiskLock {
    private let files: [PosixFile]

    init(files: [PosixFile]) { self.files = files }

    func close() { for file in files { file.close() } }
}
