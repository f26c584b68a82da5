package import Bytes
package import LogModel

/// The topics as they were at one moment: one look at the table serves all of a request.
package struct TopicSnapshot: Sendable {
    let topics: [String: Topic]
    /// The names of the topics, by id.
    let names: [UniqueID: String]

    /// The topic of this very name: the only way that a name from outside is looked up. A `String`
    /// is a key wherever Unicode calls it equal, so that U+212A would find a topic by its `K`, past
    /// the rules about it.
    package func topic(_ name: String) -> Topic? {
        guard let topic = topics[name], topic.name.hasBytes(of: name) else { return nil }
        return topic
    }

    /// The topic of this id, nil if there is none.
    package func topic(id: UniqueID) -> Topic? { names[id].flatMap { topics[$0] } }

    /// The name of the topic of this id, nil if there is none.
    package func name(of id: UniqueID) -> String? { names[id] }

    /// All topics, by name.
    package var all: [Topic] { topics.values.sorted { $0.name < $1.name } }

    /// The partition, or Kafka's UNKNOWN_TOPIC_OR_PARTITION.
    package func find(_ name: TopicPartition) throws(BrokerError) -> Partition {
        guard let found = topic(name.topic)?.partition(name.partition) else {
            throw Broker.unknown(name.description)
        }
        return found
    }

    package func contains(_ name: TopicPartition) -> Bool {
        topic(name.topic)?.partition(name.partition) != nil
    }
}
