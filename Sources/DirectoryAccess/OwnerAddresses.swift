import FileOwner
import Glibc

/// Where the process that owns a data directory is found by others, while it serves them.
///
///     DIR/.millrace/socket      the Unix socket
///     DIR/.millrace/addresses   who wrote it, and its TCP address if it has one:
///                               process 4711
///                               tcp 127.0.0.1:9092
///
/// Who owns the directory is told by the lock alone: what a dead process has left says nothing, as
/// its name is not the one in the lock file.
package enum OwnerAddresses {
    package static let socketName = "socket"
    private static let fileName = "addresses"

    /// The folder of both.
    package static func folder(in directory: String) -> String { "\(directory)/.millrace" }

    /// Writes down where this process is found; a file that cannot be written is done without, for
    /// the socket is found without it.
    package static func write(_ address: String?, in directory: String) {
        let path = "\(folder(in: directory))/\(fileName)"
        var text = "process \(getpid())\n"
        if let address { text += "tcp \(address)\n" }
        // What is left of another process, or was put there to lead elsewhere.
        unlink("\(path).tmp")
        let descriptor = FileOwner.make("\(path).tmp", O_WRONLY | O_NOFOLLOW, mode: 0o600)
        guard descriptor >= 0 else { return }
        let written = Glibc.write(descriptor, text, text.utf8.count)
        close(descriptor)
        if written == text.utf8.count { rename("\(path).tmp", path) } else { unlink("\(path).tmp") }
    }

    package static func remove(in directory: String) {
        unlink("\(folder(in: directory))/\(fileName)")
    }

    /// The TCP address of `owner`, as the lock file names it; nil where it has none, or another
    /// process has written the file.
    package static func network(of owner: String, in directory: String) -> String? {
        let path = "\(folder(in: directory))/\(fileName)"
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = read(descriptor, &bytes, bytes.count)
        let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        let lines = text.split(separator: "\n")
        guard let writer = lines.first, owner == writer || owner.hasPrefix("\(writer) ") else {
            return nil
        }
        return lines.dropFirst().first { $0.hasPrefix("tcp ") }.map { String($0.dropFirst(4)) }
    }
}
