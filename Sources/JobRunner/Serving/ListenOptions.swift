package import BrokerServer
package import Terminal

/// Where and how a command serves the log to other processes.
package struct ListenOptions: Sendable, Equatable {
    package var address: ListenAddress
    package var settings: [KeyValueArgument]
    package var isInsecureAllowed: Bool

    private static let listen = Parameter.optional(
        "listen",
        ValueKind<ListenAddress>.listenAddress,
        help: "serve the log to Kafka's clients there meanwhile; port 0 takes a free one"
    )
    private static let requiredListen = Parameter.option(
        "listen",
        ValueKind<ListenAddress>.listenAddress,
        default: ListenAddress(host: "127.0.0.1", port: 9092),
        help: "where; port 0 takes a free one"
    )
    private static let setting = Parameter.repeated(
        "config",
        .pair("NAME=VALUE"),
        help: "one of Kafka's broker settings: " + ServerSettings.names.joined(separator: ", ")
    )
    private static let insecure = Parameter.flag(
        "insecure-listen",
        help: "listen beyond this machine although anybody who reaches the port may read, write "
            + "and delete"
    )

    /// What a command declares that serves beside something else.
    package static let parameters: [ParameterDeclaration] = [
        listen.declaration, setting.declaration, insecure.declaration,
    ]

    /// What a command declares that does nothing else.
    package static let requiredParameters: [ParameterDeclaration] = [
        requiredListen.declaration, setting.declaration, insecure.declaration,
    ]

    /// The options of a command that does nothing else.
    package init(_ invocation: Invocation) throws(CommandFailure) {
        try self.init(invocation[Self.requiredListen], invocation)
    }

    /// Those of a command that may serve beside something else; nil if it does not.
    package static func beside(
        _ invocation: Invocation
    ) throws(CommandFailure) -> ListenOptions? {
        guard let address = invocation[listen] else {
            guard invocation[setting].isEmpty else {
                throw CommandFailure(
                    "--config says how clients are served, and none are",
                    next: "--listen 127.0.0.1:9092",
                    status: .usage
                )
            }
            guard !invocation[insecure] else {
                throw CommandFailure(
                    "--insecure-listen says where clients may come from, and none are served",
                    next: "--listen 0.0.0.0:9092",
                    status: .usage
                )
            }
            return nil
        }
        return try ListenOptions(address, invocation)
    }

    private init(
        _ address: ListenAddress,
        _ invocation: Invocation
    ) throws(CommandFailure) {
        self.address = address
        settings = invocation[Self.setting]
        isInsecureAllowed = invocation[Self.insecure]
        _ = try ServerSettings(settings)
        guard address.isLoopback || isInsecureAllowed else {
            throw CommandFailure(
                "nothing protects the log on \(address)",
                reason: "there is neither encryption nor authentication: whoever reaches the port "
                    + "may read, write and delete everything",
                next: "--listen 127.0.0.1:\(address.port), or add --insecure-listen",
                status: .usage
            )
        }
    }

    /// The words that give these options to a job's binary.
    var words: [String] {
        ["--listen", "\(address)"] + settings.flatMap { ["--config", "\($0.key)=\($0.value)"] }
            + (isInsecureAllowed ? ["--insecure-listen"] : [])
    }
}

extension ValueKind where Value == ListenAddress {
    /// A host and a port.
    static var listenAddress: ValueKind {
        ValueKind(
            placeholder: "HOST:PORT",
            expectation: "a host and a port, such as 127.0.0.1:9092"
        ) { ListenAddress($0) }
    }
}
