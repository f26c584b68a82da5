import Broker
import Coordination
import KafkaWire
import LogModel

/// OffsetCommit 2-9. A retention that old clients ask for is not looked at: positions live as long
/// as the group does.
extension KafkaAPI {
    func offsetCommit(
        _ request: OffsetCommitRequest,
        _ call: APICall,
        answer: @escaping @Sendable (OffsetCommitResponse?) -> Void
    ) {
        guard !broker.isJobGroup(request.groupID) else {
            return answer(
                OffsetCommitResponse(to: request) { _ in .groupAuthorizationFailed }
            )
        }
        var offsets: [TopicPartition: CommittedOffset] = [:]
        var refused: [TopicPartition: KafkaErrorCode] = [:]
        for topic in request.topics {
            for partition in topic.partitions {
                let name = TopicPartition(topic.name, PartitionIndex(partition.partitionIndex))
                let offset = CommittedOffset(
                    offset: Offset(partition.committedOffset),
                    leaderEpoch: LeaderEpoch(partition.committedLeaderEpoch),
                    metadata: partition.committedMetadata ?? "",
                    commitTime: broker.clock.wallTime()
                )
                if (try? broker.find(name)) == nil {
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
                OffsetCommitResponse(to: request) { name in
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
        _ code: (TopicPartition) -> KafkaErrorCode
    ) {
        self.init(
            topics: request.topics.map { topic in
                OffsetCommitResponseTopic(
                    name: topic.name,
                    partitions: topic.partitions.map { partition in
                        let index = PartitionIndex(partition.partitionIndex)
                        return OffsetCommitResponsePartition(
                            partitionIndex: partition.partitionIndex,
                            errorCode: code(TopicPartition(topic.name, index)).rawValue
                        )
                    }
                )
            }
        )
    }
}
