package import BrokerServer
import HTTPServer
import Security
package import Terminal

/// Where and how a command serves the log to other processes.
package struct ListenOptions: Sendable, Equatable {
    package var listeners: [ListenerConfiguration]
    package var settings: [KeyValueArgument]
    package var isInsecureAllowed: Bool

    private static let help =
        "port 0 takes a free one; PLAINTEXT://, SSL://, SASL_PLAINTEXT:// or SASL_SSL:// in front "
        + "says how; may be repeated"
    private static let listen = Parameter.repeated(
        "listen",
        ValueKind<ListenerConfiguration>.listener,
        help: "serve the log to Kafka's clients there meanwhile; \(help)"
    )
    private static let requiredListen = Parameter.repeated(
        "listen",
        ValueKind<ListenerConfiguration>.listener,
        help: "where (default: \(standard)); \(help)"
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

    private static let standard = ListenerConfiguration(
        ListenAddress(host: "127.0.0.1", port: 9092)
    )

    /// What a command declares that serves beside something else.
    package static let parameters: [ParameterDeclaration] = [
        listen.declaration, setting.declaration, insecure.declaration,
    ]

    /// What a command declares that does nothing else.
    package static let requiredParameters: [ParameterDeclaration] = [
        requiredListen.declaration, setting.declaration, insecure.declaration,
    ]

    /// Whether a port is one that the system chooses.
    package var hasChosenPort: Bool { listeners.contains { $0.address.port == 0 } }

    /// Whether a command line allows what reaches beyond this machine.
    static func isInsecureAllowed(_ invocation: Invocation) -> Bool { invocation[insecure] }

    /// The options of a command that does nothing else.
    package init(_ invocation: Invocation) throws(CommandFailure) {
        let listeners = invocation[Self.requiredListen]
        try self.init(listeners.isEmpty ? [Self.standard] : listeners, invocation)
    }

    /// Those of a command that may serve beside something else; nil if it does not.
    package static func beside(
        _ invocation: Invocation
    ) throws(CommandFailure) -> ListenOptions? {
        let listeners = invocation[listen]
        guard !listeners.isEmpty else {
            guard invocation[setting].isEmpty else {
                throw CommandFailure(
                    "--config says how clients are served, and none are",
                    next: "--listen 127.0.0.1:9092",
                    status: .usage
                )
            }
            guard !invocation[insecure] || WatchOptions.isAsked(for: invocation) else {
                throw CommandFailure(
                    "--insecure-listen says where clients may come from, and none are served",
                    next: "--listen 0.0.0.0:9092",
                    status: .usage
                )
            }
            return nil
        }
        return try ListenOptions(listeners, invocation)
    }

    private init(
        _ listeners: [ListenerConfiguration],
        _ invocation: Invocation
    ) throws(CommandFailure) {
        self.listeners = listeners
        settings = invocation[Self.setting]
        isInsecureAllowed = invocation[Self.insecure]
        let rules = ListenerRules(listeners, try ServerSettings(settings))
        try rules.check(isInsecureAllowed: isInsecureAllowed)
    }

    /// Refuses addresses that nobody can listen on, before anything is made for those who come.
    package func requireFree(beside http: WatchOptions?) throws(CommandFailure) {
        let addresses = listeners.map(\.address) + (http.map { [$0.address] } ?? [])
        do throws(HTTPServerError) {
            try ListeningSocket.requireFree(addresses.map { (host: $0.host, port: $0.port) })
        } catch {
            throw CommandFailure(
                "the log is not served",
                place: addresses.map(\.description).joined(separator: ", "),
                reason: error.description,
                next: "another --listen or --http; port 0 takes a free one"
            )
        }
    }

    /// The words that give these options to a job's binary.
    var words: [String] {
        listeners.flatMap { ["--listen", "\($0)"] }
            + settings.flatMap { ["--config", "\($0.key)=\($0.value)"] }
            + (isInsecureAllowed ? ["--insecure-listen"] : [])
    }
}

extension ValueKind where Value == ListenerConfiguration {
    /// A host and a port, and perhaps a protocol.
    static var listener: ValueKind {
        ValueKind(
            placeholder: "[PROTOCOL://]HOST:PORT",
            expectation: "a host and a port, such as 127.0.0.1:9092 or SASL_SSL://127.0.0.1:9093"
        ) { ListenerConfiguration($0) }
    }
}
