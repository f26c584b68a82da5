package import Bytes
package import LogModel

/// A partition of a topic by the topic's id, as members of a consumer group are told of it.
package struct AssignedPartition: Hashable, Comparable, Sendable {
    package var topicID: UniqueID
    package var partition: PartitionIndex

    package init(_ topicID: UniqueID, _ partition: PartitionIndex) {
        self.topicID = topicID
        self.partition = partition
    }

    package static func < (left: AssignedPartition, right: AssignedPartition) -> Bool {
        (left.topicID, left.partition) < (right.topicID, right.partition)
    }
}

/// Partitions of one topic, as the protocol and the records list them.
package struct TopicAssignment: Equatable, Sendable {
    package var topicID: UniqueID
    /// Rising.
    package var partitions: [PartitionIndex]
}

extension Sequence<AssignedPartition> {
    /// By topic, both in their order.
    package var byTopic: [TopicAssignment] {
        var topics: [TopicAssignment] = []
        for item in sorted() {
            if topics.last?.topicID != item.topicID {
                topics.append(TopicAssignment(topicID: item.topicID, partitions: []))
            }
            topics[topics.count - 1].partitions.append(item.partition)
        }
        return topics
    }
}
