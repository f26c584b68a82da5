/// The options that one broker was given while it ran and that are a topic's where the topic has
/// none of its own, in the words of topic options.
///
/// Kafka asks in this order: the topic, this broker, all brokers, the broker's file. The file
/// (`server.properties`) is no part of a log directory.
package struct BrokerDefaults: Equatable, Sendable {
    package var values: [String: String] = [:]
    /// Options that single brokers have of their own, where nothing tells which broker this is.
    package var doubtful: Set<String> = []

    package init(values: [String: String] = [:], doubtful: Set<String> = []) {
        self.values = values
        self.doubtful = doubtful
    }

    /// The options of brokers that are the default of a topic's.
    static let topicNames = [
        "log.cleaner.delete.retention.ms": "delete.retention.ms",
        "log.cleaner.max.compaction.lag.ms": "max.compaction.lag.ms",
        "log.cleaner.min.cleanable.ratio": "min.cleanable.dirty.ratio",
        "log.cleaner.min.compaction.lag.ms": "min.compaction.lag.ms",
        "log.cleanup.policy": "cleanup.policy",
        "log.index.interval.bytes": "index.interval.bytes",
        "log.message.timestamp.type": "message.timestamp.type",
        "log.retention.bytes": "retention.bytes",
        "log.retention.ms": "retention.ms",
        "log.roll.ms": "segment.ms",
        "log.segment.bytes": "segment.bytes",
        "message.max.bytes": "max.message.bytes",
    ]
}

extension ClusterMetadata {
    /// What a broker with this number has in effect; nil where the number is not known.
    package func defaults(ofNode nodeID: Int32?) -> BrokerDefaults {
        let all = brokerOptions[""] ?? [:]
        if let nodeID {
            let own = brokerOptions["\(nodeID)"] ?? [:]
            return BrokerDefaults(values: all.merging(own) { $1 })
        }
        let doubtful = brokerOptions.filter { !$0.key.isEmpty }.values.flatMap(\.keys)
        return BrokerDefaults(
            values: all.filter { !doubtful.contains($0.key) },
            doubtful: Set(doubtful)
        )
    }
}
