import Glibc

/// What root makes in another user's folder is that user's: a look by root after a crash makes
/// files without which the folder's owner could not go on.
///
/// The owner is asked of the very folder that a file is made in, and given to the file by its
/// descriptor. Whoever puts a link in the place of either wins nothing by it.
extension PosixDisk {
    private static let isRoot = geteuid() == 0

    /// Makes a file that is not there, and opens it.
    func make(_ path: String, _ flags: Int32, for operation: String) throws(DiskError) -> Int32 {
        let flags = flags | O_CREAT | O_EXCL | O_CLOEXEC
        guard Self.isRoot else {
            return try check(operation, path) { openat($0, $1, flags, 0o600) }
        }
        let (parent, name) = try openFolder(of: path, for: operation)
        defer { Glibc.close(parent) }
        let descriptor = try check(operation, path) { _, _ in openat(parent, name, flags, 0o600) }
        Self.handOver(descriptor, to: parent)
        return descriptor
    }

    /// Opens a file, and makes it where it is not there; not through a link that leads to nothing.
    func openOrMake(
        _ path: String,
        _ flags: Int32,
        for operation: String
    ) throws(DiskError) -> Int32 {
        var attemptsLeft = 3
        while true {
            attemptsLeft -= 1
            do throws(DiskError) {
                return try check(operation, path) { openat($0, $1, flags | O_CLOEXEC) }
            } catch .notFound {}
            // Somebody else may make it meanwhile, or remove it again.
            do throws(DiskError) { return try make(path, flags, for: operation) } catch {
                guard case .exists = error, attemptsLeft > 0 else { throw error }
            }
        }
    }

    /// Makes a folder that is not there.
    func makeFolder(_ path: String) throws(DiskError) {
        guard Self.isRoot else {
            _ = try check("mkdir", path) { mkdirat($0, $1, 0o700) }
            return
        }
        let (parent, name) = try openFolder(of: path, for: "mkdir")
        defer { Glibc.close(parent) }
        _ = try check("mkdir", path) { _, _ in mkdirat(parent, name, 0o700) }
        let made = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard made >= 0 else { return }
        defer { Glibc.close(made) }
        // Another folder of root's may have been put in its place: not with what it holds.
        if Self.isEmpty(made) { Self.handOver(made, to: parent) }
    }

    /// The folder that a path lies in, opened, and its name there.
    private func openFolder(
        of path: String,
        for operation: String
    ) throws(DiskError) -> (descriptor: Int32, name: String) {
        let (start, relative) = place(of: path)
        var parts = relative.split(separator: "/", omittingEmptySubsequences: false)
        while parts.count > 1, parts.last?.isEmpty == true { parts.removeLast() }
        let name = parts.removeLast()
        let above = parts.joined(separator: "/")
        let folder = parts.isEmpty ? "." : above.isEmpty ? "/" : above
        let descriptor = try check(operation, path) { _, _ in
            openat(start, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        return (descriptor, String(name))
    }

    /// On a file system that knows no owners nothing changes.
    private static func handOver(_ descriptor: Int32, to folder: Int32) {
        var status = stat()
        guard fstat(folder, &status) == 0, status.st_uid != 0 else { return }
        _ = fchown(descriptor, status.st_uid, status.st_gid)
    }

    private static func isEmpty(_ folder: Int32) -> Bool {
        let copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { return false }
        guard let directory = fdopendir(copy) else {
            Glibc.close(copy)
            return false
        }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count <= 2
    }
}
