import Broker
import Coordination
import KafkaWire
import LogModel

/// OffsetFetch 1-10: one group up to version 7, several from 8 on; all topics of a group on null.
/// Version 10 names topics by their ids.
extension KafkaAPI {
    func offsetFetch(_ request: OffsetFetchRequest, _ call: APICall) -> OffsetFetchResponse {
        let known = broker.topicSnapshot()
        if call.version >= 8 {
            return OffsetFetchResponse(
                groups: request.groups.map {
                    fetchOffsets($0, call, known, requireStable: request.requireStable)
                }
            )
        }
        let group = OffsetFetchRequest.OffsetFetchRequestGroup(
            groupID: request.groupID,
            topics: request.topics?.map {
                OffsetFetchRequest.OffsetFetchRequestTopics(
                    name: $0.name,
                    partitionIndexes: $0.partitionIndexes
                )
            }
        )
        let answer = fetchOffsets(group, call, known, requireStable: request.requireStable)
        return OffsetFetchResponse(
            topics: answer.topics.map { topic in
                OffsetFetchResponse.OffsetFetchResponseTopic(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        OffsetFetchResponse.OffsetFetchResponsePartition(
                            partitionIndex: $0.partitionIndex,
                            committedOffset: $0.committedOffset,
                            committedLeaderEpoch: $0.committedLeaderEpoch,
                            metadata: $0.metadata,
                            errorCode: call.version < 2 ? answer.errorCode : $0.errorCode
                        )
                    }
                )
            },
            errorCode: answer.errorCode
        )
    }

    private func fetchOffsets(
        _ group: OffsetFetchRequest.OffsetFetchRequestGroup,
        _ call: APICall,
        _ known: TopicSnapshot,
        requireStable: Bool
    ) -> OffsetFetchResponse.OffsetFetchResponseGroup {
        let usesIDs = call.version >= 10
        let named = group.topics?.map { asked in
            let topic =
                usesIDs ? WireTopic(id: asked.topicID, known) : WireTopic(name: asked.name)
            return (topic: topic, indexes: asked.partitionIndexes)
        }
        let asked = named?.filter { !$0.topic.isUnknown }.flatMap { topic, indexes in
            indexes.map { topic.partition($0) }
        }
        var response = OffsetFetchResponse.OffsetFetchResponseGroup(groupID: group.groupID)
        let membership = broker.checkOffsetFetch(
            group: group.groupID,
            memberID: group.memberID,
            epoch: group.memberEpoch
        )
        guard membership == .none else {
            response.errorCode = membership.rawValue
            return response
        }
        var answers: [TopicPartition: OffsetAnswer] = [:]
        do throws(BrokerError) {
            answers = try broker.committedOffsets(
                group: group.groupID,
                partitions: asked,
                requireStable: requireStable,
                isOwn: false
            )
        } catch {
            response.errorCode = error.groupCode.rawValue
        }
        let topics = named ?? all(answers, usesIDs: usesIDs)
        response.topics = topics.map { topic, indexes in
            OffsetFetchResponse.OffsetFetchResponseTopics(
                name: topic.answeredName,
                topicID: topic.answeredID,
                partitions: indexes.map { index in
                    var answer = OffsetFetchResponse.OffsetFetchResponsePartitions(
                        index,
                        answers[topic.partition(index)] ?? .none
                    )
                    if topic.isUnknown {
                        answer.errorCode = KafkaErrorCode.unknownTopicID.rawValue
                    }
                    return answer
                }
            )
        }
        return response
    }

    /// The topics of all answers, sorted by name.
    private func all(
        _ answers: [TopicPartition: OffsetAnswer],
        usesIDs: Bool
    ) -> [(topic: WireTopic, indexes: [Int32])] {
        // Of now: what was committed may be of a topic that came behind the first look.
        let known = broker.topicSnapshot()
        return Dictionary(grouping: answers.keys.sorted(), by: \.topic)
            .sorted { $0.key < $1.key }
            .compactMap { name, partitions in
                let indexes = partitions.map(\.partition.rawValue)
                guard usesIDs else { return (WireTopic(name: name), indexes) }
                // One that is gone meanwhile has none.
                return known.topic(name).map { (WireTopic(id: $0.id, known), indexes) }
            }
    }
}

extension OffsetFetchResponse.OffsetFetchResponsePartitions {
    fileprivate init(_ index: Int32, _ answer: OffsetAnswer) {
        self.init(partitionIndex: index, committedOffset: -1)
        switch answer {
        case .none: break
        case .unstable: errorCode = KafkaErrorCode.unstableOffsetCommit.rawValue
        case .committed(let offset):
            committedOffset = offset.offset.rawValue
            committedLeaderEpoch = offset.leaderEpoch.rawValue
            metadata = offset.metadata
        }
    }
}
