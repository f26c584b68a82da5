package import Bytes
import KafkaRecords
package import LogModel

/// One record of a consumer group for `__consumer_offsets`; without a value the tombstone of what
/// it tells of. A group is the latest of each of its records, in whatever order they lie:
/// compaction leaves only those.
package enum ConsumerGroupRecord: Equatable, Sendable {
    package struct State: Equatable, Sendable {
        package var epoch: GroupEpoch
        package var subscriptionHash: Int64
    }

    package struct Target: Equatable, Sendable {
        package var epoch: GroupEpoch
        package var time: Timestamp
    }

    case group(String, State?)
    case member(String, id: String, ConsumerSubscription?)
    case targetEpoch(String, Target?)
    case target(String, id: String, Set<AssignedPartition>?)
    case current(String, id: String, MemberAssignment?)

    package var group: String {
        switch self {
        case .group(let group, _), .targetEpoch(let group, _): group
        case .member(let group, _, _), .target(let group, _, _), .current(let group, _, _): group
        }
    }
}

/// In Kafka's format.
extension ConsumerGroupRecord {
    /// The bytes of key and value; no value for a tombstone.
    package func encoded() throws(WireError) -> (key: [UInt8], value: [UInt8]?) {
        switch self {
        case .group(let group, let state):
            return try Self.bytes(
                ConsumerGroupMetadataKey(groupID: group),
                state.map {
                    ConsumerGroupMetadataValue(
                        epoch: $0.epoch.rawValue,
                        metadataHash: $0.subscriptionHash
                    )
                }
            )
        case .member(let group, let id, let subscription):
            return try Self.bytes(
                ConsumerGroupMemberMetadataKey(groupID: group, memberID: id),
                subscription.map(ConsumerGroupMemberMetadataValue.init)
            )
        case .targetEpoch(let group, let target):
            return try Self.bytes(
                ConsumerGroupTargetAssignmentMetadataKey(groupID: group),
                target.map {
                    ConsumerGroupTargetAssignmentMetadataValue(
                        assignmentEpoch: $0.epoch.rawValue,
                        assignmentTimestamp: $0.time.rawValue
                    )
                }
            )
        case .target(let group, let id, let partitions):
            return try Self.bytes(
                ConsumerGroupTargetAssignmentMemberKey(groupID: group, memberID: id),
                partitions.map(ConsumerGroupTargetAssignmentMemberValue.init)
            )
        case .current(let group, let id, let assignment):
            return try Self.bytes(
                ConsumerGroupCurrentMemberAssignmentKey(groupID: group, memberID: id),
                assignment.map(ConsumerGroupCurrentMemberAssignmentValue.init)
            )
        }
    }

    private static func bytes(
        _ key: some KafkaMessage,
        _ value: (some KafkaMessage)?
    ) throws(WireError) -> (key: [UInt8], value: [UInt8]?) {
        guard let value else { return (try key.encoded(), nil) }
        return (try key.encoded(), try value.encoded())
    }

    /// Reads a record of `__consumer_offsets`; nil for one of other groups, and for those that say
    /// nothing that is not found out again: the topics of subscriptions, and what matches a
    /// pattern.
    package init?(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer?
    ) throws(WireError) {
        switch try recordType(ofKey: key) {
        case 3:
            let group = try ConsumerGroupMetadataKey(decoding: key).groupID
            self = .group(group, try value.map(Self.state))
        case 5:
            let key = try ConsumerGroupMemberMetadataKey(decoding: key)
            self = .member(key.groupID, id: key.memberID, try value.map(Self.subscription))
        case 6:
            let group = try ConsumerGroupTargetAssignmentMetadataKey(decoding: key).groupID
            self = .targetEpoch(group, try value.map(Self.target))
        case 7:
            let key = try ConsumerGroupTargetAssignmentMemberKey(decoding: key)
            self = .target(key.groupID, id: key.memberID, try value.map(Self.partitions))
        case 8:
            let key = try ConsumerGroupCurrentMemberAssignmentKey(decoding: key)
            self = .current(key.groupID, id: key.memberID, try value.map(Self.assignment))
        default: return nil
        }
    }

    private static func state(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> State {
        let value = try ConsumerGroupMetadataValue(decoding: bytes)
        return State(epoch: GroupEpoch(value.epoch), subscriptionHash: value.metadataHash)
    }

    private static func target(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> Target {
        let value = try ConsumerGroupTargetAssignmentMetadataValue(decoding: bytes)
        return Target(
            epoch: GroupEpoch(value.assignmentEpoch),
            time: Timestamp(value.assignmentTimestamp)
        )
    }

    private static func subscription(
        _ bytes: UnsafeRawBufferPointer
    ) throws(WireError) -> ConsumerSubscription {
        let value = try ConsumerGroupMemberMetadataValue(decoding: bytes)
        var subscription = ConsumerSubscription()
        subscription.instanceID = value.instanceID
        subscription.rackID = value.rackID
        subscription.clientID = value.clientID
        subscription.clientHost = value.clientHost
        subscription.topicNames = Set(value.subscribedTopicNames).sorted()
        subscription.pattern = value.subscribedTopicRegex ?? ""
        subscription.rebalanceMilliseconds = value.rebalanceTimeoutMs
        subscription.assignor = value.serverAssignor
        return subscription
    }

    private static func partitions(
        _ bytes: UnsafeRawBufferPointer
    ) throws(WireError) -> Set<AssignedPartition> {
        let value = try ConsumerGroupTargetAssignmentMemberValue(decoding: bytes)
        return Set(
            value.topicPartitions.flatMap { topic in
                topic.partitions.map { AssignedPartition(topic.topicID, PartitionIndex($0)) }
            }
        )
    }

    private static func assignment(
        _ bytes: UnsafeRawBufferPointer
    ) throws(WireError) -> MemberAssignment {
        let value = try ConsumerGroupCurrentMemberAssignmentValue(decoding: bytes)
        var assignment = MemberAssignment()
        assignment.epoch = GroupEpoch(value.memberEpoch)
        assignment.previousEpoch = GroupEpoch(value.previousMemberEpoch)
        assignment.assigned = value.assignedPartitions.epochs(orAll: assignment.epoch)
        assignment.revoking = value.partitionsPendingRevocation.epochs(orAll: assignment.epoch)
        // In a state that is not known, what is to be given up is waited for.
        assignment.state =
            MemberState(rawValue: value.state)
            ?? (assignment.revoking.isEmpty ? .unreleased : .unrevoked)
        return assignment
    }
}

extension ConsumerGroupMemberMetadataValue {
    fileprivate init(_ subscription: ConsumerSubscription) {
        self.init(
            instanceID: subscription.instanceID,
            rackID: subscription.rackID,
            clientID: subscription.clientID,
            clientHost: subscription.clientHost,
            subscribedTopicNames: subscription.topicNames,
            subscribedTopicRegex: subscription.pattern,
            rebalanceTimeoutMs: subscription.rebalanceMilliseconds,
            serverAssignor: subscription.assignor,
            classicMemberMetadata: nil
        )
    }
}

extension ConsumerGroupTargetAssignmentMemberValue {
    fileprivate init(_ partitions: Set<AssignedPartition>) {
        self.init(
            topicPartitions: partitions.byTopic.map {
                TopicPartition(topicID: $0.topicID, partitions: $0.partitions.map(\.rawValue))
            }
        )
    }
}

extension ConsumerGroupCurrentMemberAssignmentValue {
    fileprivate init(_ assignment: MemberAssignment) {
        self.init(
            memberEpoch: assignment.epoch.rawValue,
            previousMemberEpoch: assignment.previousEpoch.rawValue,
            state: assignment.state.rawValue,
            assignedPartitions: TopicPartitions.list(assignment.assigned),
            partitionsPendingRevocation: TopicPartitions.list(assignment.revoking)
        )
    }
}

extension ConsumerGroupCurrentMemberAssignmentValue.TopicPartitions {
    fileprivate static func list(_ epochs: [AssignedPartition: GroupEpoch]) -> [Self] {
        epochs.keys.byTopic.map { topic in
            Self(
                topicID: topic.topicID,
                partitions: topic.partitions.map(\.rawValue),
                assignmentEpochs: topic.partitions.map {
                    epochs[AssignedPartition(topic.topicID, $0)]?.rawValue ?? 0
                }
            )
        }
    }
}

extension [ConsumerGroupCurrentMemberAssignmentValue.TopicPartitions] {
    /// Older records have no epochs of partitions: then that of the member stands for them.
    fileprivate func epochs(orAll epoch: GroupEpoch) -> [AssignedPartition: GroupEpoch] {
        var epochs: [AssignedPartition: GroupEpoch] = [:]
        for topic in self {
            let own = topic.assignmentEpochs ?? []
            for (index, partition) in topic.partitions.enumerated() {
                let key = AssignedPartition(topic.topicID, PartitionIndex(partition))
                epochs[key] = own.count == topic.partitions.count ? GroupEpoch(own[index]) : epoch
            }
        }
        return epochs
    }
}
