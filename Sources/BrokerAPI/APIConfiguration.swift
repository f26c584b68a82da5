import KafkaWire
package import Security

/// How the APIs answer. Kafka's names for it stand beside.
package struct APIConfiguration: Sendable {
    /// Of the one node that there is (`node.id`).
    package var nodeID: Int32 = 1
    /// Whether a topic that a client asks for is made (`auto.create.topics.enable`).
    package var autoCreatesTopics = true
    /// Partitions of a topic that is made without a number (`num.partitions`).
    package var defaultPartitionCount: Int32 = 1
    /// What topics get that are made without it.
    package var topicDefaults = TopicDefaults()
    /// What one fetch answers at most, the first batch aside (`fetch.max.bytes`).
    package var fetchByteLimit = 57_671_680
    /// What answers may hold together that their readers have not taken yet.
    package var answerByteLimit = 256 << 20
    /// What one request may become in memory, its records aside: half of
    /// `queued.max.request.bytes`.
    package var requestMemoryByteLimit = 128 << 20
    /// Is told of requests that would become more, as `onLoginFailure` is of logins.
    package var onOversizedRequest: @Sendable (OversizedRequest) -> Void = { _ in }
    /// What clients are told instead of a listener's address, by the listener's name
    /// (`advertised.listeners`).
    package var advertisedAddresses: [String: NodeAddress] = [:]
    /// How users say who they are (`sasl.enabled.mechanisms`).
    package var saslMechanisms: [SaslMechanism] = [.scramSHA256, .scramSHA512]
    /// Is told of logins that failed, not more often than `DenialLimits` has it, in the thread that
    /// looked at the password: it must not wait for anything.
    package var onLoginFailure: @Sendable (LoginFailure) -> Void = { _ in }

    /// The folder that the directory's path begins in where it begins nowhere: clients are told the
    /// whole of it.
    package var workingDirectory = ""

    /// Clients that need not name all their partitions in each fetch
    /// (`max.incremental.fetch.session.cache.slots`).
    package var fetchSessionSlotCount = 1000

    package init() {}

    /// A path from the root on.
    package func whole(_ path: String) -> String {
        guard !path.hasPrefix("/"), !workingDirectory.isEmpty else { return path }
        let rest = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return workingDirectory == "/" ? "/" + rest : "\(workingDirectory)/\(rest)"
    }
}

/// Where clients find the node.
package struct NodeAddress: Equatable, Sendable {
    package var host: String
    package var port: Int32

    package init(host: String, port: Int32) {
        self.host = host
        self.port = port
    }

    /// The addresses of listeners in Kafka's form, `PLAINTEXT://HOST:PORT,SASL_SSL://HOST:PORT`, by
    /// the listeners' names; nil for other text.
    package static func byListener(_ text: String) -> [String: NodeAddress]? {
        var addresses: [String: NodeAddress] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let part = part.drop { $0 == " " }
            guard let end = part.firstRange(of: "://"),
                let security = SecurityProtocol(rawValue: String(part[..<end.lowerBound])),
                addresses[security.rawValue] == nil,
                let address = NodeAddress(advertised: part[end.upperBound...])
            else { return nil }
            addresses[security.rawValue] = address
        }
        return addresses
    }

    /// Nil for an address by which nobody finds a node.
    private init?(advertised text: Substring) {
        guard let address = HostAndPort(text), address.port > 0,
            !address.host.contains(where: { $0 == "/" || $0 == "," || $0.isWhitespace })
        else { return nil }
        self.init(host: address.host, port: Int32(address.port))
        if isEverywhere { return nil }
    }

    /// Whether it stands for every address of the machine.
    var isEverywhere: Bool { host == "0.0.0.0" || host == "::" }
}
