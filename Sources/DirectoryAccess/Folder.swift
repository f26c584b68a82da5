import FileOwner
import Glibc
package import Terminal

/// Folders of the file system.
package enum Folder {
    /// Makes the folder and those above it, durably; one that is there is fine.
    package static func create(_ path: String) throws(CommandFailure) {
        var prefix = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            let parent = prefix.isEmpty ? "." : prefix
            prefix += prefix.isEmpty || prefix.hasSuffix("/") ? part : "/\(part)"
            if FileOwner.makeFolder(prefix, mode: 0o755) == 0 {
                try flush(parent)
            } else if errno != EEXIST {
                throw failure("create", prefix)
            }
        }
    }

    /// Makes the names in the folder durable.
    package static func flush(_ path: String) throws(CommandFailure) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("flush", path) }
    }

    /// The names in the folder; none where it cannot be read.
    package static func names(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Whether there is a folder of this name.
    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Removes the folder with everything in it; none is fine.
    package static func remove(_ path: String) throws(CommandFailure) {
        guard let folder = opendir(path) else {
            if errno == ENOENT { return }
            throw failure("open", path)
        }
        closedir(folder)
        for name in names(in: path) {
            let child = "\(path)/\(name)"
            if unlink(child) != 0 { try remove(child) }
        }
        guard rmdir(path) == 0 else { throw failure("remove", path) }
    }

    /// What the operating system says of its last refusal.
    package static func failure(_ verb: String, _ path: String) -> CommandFailure {
        CommandFailure(
            "cannot \(verb) a file",
            place: path,
            reason: String(cString: strerror(errno))
        )
    }

    /// How many files the file system of a folder can have beside those it has; nil where it has no
    /// such limit, or tells none.
    package static func freeFileCount(at path: String) -> Int? {
        var status = statvfs()
        guard statvfs(path, &status) == 0, status.f_files > 0 else { return nil }
        return Int(clamping: status.f_favail)
    }
}
