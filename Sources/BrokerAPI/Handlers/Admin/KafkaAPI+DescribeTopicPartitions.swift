import Broker
import Coordination
import KafkaWire
import LogModel

/// DescribeTopicPartitions: topics by name, a page at a time.
extension KafkaAPI {
    private typealias DescribedTopic =
        DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic
    private typealias DescribedPartition =
        DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition

    func describeTopicPartitions(
        _ request: DescribeTopicPartitionsRequest,
        _ call: APICall
    ) -> DescribeTopicPartitionsResponse {
        let asked = Set(request.topics.map { ExactText($0.name) })
        let known = broker.topicSnapshot()
        let names = asked.isEmpty ? known.all.map(\.name) : asked.sorted().map(\.text)
        let start = request.cursor
        var response = DescribeTopicPartitionsResponse()
        guard start.map({ $0.partitionIndex >= 0 }) ?? true else {
            response.topics = request.topics.map {
                DescribedTopic(errorCode: KafkaErrorCode.invalidRequest.rawValue, name: $0.name)
            }
            return response
        }
        var left = Int(min(max(request.responsePartitionLimit, 1), Self.pageLimit))
        for name in names where name >= (start?.topicName ?? "") {
            guard let topic = known.topic(name) else {
                response.topics.append(unknown(name))
                continue
            }
            let first = name == start?.topicName ? start?.partitionIndex ?? 0 : 0
            let rest = topic.partitions.dropFirst(Int(first))
            guard left > 0 else {
                response.nextCursor = Self.cursor(name, first)
                return response
            }
            response.topics.append(describe(topic, rest.prefix(left)))
            if rest.count > left {
                response.nextCursor = Self.cursor(name, first + Int32(left))
                return response
            }
            left -= rest.count
        }
        return response
    }

    /// Kafka's limit of a page (`max.request.partition.size.limit`).
    private static var pageLimit: Int32 { 2_000 }

    private static func cursor(
        _ topic: String,
        _ partition: Int32
    ) -> DescribeTopicPartitionsResponse.Cursor {
        DescribeTopicPartitionsResponse.Cursor(topicName: topic, partitionIndex: partition)
    }

    private func unknown(_ name: String) -> DescribedTopic {
        let isLegal = TopicName.problem(with: name) == nil
        let code: KafkaErrorCode = isLegal ? .unknownTopicOrPartition : .invalidTopic
        return DescribedTopic(
            errorCode: code.rawValue,
            name: name,
            topicAuthorizedOperations: Self.topicOperations
        )
    }

    private func describe(
        _ topic: Topic,
        _ partitions: ArraySlice<Partition>
    ) -> DescribedTopic {
        let node = configuration.nodeID
        return DescribedTopic(
            name: topic.name,
            topicID: topic.id,
            isInternal: topic.isInternal,
            partitions: partitions.map { partition in
                DescribedPartition(
                    partitionIndex: partition.name.partition.rawValue,
                    leaderID: node,
                    leaderEpoch: partition.knownLeaderEpoch.rawValue,
                    replicaNodes: [node],
                    isrNodes: [node],
                    eligibleLeaderReplicas: [],
                    lastKnownElr: []
                )
            },
            topicAuthorizedOperations: Self.topicOperations
        )
    }
}
