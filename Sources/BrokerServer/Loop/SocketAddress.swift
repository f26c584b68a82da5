import BrokerAPI
import CUV
import Glibc

/// Addresses as the system has them.
enum SocketAddress {
    /// Lends the first address that the host has.
    static func withResolved<Result>(
        _ address: ListenAddress,
        _ body: (UnsafePointer<sockaddr>) -> Result
    ) throws(ServerError) -> Result {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var found: UnsafeMutablePointer<addrinfo>?
        // Names with several families: the older one, which every client tries.
        hints.ai_family = address.host.contains(":") ? AF_INET6 : AF_INET
        guard getaddrinfo(address.host, "\(address.port)", &hints, &found) == 0, let found else {
            throw .unknownHost(address.host)
        }
        defer { freeaddrinfo(found) }
        guard let resolved = found.pointee.ai_addr else { throw .unknownHost(address.host) }
        return body(resolved)
    }

    static func ownPort(of handle: UnsafeMutablePointer<uv_tcp_t>) -> UInt16? {
        withStorage { storage, length in
            guard uv_tcp_getsockname(handle, storage, length) == 0 else { return nil }
            switch Int32(storage.pointee.sa_family) {
            case AF_INET:
                return storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    UInt16(bigEndian: $0.pointee.sin_port)
                }
            case AF_INET6:
                return storage.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                    UInt16(bigEndian: $0.pointee.sin6_port)
                }
            default: return nil
            }
        }
    }

    /// The other end's address, without its port: that of IPv4 where it came by IPv4, also on a
    /// listener of both families.
    static func otherHost(of handle: UnsafeMutablePointer<uv_tcp_t>) -> String? {
        host { uv_tcp_getpeername(handle, $0, $1) }
    }

    /// This end's address, without its port.
    static func ownHost(of handle: UnsafeMutablePointer<uv_tcp_t>) -> String? {
        host { uv_tcp_getsockname(handle, $0, $1) }
    }

    private static func host(
        _ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<Int32>) -> Int32
    ) -> String? {
        withStorage { storage, length in
            guard ask(storage, length) == 0 else { return nil }
            var text = [CChar](repeating: 0, count: 64)
            let failure: Int32
            switch Int32(storage.pointee.sa_family) {
            case AF_INET:
                failure = storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    uv_ip4_name($0, &text, text.count - 1)
                }
            case AF_INET6:
                failure = storage.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                    uv_ip6_name($0, &text, text.count - 1)
                }
            default: return nil
            }
            guard failure == 0 else { return nil }
            let name = String(
                decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
                as: UTF8.self
            )
            return HostAddress.spelling(name)
        }
    }

    /// Room for an address of any family.
    private static func withStorage<Result>(
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<Int32>) -> Result?
    ) -> Result? {
        var storage = sockaddr_storage()
        var length = Int32(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &length) }
        }
    }
}
