import Glibc
package import LogModel
import Synchronization
import Threads

/// The machine's file system.
package struct PosixDisk: Disk {
    package init() {}

    package func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        let flags: Int32 =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT | O_EXCL
            }
        let descriptor = try check("open", path) { Glibc.open(path, flags | O_CLOEXEC, 0o600) }
        return PosixFile(descriptor: descriptor, path: path)
    }

    package func createDirectory(_ path: String) throws(DiskError) {
        do throws(DiskError) {
            _ = try check("mkdir", path) { mkdir(path, 0o700) }
        } catch .exists {
            guard try kind(of: path) == .directory else { throw .exists(path: path) }
        }
    }

    package func list(_ path: String) throws(DiskError) -> [String] {
        guard let directory = opendir(path) else { throw Self.error("opendir", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package func kind(of path: String) throws(DiskError) -> DiskEntryKind? {
        var status = stat()
        do throws(DiskError) {
            _ = try check("stat", path) { stat(path, &status) }
        } catch .notFound {
            return nil
        }
        return status.st_mode & S_IFMT == S_IFDIR ? .directory : .file
    }

    package func byteCount(of path: String) throws(DiskError) -> Int64? {
        var status = stat()
        do throws(DiskError) {
            _ = try check("stat", path) { stat(path, &status) }
        } catch .notFound {
            return nil
        }
        return status.st_mode & S_IFMT == S_IFREG ? Int64(status.st_size) : nil
    }

    package func rename(_ path: String, to newPath: String) throws(DiskError) {
        _ = try check("rename", path) { Glibc.rename(path, newPath) }
    }

    package func remove(_ path: String) throws(DiskError) {
        _ = try check("unlink", path) { unlink(path) }
    }

    package func removeDirectory(_ path: String) throws(DiskError) {
        _ = try check("rmdir", path) { rmdir(path) }
    }

    package func syncDirectory(_ path: String) throws(DiskError) {
        let descriptor = try check("open", path) {
            Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        defer { Glibc.close(descriptor) }
        _ = try check("fsync", path) { fsync(descriptor) }
    }

    package func modificationTime(of path: String) throws(DiskError) -> Timestamp? {
        var status = stat()
        _ = try check("stat", path) { stat(path, &status) }
        let time = status.st_mtim
        return Timestamp(Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func freeByteCount(at path: String) throws(DiskError) -> Int64 {
        var status = statvfs()
        _ = try check("statvfs", path) { statvfs(path, &status) }
        return Int64(status.f_bavail) * Int64(status.f_frsize)
    }

    package func lock(_ path: String, owner: String) throws(DiskError) -> any DiskLock {
        // The file can be removed under its owner, and a new one be locked by somebody else; the
        // folder that it lies in cannot. So both are locked, the folder first.
        let folder = try Self.lockedFolder(of: path)
        while true {
            let file = PosixFile(
                descriptor: try check("open", path) {
                    Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
                },
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

    package func randomNumber() -> UInt64 {
        var random = SystemRandomNumberGenerator()
        return random.next()
    }

    package func lockForReading(_ path: String) throws(DiskError) -> (any DiskLock)? {
        let folder = try Self.lockedFolder(of: path)
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
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
    private static func lockedFolder(of path: String) throws(DiskError) -> PosixFile? {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let name = folder.isEmpty ? "/" : folder
        let descriptor = Glibc.open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let file = PosixFile(descriptor: descriptor, path: name)
        switch takeLock(of: descriptor) {
        case .held: return file
        case .impossible: return nil
        case .taken:
            let held = Glibc.open(path, O_RDONLY | O_CLOEXEC)
            guard held >= 0 else { throw .locked(path: path, owner: unknownOwner) }
            throw .locked(
                path: path,
                owner: owner(in: PosixFile(descriptor: held, path: path))
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
        _ = try check("fstat", path) { fstat(descriptor, &opened) }
        guard stat(path, &there) == 0 else {
            if errno == ENOENT { return false }
            throw Self.error("stat", path)
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

    private static let unknownOwner = "an unknown process"

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

    /// Makes a call until it is not interrupted; a negative result is an error.
    private func check(
        _ operation: String,
        _ path: String,
        _ call: () -> Int32
    ) throws(DiskError) -> Int32 {
        while true {
            let result = call()
            if result >= 0 { return result }
            if errno != EINTR { throw Self.error(operation, path) }
        }
    }

    /// The error that the last call left.
    static func error(_ operation: String, _ path: String) -> DiskError {
        let number = errno
        switch number {
        case ENOENT: return .notFound(path: path)
        case EEXIST: return .exists(path: path)
        // EFBIG: the process may write no larger files.
        case ENOSPC, EDQUOT, EFBIG: return .full(path: path)
        default:
            return .failed(
                operation: operation,
                path: path,
                errorNumber: number,
                message: String(cString: strerror(number))
            )
        }
    }
}

/// A file by its descriptor, closed at the latest when nobody holds it any more.
final class PosixFile: DiskFile {
    fileprivate let descriptor: Int32
    private let path: String
    private let isClosed = Atomic(false)

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { if !isClosed.load(ordering: .relaxed) { Glibc.close(descriptor) } }

    func read(
        into bytes: UnsafeMutableRawBufferPointer,
        at position: Int64
    ) throws(DiskError) -> Int {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let count = pread(descriptor, base + done, bytes.count - done, Int(position) + done)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw PosixDisk.error("pread", path)
            }
            done += count
        }
        return done
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(DiskError) {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let count = pwrite(descriptor, base + done, bytes.count - done, Int(position) + done)
            if count < 0 {
                if errno == EINTR { continue }
                throw PosixDisk.error("pwrite", path)
            }
            done += count
        }
    }

    func truncate(to byteCount: Int64) throws(DiskError) {
        while ftruncate(descriptor, Int(byteCount)) != 0 {
            if errno != EINTR { throw PosixDisk.error("ftruncate", path) }
        }
    }

    func byteCount() throws(DiskError) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw PosixDisk.error("fstat", path) }
        return Int64(status.st_size)
    }

    func sync() throws(DiskError) {
        // Not even an interrupted flush is tried again: pages may already count as clean.
        guard fdatasync(descriptor) == 0 else { throw PosixDisk.error("fdatasync", path) }
    }

    func close() {
        if !isClosed.exchange(true, ordering: .relaxed) { Glibc.close(descriptor) }
    }
}

/// Held `flock`s, released by closing the files, or by the end of the process.
final class PosixLock: DiskLock {
    private let files: [PosixFile]

    init(files: [PosixFile]) { self.files = files }

    func close() { for file in files { file.close() } }
}
