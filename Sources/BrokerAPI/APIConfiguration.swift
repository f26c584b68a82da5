import KafkaWire

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
    /// What clients are told instead of the listener's address (`advertised.listeners`).
    package var advertisedAddress: NodeAddress?

    /// Clients that need not name all their partitions in each fetch
    /// (`max.incremental.fetch.session.cache.slots`).
    package var fetchSessionSlotCount = 1000

    package init() {}
}

/// Where clients find the node.
package struct NodeAddress: Equatable, Sendable {
    package var host: String
    package var port: Int32

    package init(host: String, port: Int32) {
        self.host = host
        self.port = port
    }

    /// The address of a listener in Kafka's form, `PLAINTEXT://HOST:PORT`; nil for other text.
    package init?(listener text: String) {
        let prefix = "PLAINTEXT://"
        guard text.hasPrefix(prefix) else { return nil }
        guard let address = HostAndPort(text.dropFirst(prefix.count)), address.port > 0,
            !address.host.contains(where: { $0 == "/" || $0 == "," || $0.isWhitespace })
        else { return nil }
        self.init(host: address.host, port: Int32(address.port))
        // Nobody finds a node by it.
        if isEverywhere { return nil }
    }

    /// Whether it stands for every address of the machine.
    var isEverywhere: Bool { host == "0.0.0.0" || host == "::" }
}
