import FileOwner
import Glibc

/// A Unix socket that only this user's processes can connect to; in a folder of another user's, one
/// that root has made is that user's.
///
/// Where its path is longer than an address of a socket can be, it is reached by way of its folder,
/// which is opened. One that a dead process has left is replaced, so the caller must own the
/// folder.
package struct LocalSocket: Sendable {
    package let folder: String
    package let name: String

    package init(folder: String, name: String) {
        self.folder = folder
        self.name = name
    }

    package var path: String { "\(folder)/\(name)" }

    /// A bound socket, not listening yet; the caller closes it.
    func bind() throws(ServerError) -> Int32 {
        let parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { throw failure() }
        defer { close(parent) }
        let descriptor = socket(
            AF_UNIX,
            Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue),
            0
        )
        guard descriptor >= 0 else { throw failure() }
        do throws(ServerError) {
            guard
                var address = Self.address(path)
                    ?? Self.address("/proc/self/fd/\(parent)/\(name)")
            else {
                throw .cannotListenLocally(path, String(cString: strerror(ENAMETOOLONG)))
            }
            unlinkat(parent, name, 0)
            let bound = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            // Before anybody can connect, for nobody listens yet.
            guard bound == 0, fchmodat(parent, name, 0o600, 0) == 0 else { throw failure() }
            FileOwner.handOver(socket: name, in: parent)
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Takes the name away; whoever is connected stays so.
    func remove() { unlink(path) }

    private func failure() -> ServerError {
        .cannotListenLocally(path, String(cString: strerror(errno)))
    }

    /// Nil for a path that is too long.
    private static func address(_ path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }
}
