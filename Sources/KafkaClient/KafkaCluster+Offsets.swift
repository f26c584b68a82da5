import KafkaWire
package import LogModel

/// Which offset of a partition is asked for.
package enum OffsetQuestion: Sendable, Equatable {
    /// The log start.
    case earliest
    /// Behind the last record that the isolation level shows.
    case latest
    /// The first record at this time or later; the protocol has no question for one before 1970.
    case time(Timestamp)

    /// Kafka's special numbers, or the time: one before 1970 is sent as the number that no broker
    /// takes, and not as another question.
    var timestamp: Int64 {
        switch self {
        case .earliest: -2
        case .latest: -1
        case .time(let time): time.rawValue < 0 ? .min : time.rawValue
        }
    }
}

/// Offsets of partitions.
extension KafkaCluster {
    /// The answer for each partition: nil where no record is so late, a refusal where it cannot be
    /// used now.
    package func offsets(
        _ question: OffsetQuestion,
        of partitions: [TopicPartition],
        isolation: IsolationLevel
    ) throws(KafkaClientError) -> [TopicPartition: Result<Offset?, KafkaClientError>] {
        guard !partitions.isEmpty else { return [:] }
        return try askLeaders(of: partitions) { node, partitions, _ throws(KafkaClientError) in
            var answers: [TopicPartition: LeaderAnswer<Offset?>] = [:]
            let request = ListOffsetsRequest(
                replicaID: -1,
                isolationLevel: isolation.wireValue,
                topics: Self.byTopic(partitions).map { topic, indexes in
                    ListOffsetsRequest.ListOffsetsTopic(
                        name: topic,
                        partitions: indexes.map {
                            ListOffsetsRequest.ListOffsetsPartition(
                                partitionIndex: $0,
                                timestamp: question.timestamp
                            )
                        }
                    )
                }
            )
            for topic in try ask(request, of: node).topics {
                for partition in topic.partitions {
                    let name = TopicPartition(topic.name, PartitionIndex(partition.partitionIndex))
                    answers[name] = Self.answer(partition, about: name)
                }
            }
            return answers
        }
    }

    /// The offset of one partition.
    package func offset(
        _ question: OffsetQuestion,
        of partition: TopicPartition,
        isolation: IsolationLevel
    ) throws(KafkaClientError) -> Offset? {
        let answers = try offsets(question, of: [partition], isolation: isolation)
        guard let answer = answers[partition] else {
            throw .nonsense(entry, "it leaves out \(partition), which it was asked for")
        }
        return try answer.get()
    }

    private static func answer(
        _ partition: ListOffsetsResponse.ListOffsetsPartitionResponse,
        about name: TopicPartition
    ) -> LeaderAnswer<Offset?> {
        let code = KafkaErrorCode(rawValue: partition.errorCode)
        guard code != .none else {
            return .final(.success(partition.offset < 0 ? nil : Offset(partition.offset)))
        }
        return LeaderAnswer(refusal: code, about: name)
    }

    /// The partitions of each topic, in order.
    static func byTopic(_ partitions: [TopicPartition]) -> [(String, [Int32])] {
        Dictionary(grouping: partitions, by: \.topic).sorted { $0.key < $1.key }
            .map { ($0.key, $0.value.map(\.partition.rawValue).sorted()) }
    }
}

extension IsolationLevel {
    var wireValue: Int8 {
        switch self {
        case .readUncommitted: 0
        case .readCommitted: 1
        }
    }
}
