package import BrokerServer
package import Terminal

/// Where a command tells over HTTP how it is.
package struct WatchOptions: Sendable, Equatable {
    package var address: ListenAddress
    package var isInsecureAllowed: Bool

    private static let http = Parameter.optional(
        "http",
        ValueKind<ListenAddress>.listenAddress,
        help: "tell there over HTTP how things are: a page, /metrics, /health; port 0 takes a free "
            + "one"
    )

    /// What a command declares beside what it listens with.
    package static let parameters: [ParameterDeclaration] = [http.declaration]

    /// Nil where the command is not asked for it.
    package init?(_ invocation: Invocation) throws(CommandFailure) {
        guard let address = invocation[Self.http] else { return nil }
        self.address = address
        isInsecureAllowed = ListenOptions.isInsecureAllowed(invocation)
        guard address.isLoopback || isInsecureAllowed else {
            throw CommandFailure(
                "nothing protects what is told on \(address)",
                reason: "there is neither encryption nor authentication: whoever reaches the port "
                    + "sees the names of topics, groups and transactions",
                next: "--http 127.0.0.1:\(address.port), or add --insecure-listen",
                status: .usage
            )
        }
    }

    /// Whether a command line asks for it.
    static func isAsked(for invocation: Invocation) -> Bool { invocation[http] != nil }

    /// The words that give these options to a job's binary, beside those of what it listens with.
    func words(beside listen: ListenOptions?) -> [String] {
        let isSaid = listen?.isInsecureAllowed ?? false
        return ["--http", "\(address)"]
            + (isInsecureAllowed && !isSaid ? ["--insecure-listen"] : [])
    }
}

extension ValueKind where Value == ListenAddress {
    /// A host and a port.
    fileprivate static var listenAddress: ValueKind {
        ValueKind(
            placeholder: "HOST:PORT",
            expectation: "a host and a port, such as 127.0.0.1:9100"
        ) { ListenAddress($0) }
    }
}
