package import LogModel
package import LogStorage
import Synchronization

/// Topics: what there is, and how one comes and goes.
extension Broker {
    /// All topics, by name.
    package func topics() -> [Topic] {
        topicTable.withLock { $0.values.sorted { $0.name < $1.name } }
    }

    /// The topic of this name, nil if there is none.
    package func topic(_ name: String) -> Topic? {
        topicTable.withLock { $0[name] }
    }

    /// Creates a topic. Refuses what Kafka refuses, in its words.
    package func createTopic(
        _ name: String,
        partitionCount: Int32,
        options: [String: String] = [:]
    ) throws(BrokerError) {
        try checkOpen()
        if let problem = TopicName.problem(with: name) { throw .refused(.invalidTopic, problem) }
        guard partitionCount > 0 else {
            throw .refused(
                .invalidPartitions,
                "Number of partitions was set to an invalid non-positive value."
            )
        }
        try space.claim(0, for: TopicPartition(name, PartitionIndex(0)))
        try makeTopic(name, partitionCount: partitionCount, options: options)
    }

    /// Removes a topic and its records; a crash in between removes it all the same.
    package func deleteTopic(_ name: String) throws(BrokerError) {
        try checkOpen()
        guard InternalTopic(rawValue: name) == nil else {
            throw .refused(.invalidTopic, "Topic '\(name)' is internal and stays.")
        }
        guard let topic = topicTable.withLock({ $0.removeValue(forKey: name) }) else {
            throw Self.unknown(name)
        }
        do throws(LogStorageError) {
            try dataDirectory.removeTopic(name)
            for partition in topic.partitions { partition.log.abandon() }
            try dataDirectory.removePartitions(of: name)
        } catch {
            throw BrokerError(error, in: name)
        }
        change.raise()
    }

    /// The ends of a partition now.
    package func bounds(of partition: TopicPartition) throws(BrokerError) -> LogBounds {
        try find(partition).log.bounds
    }

    /// Deletes the records below `offset`, which moves the log start.
    package func deleteRecords(
        of partition: TopicPartition,
        before offset: Offset
    ) throws(BrokerError) {
        let log = try find(partition).log
        do throws(LogStorageError) {
            try log.deleteRecords(before: offset)
        } catch {
            throw BrokerError(error, in: partition.description)
        }
    }

    /// The partition, or Kafka's UNKNOWN_TOPIC_OR_PARTITION.
    package func find(_ partition: TopicPartition) throws(BrokerError) -> Partition {
        try checkOpen()
        let found = topicTable.withLock { $0[partition.topic]?.partition(partition.partition) }
        guard let found else { throw Self.unknown(partition.description) }
        return found
    }

    /// The partitions of an internal topic, which is made at its first use.
    func internalPartitions(_ topic: InternalTopic) throws(BrokerError) -> [Partition] {
        if let existing = self.topic(topic.rawValue) { return existing.partitions }
        do throws(BrokerError) {
            try makeTopic(
                topic.rawValue,
                partitionCount: configuration.internalPartitionCount,
                options: topic.options
            )
        } catch .refused(.topicAlreadyExists, _) {
            // Another thread was first.
        }
        return self.topic(topic.rawValue)?.partitions ?? []
    }

    /// Makes a topic: its definition first, so that a crash in between leaves one that the next
    /// open completes.
    private func makeTopic(
        _ name: String,
        partitionCount: Int32,
        options: [String: String]
    ) throws(BrokerError) {
        let failure = topicTable.withLock { table -> BrokerError? in
            if table[name] != nil {
                return .refused(.topicAlreadyExists, "Topic '\(name)' already exists.")
            }
            if let other = TopicName.collision(of: name, with: table.keys.sorted()) {
                return .refused(
                    .invalidTopic,
                    "Topic '\(name)' collides with existing topic: \(other)"
                )
            }
            do throws(LogStorageError) {
                let logs = try dataDirectory.createTopic(
                    name,
                    partitionCount: partitionCount,
                    options: options,
                    time: time
                )
                let partitions = logs.enumerated().map { index, log in
                    Partition(
                        name: TopicPartition(name, PartitionIndex(Int32(index))),
                        log: log,
                        change: change,
                        statistics: counters
                    )
                }
                table[name] = Topic(name: name, options: options, partitions: partitions)
                return nil
            } catch {
                return BrokerError(error, in: name)
            }
        }
        if let failure { throw failure }
        change.raise()
    }

    private static func unknown(_ name: String) -> BrokerError {
        .refused(
            .unknownTopicOrPartition,
            "\(name): This server does not host this topic-partition."
        )
    }
}
