import LogModel
import LogStorage
import Threads

extension Broker {
    /// Gives a topic more partitions, `count` in all. What was written stays where it is: a key
    /// may go to another partition from here on, as in Kafka.
    /// With `validateOnly` nothing is changed: what speaks against it is told all the same.
    package func growTopic(
        _ name: String,
        to count: Int32,
        validateOnly: Bool = false
    ) throws(BrokerError) {
        try altering.withLock { _ throws(BrokerError) in
            let topic = try checkGrowth(of: name, to: count)
            if !validateOnly { try grow(topic, to: count) }
        }
    }

    private func checkGrowth(of name: String, to count: Int32) throws(BrokerError) -> Topic {
        try checkOpen()
        guard let topic = topic(name) else { throw Self.unknown(name) }
        guard !topic.isInternal else {
            throw .refused(.invalidTopic, "Topic '\(name)' is internal and keeps its partitions.")
        }
        if let owner = topic.options[TopicOptionName.owner] {
            throw .refused(
                .policyViolation,
                "Topic '\(name)' is that of \(owner) (job/name), which has as many partitions as "
                    + "the job's inputs."
            )
        }
        if let job = runningJob(reading: name) {
            // It has a task for each partition that there was at its start.
            throw .refused(
                .policyViolation,
                "Topic '\(name)' is read by \(job), which runs and would not see the new "
                    + "partitions: stop it, and let it start again behind the change."
            )
        }
        guard count > topic.partitions.count else {
            throw .refused(
                .invalidPartitions,
                "The topic \(name) currently has \(topic.partitions.count) partition(s); \(count) "
                    + "would not be an increase."
            )
        }
        return topic
    }

    private func grow(_ topic: Topic, to count: Int32) throws(BrokerError) {
        let name = topic.name
        let logs = try storing(name) { () throws(LogStorageError) in
            try dataDirectory.addPartitions(to: name, id: topic.id, upTo: count)
        }
        guard let logs else { throw Self.unknown(name) }
        let new = Self.partitions(
            of: Array(logs.dropFirst(topic.partitions.count)),
            id: topic.id,
            counters
        )
        topicTable.withLock {
            if $0.topics[name]?.id == topic.id { $0.topics[name]?.partitions += new }
        }
        change.raise()
    }
}
