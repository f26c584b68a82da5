/// How the APIs answer. Kafka's names for it stand beside.
package struct APIConfiguration: Sendable {
    /// Of the one node that there is (`node.id`).
    package var nodeID: Int32 = 1
    /// Whether a topic that a client asks for is made (`auto.create.topics.enable`).
    package var autoCreatesTopics = true
    /// Partitions of a topic that is made without a number (`num.partitions`).
    package var defaultPartitionCount: Int32 = 1
    /// What one fetch answers at most, the first batch aside (`fetch.max.bytes`).
    package var fetchByteLimit = 57_671_680

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
}
