import Glibc

/// A socket that listens on an address.
package enum ListeningSocket {
    private static let waitingConnections: Int32 = 1024

    /// Throws where nobody can listen on all of these addresses together.
    package static func requireFree(
        _ addresses: [(host: String, port: UInt16)]
    ) throws(HTTPServerError) {
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { close(descriptor) } }
        for address in addresses {
            descriptors.append(try open(host: address.host, port: address.port).descriptor)
        }
    }

    /// The socket, and the port that it got. The caller closes it.
    static func open(
        host: String,
        port: UInt16
    ) throws(HTTPServerError) -> (descriptor: Int32, port: UInt16) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        // Of a name with several families the older one, as the log's listener does.
        hints.ai_family = host.contains(":") ? AF_INET6 : AF_INET
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &hints, &found) == 0, let found else {
            throw .unknownHost(host)
        }
        defer { freeaddrinfo(found) }
        let descriptor = socket(
            found.pointee.ai_family,
            Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue),
            0
        )
        guard descriptor >= 0 else { throw failure(host, port) }
        var isOn: Int32 = 1
        let length = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, length)
        guard bind(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0,
            listen(descriptor, waitingConnections) == 0
        else {
            let error = failure(host, port)
            close(descriptor)
            throw error
        }
        return (descriptor, ownPort(of: descriptor) ?? port)
    }

    private static func failure(_ host: String, _ port: UInt16) -> HTTPServerError {
        .cannotListen(host: host, port: port, reason: String(cString: strerror(errno)))
    }

    private static func ownPort(of descriptor: Int32) -> UInt16? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer -> UInt16? in
            let result = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &length)
            }
            guard result == 0 else { return nil }
            // The port lies at the same place in the addresses of both families.
            return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                UInt16(bigEndian: $0.pointee.sin_port)
            }
        }
    }
}
