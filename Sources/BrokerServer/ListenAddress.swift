import KafkaWire

/// Where a server listens: `127.0.0.1:9092`, `[::1]:9092`, `localhost:0`.
package struct ListenAddress: Equatable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// The address that `text` names; nil if it names none.
    package init?(_ text: String) {
        guard let address = HostAndPort(text) else { return nil }
        self.init(host: address.host, port: address.port)
    }

    package var description: String {
        HostAndPort(host: host, port: port).description
    }

    /// Whether only processes of this machine reach it.
    package var isLoopback: Bool {
        host == "localhost" || host == "::1" || Self.isLoopbackIPv4(host)
    }

    private static func isLoopbackIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
