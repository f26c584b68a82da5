import Glibc
package import LogModel
import Synchronization
import Threads

/// The machine's file system, by paths or, `rooted`, by the descriptor of a folder.
package struct PosixDisk: Disk {
    /// Paths at and below it go by its descriptor.
    private let root: PosixFolder?

    package init() { root = nil }

    private init(root: PosixFolder) { self.root = root }

    package func rooted(at path: String) throws(DiskError) -> any Disk {
        let descriptor = try check("open", path) { folder, name in
            openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        return PosixDisk(root: PosixFolder(descriptor: descriptor, path: path))
    }

    package func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        // What is no file, such as a named pipe, would have its opening wait for another process. A
        // folder says by itself that it cannot be read.
        let descriptor: Int32
        switch mode {
        case .create: descriptor = try make(path, O_RDWR | O_NONBLOCK, for: "open")
        case .read, .readWrite:
            let flags = (mode == .read ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK
            descriptor = try check("open", path) { openat($0, $1, flags) }
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0,
            [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
        else {
            Glibc.close(descriptor)
            throw .failed(
                operation: "open",
                path: path,
                errorNumber: EINVAL,
                message: "it is no regular file"
            )
        }
        return PosixFile(descriptor: descriptor, path: path, root: root)
    }

    package func createDirectory(_ path: String) throws(DiskError) {
        do throws(DiskError) {
            try makeFolder(path)
        } catch .exists {
            guard try kind(of: path) == .directory else { throw .exists(path: path) }
        }
    }

    package func list(_ path: String) throws(DiskError) -> [String] {
        let descriptor = try check("opendir", path) { folder, name in
            openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        guard let directory = fdopendir(descriptor) else {
            let failure = failure("opendir", path)
            Glibc.close(descriptor)
            throw failure
        }
        defer { closedir(directory) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                // Of a folder that was removed meanwhile, too.
                if errno != 0 { throw failure("readdir", path) }
                break
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package func kind(of path: String) throws(DiskError) -> DiskEntryKind? {
        guard let status = try status(of: path) else { return nil }
        return status.st_mode & S_IFMT == S_IFDIR ? .directory : .file
    }

    package func folders(above path: String) -> [String] {
        // Links are followed as far as the path exists; the rest is made as it is spelled.
        var known = path.hasPrefix("/") ? path : "./\(path)"
        var exists = true
        while !known.isEmpty {
            guard let resolved = realpath(known, nil) else {
                exists = false
                known = known.lastIndex(of: "/").map { String(known[..<$0]) } ?? ""
                continue
            }
            defer { free(resolved) }
            let parts = String(cString: resolved).split(separator: "/")
            let nearest = exists ? parts.count - 1 : parts.count
            return (0..<max(0, nearest)).reversed().map { index in
                "/" + parts[...index].joined(separator: "/")
            }
        }
        return []
    }

    package func byteCount(of path: String) throws(DiskError) -> Int64? {
        guard let status = try status(of: path), status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        return Int64(status.st_size)
    }

    /// What the system says of what a path leads to; nil for nothing.
    private func status(of path: String) throws(DiskError) -> stat? {
        var status = stat()
        do throws(DiskError) {
            _ = try check("stat", path) { fstatat($0, $1, &status, 0) }
        } catch .notFound {
            return nil
        }
        return status
    }

    package func reserve(_ path: String, _ byteCount: Int64) throws(DiskError) {
        let descriptor = try openOrMake(path, O_RDWR, for: "open")
        defer { Glibc.close(descriptor) }
        // It returns what others leave in `errno`.
        errno = posix_fallocate(descriptor, 0, Int(byteCount))
        if errno != 0 { throw failure("fallocate", path) }
    }

    package func rename(_ path: String, to newPath: String) throws(DiskError) {
        let (newFolder, newName) = place(of: newPath)
        _ = try check("rename", path) { renameat($0, $1, newFolder, newName) }
    }

    package func remove(_ path: String) throws(DiskError) {
        _ = try check("unlink", path) { unlinkat($0, $1, 0) }
    }

    package func removeDirectory(_ path: String) throws(DiskError) {
        do throws(DiskError) {
            _ = try check("rmdir", path) { unlinkat($0, $1, AT_REMOVEDIR) }
        } catch {
            guard case .failed(_, _, ENOTDIR, _) = error, isLink(path) else { throw error }
            try remove(path)
        }
    }

    private func isLink(_ path: String) -> Bool {
        var status = stat()
        let (folder, name) = place(of: path)
        return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0
            && status.st_mode & S_IFMT == S_IFLNK
    }

    package func syncDirectory(_ path: String) throws(DiskError) {
        let descriptor = try check("open", path) { folder, name in
            openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        defer { Glibc.close(descriptor) }
        _ = try check("fsync", path) { _, _ in fsync(descriptor) }
    }

    package func modificationTime(of path: String) throws(DiskError) -> Timestamp? {
        var status = stat()
        _ = try check("stat", path) { fstatat($0, $1, &status, 0) }
        return Self.timestamp(of: status.st_mtim)
    }

    package func setModificationTime(of path: String, to time: Timestamp) throws(DiskError) {
        let (seconds, rest) = time.rawValue.quotientAndRemainder(dividingBy: 1000)
        let part = timespec(tv_sec: Int(seconds), tv_nsec: Int(max(0, rest)) * 1_000_000)
        _ = try check("utimensat", path) { utimensat($0, $1, [part, part], 0) }
    }

    package func freeByteCount(at path: String) throws(DiskError) -> Int64 {
        let status = try fileSystem(of: path)
        // Some file systems say nothing at all: a write that finds no room will.
        guard status.f_blocks > 0 else { return .max }
        return Self.byteCount(UInt64(status.f_bavail), of: UInt64(status.f_frsize))
    }

    package func totalByteCount(at path: String) throws(DiskError) -> Int64 {
        let status = try fileSystem(of: path)
        guard status.f_blocks > 0 else { return .max }
        return Self.byteCount(UInt64(status.f_blocks), of: UInt64(status.f_frsize))
    }

    private func fileSystem(of path: String) throws(DiskError) -> statvfs {
        var status = statvfs()
        let descriptor = try check("open", path) { folder, name in
            openat(folder, name, O_RDONLY | O_CLOEXEC)
        }
        defer { Glibc.close(descriptor) }
        _ = try check("statvfs", path) { _, _ in fstatvfs(descriptor, &status) }
        return status
    }

    /// In milliseconds, the most or the least that there is for one that does not fit: a file may
    /// bear any time.
    static func timestamp(of time: timespec) -> Timestamp {
        let (milliseconds, overflows) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1000)
        guard !overflows else { return Timestamp(time.tv_sec < 0 ? .min : .max) }
        let (sum, isTooMuch) = milliseconds.addingReportingOverflow(
            Int64(time.tv_nsec) / 1_000_000
        )
        return Timestamp(isTooMuch ? .max : sum)
    }

    /// The bytes of so many blocks; a file system without an end may tell more than there can be.
    static func byteCount(_ blockCount: UInt64, of blockByteCount: UInt64) -> Int64 {
        let (count, overflows) = blockCount.multipliedReportingOverflow(by: blockByteCount)
        return overflows ? .max : Int64(clamping: count)
    }

    package func randomNumber() -> UInt64 {
        var random = SystemRandomNumberGenerator()
        return random.next()
    }

    /// A path as the calls take it: a folder's descriptor, and the name from there.
    func place(of path: String) -> (folder: Int32, name: String) {
        root?.place(of: path) ?? (AT_FDCWD, path)
    }

    /// Makes a call with the place of `path` until it is not interrupted; a negative result is an
    /// error.
    func check(
        _ operation: String,
        _ path: String,
        _ call: (_ folder: Int32, _ name: String) -> Int32
    ) throws(DiskError) -> Int32 {
        let (folder, name) = place(of: path)
        while true {
            let result = call(folder, name)
            if result >= 0 { return result }
            if errno != EINTR { throw failure(operation, path) }
        }
    }

    /// The error that the last call left. Where the folder itself is gone nothing else is told: it
    /// must not pass for one in which something is missing.
    func failure(_ operation: String, _ path: String) -> DiskError {
        let error = Self.error(operation, path)
        guard case .notFound = error, let root, root.isRemoved else { return error }
        return .removed(path: root.path)
    }

    /// The error that the last call left, whatever became of the folder.
    static func error(_ operation: String, _ path: String) -> DiskError {
        let number = errno
        switch number {
        case ENOENT: return .notFound(path: path)
        case EEXIST: return .exists(path: path)
        case ENOSPC, EDQUOT: return .full(path: path)
        case EFBIG: return .full(path: path, isLargest: true)
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
