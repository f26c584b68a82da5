import Broker
import Coordination
import KafkaWire
import LogModel

/// OffsetFetch 1-9: one group up to version 7, several from 8 on; all topics of a group on null.
extension KafkaAPI {
    func offsetFetch(_ request: OffsetFetchRequest, _ call: APICall) -> OffsetFetchResponse {
        if call.version >= 8 {
            return OffsetFetchResponse(
                groups: request.groups.map {
                    fetchOffsets($0, requireStable: request.requireStable)
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
        let answer = fetchOffsets(group, requireStable: request.requireStable)
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
        requireStable: Bool
    ) -> OffsetFetchResponse.OffsetFetchResponseGroup {
        let asked = group.topics?.flatMap { topic in
            topic.partitionIndexes.map { TopicPartition(topic.name, PartitionIndex($0)) }
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
        var topics = group.topics ?? []
        if group.topics == nil {
            let names = Dictionary(grouping: answers.keys.sorted(), by: \.topic)
            topics = names.sorted { $0.key < $1.key }.map { topic, partitions in
                OffsetFetchRequest.OffsetFetchRequestTopics(
                    name: topic,
                    partitionIndexes: partitions.map(\.partition.rawValue)
                )
            }
        }
        response.topics = topics.map { topic in
            OffsetFetchResponse.OffsetFetchResponseTopics(
                name: topic.name,
                partitions: topic.partitionIndexes.map { index in
                    let name = TopicPartition(topic.name, PartitionIndex(index))
                    return .init(index, answers[name] ?? .none)
                }
            )
        }
        return response
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
