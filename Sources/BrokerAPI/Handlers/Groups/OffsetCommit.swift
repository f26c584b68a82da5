import Broker
import Coordination
import KafkaWire
import LogModel

/// OffsetCommit 2-10, the last with topics by their ids. A retention that old clients ask for is
/// not looked at: positions live as long as the group does.
extension KafkaAPI {
    func offsetCommit(
        _ request: OffsetCommitRequest,
        _ call: APICall,
        answer: @escaping @Sendable (OffsetCommitResponse?) -> Void
    ) {
        let known = broker.topicSnapshot()
        let topics = request.topics.map {
            call.version >= 10 ? WireTopic(id: $0.topicID, known) : WireTopic(name: $0.name)
        }
        guard !broker.isJobGroup(request.groupID) else {
            return answer(
                OffsetCommitResponse(to: request, topics) { _ in .groupAuthorizationFailed }
            )
        }
        var offsets: [TopicPartition: CommittedOffset] = [:]
        var refused: [TopicPartition: KafkaErrorCode] = [:]
        for (asked, topic) in zip(request.topics, topics) where !topic.isUnknown {
            for partition in asked.partitions {
                let name = topic.partition(partition.partitionIndex)
                var offset = CommittedOffset(
                    offset: Offset(partition.committedOffset),
                    leaderEpoch: LeaderEpoch(partition.committedLeaderEpoch),
                    metadata: partition.committedMetadata ?? "",
                    commitTime: broker.clock.wallTime()
                )
                // Of another topic that has the name meanwhile nothing is committed.
                if let id = topic.id { offset.topicID = id }
                if !known.contains(name) {
                    refused[name] = .unknownTopicOrPartition
                } else if GroupOffsets.check([offset]) != .none {
                    refused[name] = GroupOffsets.check([offset])
                } else {
                    offsets[name] = offset
                }
            }
        }
        let claim = GroupMemberClaim(
            memberID: request.memberID,
            instanceID: request.groupInstanceID,
            generation: request.generationIDOrMemberEpoch
        )
        let refusals = refused
        broker.commitOffsets(
            group: request.groupID,
            claim,
            offsets,
            hasMemberEpochs: call.version >= 9
        ) { code in
            answer(
                OffsetCommitResponse(to: request, topics) { name in
                    let refusal = refusals[name] ?? .none
                    // Who is fenced hears that first, of all partitions that there are.
                    return code == .none || refusal == .unknownTopicOrPartition ? refusal : code
                }
            )
        }
    }
}

extension OffsetCommitResponse {
    fileprivate init(
        to request: OffsetCommitRequest,
        _ topics: [WireTopic],
        _ code: (TopicPartition) -> KafkaErrorCode
    ) {
        self.init(
            topics: zip(request.topics, topics).map { asked, topic in
                OffsetCommitResponseTopic(
                    name: topic.answeredName,
                    topicID: topic.answeredID,
                    partitions: asked.partitions.map { partition in
                        let name = topic.partition(partition.partitionIndex)
                        return OffsetCommitResponsePartition(
                            partitionIndex: partition.partitionIndex,
                            errorCode: (topic.isUnknown ? .unknownTopicID : code(name)).rawValue
                        )
                    }
                )
            }
        )
    }
}
