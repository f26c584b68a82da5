import KafkaWire
package import LogModel

/// More partitions, and fewer records in them.
extension KafkaCluster {
    /// Gives a topic more partitions, `count` in all.
    package func growTopic(
        _ name: String,
        to count: Int32
    ) throws(KafkaClientError) {
        let request = CreatePartitionsRequest(
            topics: [
                CreatePartitionsRequest.CreatePartitionsTopic(
                    name: name,
                    count: count,
                    assignments: nil
                )
            ],
            timeoutMs: requestMilliseconds,
            validateOnly: false
        )
        var mayBeThere = false
        try retrying { () throws(KafkaClientError) in
            let response: CreatePartitionsResponse
            do throws(KafkaClientError) { response = try askPatiently(request) } catch {
                mayBeThere = mayBeThere || error.isUncertain
                throw error
            }
            for topic in response.results {
                let code = KafkaErrorCode(rawValue: topic.errorCode)
                // An attempt before this one has made them, and its answer was lost.
                if code == .invalidPartitions, mayBeThere,
                    try topics(named: [name]).first?.partitions.count == Int(count)
                {
                    continue
                }
                try check(topic.errorCode, about: "the topic '\(name)'", topic.errorMessage)
            }
        }
    }

    /// Deletes the records below these offsets; where each partition begins then, or why none of
    /// it was deleted.
    package func deleteRecords(
        before offsets: [TopicPartition: Offset]
    ) throws(KafkaClientError) -> [TopicPartition: Result<Offset, KafkaClientError>] {
        guard !offsets.isEmpty else { return [:] }
        let named = offsets.keys.sorted()
        return try askLeaders(of: named) { node, partitions, _ throws(KafkaClientError) in
            var answers: [TopicPartition: LeaderAnswer<Offset>] = [:]
            let response = try ask(
                request(before: offsets, of: partitions),
                of: node,
                patience: configuration.requestPatience + .seconds(5)
            )
            for topic in response.topics {
                for partition in topic.partitions {
                    let name = TopicPartition(topic.name, PartitionIndex(partition.partitionIndex))
                    let code = KafkaErrorCode(rawValue: partition.errorCode)
                    answers[name] =
                        code == .none
                        ? .final(.success(Offset(max(partition.lowWatermark, 0))))
                        : LeaderAnswer(refusal: code, about: name)
                }
            }
            return answers
        }
    }

    private func request(
        before offsets: [TopicPartition: Offset],
        of partitions: [TopicPartition]
    ) -> DeleteRecordsRequest {
        DeleteRecordsRequest(
            topics: Self.byTopic(partitions).map { topic, indexes in
                DeleteRecordsRequest.DeleteRecordsTopic(
                    name: topic,
                    partitions: indexes.compactMap { index in
                        offsets[TopicPartition(topic, PartitionIndex(index))].map {
                            DeleteRecordsRequest.DeleteRecordsPartition(
                                partitionIndex: index,
                                offset: $0.rawValue
                            )
                        }
                    }
                )
            },
            timeoutMs: requestMilliseconds
        )
    }
}
