import Broker
import Coordination
import KafkaRecords
import LogModel

/// What the members of groups are to read.
struct GroupAssignments {
    private let broker: Broker

    init(_ broker: Broker) { self.broker = broker }

    /// The partitions of all members of a group; none where nobody can tell.
    func partitions(of group: String) -> Set<TopicPartition> {
        if let told = (try? broker.describeConsumerGroup(group)) ?? nil {
            return Set(told.members.flatMap { $0.assigned.flatMap(partitions(of:)) })
        }
        guard let told = (try? broker.describeGroup(group)) ?? nil,
            told.protocolType == "consumer"
        else { return [] }
        return Set(told.members.flatMap { Self.partitions(in: $0.assignment) })
    }

    private func partitions(of assignment: TopicAssignment) -> [TopicPartition] {
        guard let topic = broker.topic(id: assignment.topicID) else { return [] }
        return assignment.partitions.map { TopicPartition(topic.name, $0) }
    }

    /// The bytes are a member's, the group's leader: what is no assignment assigns nothing.
    static func partitions(in bytes: [UInt8]) -> [TopicPartition] {
        let topics = (try? ConsumerProtocolAssignment(decoding: bytes))?.assignedPartitions ?? []
        return topics.flatMap { topic in
            topic.partitions.filter { $0 >= 0 }.map {
                TopicPartition(topic.topic, PartitionIndex($0))
            }
        }
    }
}
