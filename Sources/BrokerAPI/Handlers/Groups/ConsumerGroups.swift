import Broker
import Bytes
import Coordination
import KafkaWire
import LogModel

/// ConsumerGroupHeartbeat 0-1, ConsumerGroupDescribe 0-1. Version 1 of the heartbeat brought
/// regular expressions, and ids that members give themselves.
extension KafkaAPI {
    func consumerGroupHeartbeat(
        _ request: ConsumerGroupHeartbeatRequest,
        _ call: APICall,
        answer: @escaping @Sendable (ConsumerGroupHeartbeatResponse?) -> Void
    ) {
        let beat = ConsumerHeartbeat(
            group: request.groupID,
            memberID: request.memberID,
            epoch: GroupEpoch(request.memberEpoch),
            instanceID: request.instanceID,
            rackID: request.rackID,
            clientID: call.clientID ?? "",
            clientHost: "/\(call.connection.host)",
            rebalanceMilliseconds: request.rebalanceTimeoutMs,
            topicNames: request.subscribedTopicNames,
            pattern: request.subscribedTopicRegex,
            assignor: request.serverAssignor,
            ownedPartitions: request.topicPartitions.map { topics in
                topics.flatMap { topic in
                    topic.partitions.map { AssignedPartition(topic.topicID, PartitionIndex($0)) }
                }
            }
        )
        if let refusal = beat.refusal(namesItself: call.version >= 1) {
            return answer(ConsumerGroupHeartbeatResponse(.refused(refusal)))
        }
        guard !broker.isJobGroup(request.groupID) else {
            return answer(
                ConsumerGroupHeartbeatResponse(
                    .refused(
                        GroupRefusal(
                            .groupAuthorizationFailed,
                            "Group \(request.groupID) is a job's: nobody joins it from outside."
                        )
                    )
                )
            )
        }
        let mayDescribe = rights(of: call.connection).map { rights in
            { @Sendable (topic: String) in rights.mayKnow(.describe, .topic, topic) }
        }
        broker.consumerHeartbeat(beat, mayDescribe: mayDescribe) {
            answer(ConsumerGroupHeartbeatResponse($0))
        }
    }

    func consumerGroupDescribe(
        _ request: ConsumerGroupDescribeRequest,
        _ call: APICall
    ) -> ConsumerGroupDescribeResponse {
        let names = Dictionary(
            broker.topicImage().topics.map { ($1.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        return ConsumerGroupDescribeResponse(
            groups: request.groupIDs.map { id in
                var described = describeConsumerGroup(id, names)
                let isThere = described.errorCode == KafkaErrorCode.none.rawValue
                if request.includeAuthorizedOperations, isThere {
                    described.authorizedOperations = Self.groupOperations
                }
                return described
            }
        )
    }

    private func describeConsumerGroup(
        _ id: String,
        _ names: [UniqueID: String]
    ) -> ConsumerGroupDescribeResponse.DescribedGroup {
        guard !id.isEmpty else {
            return .init(errorCode: KafkaErrorCode.invalidGroupID.rawValue, groupID: id)
        }
        do throws(BrokerError) {
            if let group = try broker.describeConsumerGroup(id) { return .init(group, names) }
            let isClassic = try broker.describeGroup(id) != nil
            return .init(
                errorCode: KafkaErrorCode.groupIDNotFound.rawValue,
                errorMessage: "Group \(id) \(isClassic ? "is not a consumer group" : "not found").",
                groupID: id
            )
        } catch {
            return .init(errorCode: error.groupCode.rawValue, groupID: id)
        }
    }
}

extension ConsumerGroupHeartbeatResponse {
    fileprivate init(_ answer: ConsumerHeartbeatAnswer) {
        switch answer {
        case .refused(let refusal):
            self.init(errorCode: refusal.code.rawValue, errorMessage: refusal.message)
        case .left(let memberID, let epoch):
            self.init(memberID: memberID, memberEpoch: epoch.rawValue)
        case .accepted(let memberID, let epoch, let interval, let assignment):
            self.init(
                memberID: memberID,
                memberEpoch: epoch.rawValue,
                heartbeatIntervalMs: interval,
                assignment: assignment.map { topics in
                    Assignment(
                        topicPartitions: topics.map {
                            TopicPartitions(
                                topicID: $0.topicID,
                                partitions: $0.partitions.map(\.rawValue)
                            )
                        }
                    )
                }
            )
        }
    }
}

extension ConsumerGroupDescribeResponse.DescribedGroup {
    fileprivate init(_ group: ConsumerGroupDescription, _ names: [UniqueID: String]) {
        self.init(
            groupID: group.id,
            groupState: group.state,
            groupEpoch: group.epoch.rawValue,
            assignmentEpoch: group.targetEpoch.rawValue,
            assignorName: group.assignor,
            members: group.members.map { member in
                ConsumerGroupDescribeResponse.Member(
                    memberID: member.id,
                    instanceID: member.subscription.instanceID,
                    rackID: member.subscription.rackID,
                    memberEpoch: member.epoch.rawValue,
                    clientID: member.subscription.clientID,
                    clientHost: member.subscription.clientHost,
                    subscribedTopicNames: member.subscription.topicNames,
                    subscribedTopicRegex: member.subscription.pattern,
                    assignment: .init(member.assigned, names),
                    targetAssignment: .init(member.target, names),
                    memberType: Self.ofConsumerProtocol
                )
            }
        )
    }

    /// A member that sends heartbeats of this kind; 0 would be a classic one in the same group.
    private static let ofConsumerProtocol: Int8 = 1
}

extension ConsumerGroupDescribeResponse.Assignment {
    /// Topics that are gone have no name, and are left out.
    fileprivate init(_ topics: [TopicAssignment], _ names: [UniqueID: String]) {
        self.init(
            topicPartitions: topics.compactMap { topic in
                names[topic.topicID].map { name in
                    ConsumerGroupDescribeResponse.TopicPartitions(
                        topicID: topic.topicID,
                        topicName: name,
                        partitions: topic.partitions.map(\.rawValue)
                    )
                }
            }
        )
    }
}
