package import Glibc

/// What root makes in another user's folder is that user's: a look by root after a crash makes
/// files without which the folder's owner could not go on.
///
/// The owner is asked of the very folder that a file is made in, and given to the file by its
/// descriptor. Whoever puts a link in the place of either wins nothing by it.
package enum FileOwner {
    package static let isRoot = geteuid() == 0

    /// `O_PATH` and `AT_EMPTY_PATH` of Linux, which Swift does not see: a name is opened whatever
    /// it is, and its owner changed without a way by the name.
    private static let pathOnly: Int32 = 0o10_000_000
    private static let emptyPath: Int32 = 0x1000

    // MARK: Making

    /// Makes a file that is not there, below an opened folder, and opens it.
    package static func make(
        _ name: String,
        in folder: Int32,
        _ flags: Int32,
        mode: mode_t
    ) -> Int32 {
        let made = openat(folder, name, flags | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard made >= 0, isRoot else { return made }
        handOver(made, to: folder)
        return made
    }

    /// Makes a file that is not there, and opens it; the descriptor, or -1 with `errno`.
    package static func make(_ path: String, _ flags: Int32, mode: mode_t) -> Int32 {
        guard isRoot else { return open(path, flags | O_CREAT | O_EXCL | O_CLOEXEC, mode) }
        let (parent, name) = parts(of: path)
        let folder = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return -1 }
        defer { closeKeepingError(folder) }
        return make(name, in: folder, flags, mode: mode)
    }

    /// Makes a folder that is not there, below an opened one; 0, or -1 with `errno`.
    package static func makeFolder(_ name: String, in folder: Int32, mode: mode_t) -> Int32 {
        guard mkdirat(folder, name, mode) == 0 else { return -1 }
        guard isRoot else { return 0 }
        let made = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard made >= 0 else { return 0 }
        defer { close(made) }
        // Another folder of root's may have been put in its place: not with what it holds.
        if isEmpty(made) { handOver(made, to: folder) }
        return 0
    }

    /// Makes a folder that is not there; 0, or -1 with `errno`.
    package static func makeFolder(_ path: String, mode: mode_t) -> Int32 {
        guard isRoot else { return mkdir(path, mode) }
        let (parent, name) = parts(of: path)
        let folder = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return -1 }
        defer { closeKeepingError(folder) }
        return makeFolder(name, in: folder, mode: mode)
    }

    // MARK: Handing over

    /// Gives what was made to the owner of the folder. On a file system that knows no owners
    /// nothing changes.
    package static func handOver(_ descriptor: Int32, to folder: Int32) {
        guard isRoot, let (user, group) = owner(of: folder) else { return }
        _ = fchown(descriptor, user, group)
    }

    /// The same for a socket that was bound to a name in the folder.
    package static func handOver(socket name: String, in folder: Int32) {
        guard isRoot, let owner = owner(of: folder) else { return }
        handOver(name, in: folder, to: owner, kind: S_IFSOCK)
    }

    /// The same for all files that root has in a folder, which another's program made there: those
    /// of one name alone, for one that has another somewhere may be anybody's.
    package static func handOverFiles(in path: String) {
        guard isRoot else { return }
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard folder >= 0 else { return }
        defer { close(folder) }
        guard let owner = owner(of: folder) else { return }
        forEachName(in: folder) { handOver($0, in: folder, to: owner, kind: S_IFREG) }
    }

    private static func handOver(
        _ name: String,
        in folder: Int32,
        to owner: (user: uid_t, group: gid_t),
        kind: mode_t
    ) {
        let found = openat(folder, name, pathOnly | O_NOFOLLOW | O_CLOEXEC)
        guard found >= 0 else { return }
        defer { close(found) }
        var status = stat()
        guard fstat(found, &status) == 0, status.st_mode & S_IFMT == kind, status.st_uid == 0,
            status.st_nlink == 1
        else { return }
        _ = fchownat(found, "", owner.user, owner.group, emptyPath)
    }

    /// Nil for root.
    private static func owner(of folder: Int32) -> (user: uid_t, group: gid_t)? {
        var status = stat()
        guard fstat(folder, &status) == 0, status.st_uid != 0 else { return nil }
        return (status.st_uid, status.st_gid)
    }

    // MARK: Names

    private static func isEmpty(_ folder: Int32) -> Bool {
        var isEmpty = true
        let isRead = forEachName(in: folder) { _ in isEmpty = false }
        return isRead && isEmpty
    }

    /// Whether the folder could be read.
    @discardableResult
    private static func forEachName(in folder: Int32, _ body: (String) -> Void) -> Bool {
        let copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { return false }
        guard let directory = fdopendir(copy) else {
            close(copy)
            return false
        }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { body(name) }
        }
        return true
    }

    /// The folder that a path lies in, and its name there.
    package static func parts(of path: String) -> (folder: String, name: String) {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false)
        while parts.count > 1, parts.last?.isEmpty == true { parts.removeLast() }
        let name = parts.removeLast()
        let above = parts.joined(separator: "/")
        return (parts.isEmpty ? "." : above.isEmpty ? "/" : above, String(name))
    }

    private static func closeKeepingError(_ descriptor: Int32) {
        let number = errno
        close(descriptor)
        errno = number
    }
}
