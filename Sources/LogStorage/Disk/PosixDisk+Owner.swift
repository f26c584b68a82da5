import FileOwner
import Glibc

/// What root makes in another user's folder is that user's (`FileOwner`).
extension PosixDisk {
    /// Makes a file that is not there, and opens it.
    func make(_ path: String, _ flags: Int32, for operation: String) throws(DiskError) -> Int32 {
        let flags = flags | O_CREAT | O_EXCL | O_CLOEXEC
        guard FileOwner.isRoot else {
            return try check(operation, path) { openat($0, $1, flags, 0o600) }
        }
        let (parent, name) = try openFolder(of: path, for: operation)
        defer { Glibc.close(parent) }
        return try check(operation, path) { _, _ in
            FileOwner.make(name, in: parent, flags, mode: 0o600)
        }
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
        guard FileOwner.isRoot else {
            _ = try check("mkdir", path) { mkdirat($0, $1, 0o700) }
            return
        }
        let (parent, name) = try openFolder(of: path, for: "mkdir")
        defer { Glibc.close(parent) }
        _ = try check("mkdir", path) { _, _ in
            FileOwner.makeFolder(name, in: parent, mode: 0o700)
        }
    }

    /// The folder that a path lies in, opened, and its name there.
    private func openFolder(
        of path: String,
        for operation: String
    ) throws(DiskError) -> (descriptor: Int32, name: String) {
        let (start, relative) = place(of: path)
        let (folder, name) = FileOwner.parts(of: relative)
        let descriptor = try check(operation, path) { _, _ in
            openat(start, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        return (descriptor, name)
    }
}
