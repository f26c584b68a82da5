import KafkaWire

/// Where a server that speaks Kafka's protocol is found.
package enum KafkaAddress: Hashable, Sendable, CustomStringConvertible {
    case network(host: String, port: UInt16)
    /// A Unix socket, by its folder and its name there: the whole path may be longer than an
    /// address of a socket can be.
    case local(folder: String, name: String)

    /// `127.0.0.1:9092`, `[::1]:9092`, `kafka.example:9092`; nil for what is no such text.
    package init?(_ text: String) {
        guard let address = HostAndPort(text), address.port > 0 else { return nil }
        self = .network(host: address.host, port: address.port)
    }

    package var description: String {
        switch self {
        case .network(let host, let port): HostAndPort(host: host, port: port).description
        case .local(let folder, let name): "\(folder)/\(name)"
        }
    }
}
