/// Where a server that speaks Kafka's protocol is found.
package enum KafkaAddress: Hashable, Sendable, CustomStringConvertible {
    case network(host: String, port: UInt16)
    /// A Unix socket, by its folder and its name there: the whole path may be longer than an
    /// address of a socket can be.
    case local(folder: String, name: String)

    /// `127.0.0.1:9092`, `[::1]:9092`, `kafka.example:9092`; nil for what is no such text.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self = .network(host: String(host), port: port)
    }

    package var description: String {
        switch self {
        case .network(let host, let port):
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .local(let folder, let name): "\(folder)/\(name)"
        }
    }
}
