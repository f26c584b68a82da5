import Broker
import KafkaWire
import LogModel

/// Leaders and replicas, where there is one node: nothing to elect, nothing to move.
extension KafkaAPI {
    func electLeaders(_ request: ElectLeadersRequest, _ call: APICall) -> ElectLeadersResponse {
        // Without a list only partitions that need an election are named.
        ElectLeadersResponse(
            replicaElectionResults: (request.topicPartitions ?? []).map { topic in
                ElectLeadersResponse.ReplicaElectionResult(
                    topic: topic.topic,
                    partitionResult: topic.partitions.map { index in
                        let exists = exists(TopicPartition(topic.topic, PartitionIndex(index)))
                        let code: KafkaErrorCode =
                            exists ? .electionNotNeeded : .unknownTopicOrPartition
                        return ElectLeadersResponse.PartitionResult(
                            partitionID: index,
                            errorCode: code.rawValue,
                            errorMessage: exists
                                ? "Leader election not needed for topic partition."
                                : Self.unknownPartitionMessage
                        )
                    }
                )
            }
        )
    }

    func alterPartitionReassignments(
        _ request: AlterPartitionReassignmentsRequest,
        _ call: APICall
    ) -> AlterPartitionReassignmentsResponse {
        AlterPartitionReassignmentsResponse(
            allowReplicationFactorChange: request.allowReplicationFactorChange,
            errorMessage: nil,
            responses: request.topics.map { topic in
                AlterPartitionReassignmentsResponse.ReassignableTopicResponse(
                    name: topic.name,
                    partitions: topic.partitions.map { partition in
                        let refusal = refusal(
                            of: partition.replicas,
                            for: TopicPartition(
                                topic.name,
                                PartitionIndex(partition.partitionIndex)
                            )
                        )
                        return AlterPartitionReassignmentsResponse.ReassignablePartitionResponse(
                            partitionIndex: partition.partitionIndex,
                            errorCode: refusal?.code.rawValue ?? 0,
                            errorMessage: refusal?.message
                        )
                    }
                )
            }
        )
    }

    private func refusal(of replicas: [Int32]?, for partition: TopicPartition) -> Refusal? {
        guard exists(partition) else {
            return Refusal(.unknownTopicOrPartition, Self.unknownPartitionMessage)
        }
        guard let replicas else {
            return Refusal(.noReassignmentInProgress, "No partition reassignment is in progress.")
        }
        do throws(Refusal) { try check(replicas: replicas) } catch { return error }
        return nil
    }

    func listPartitionReassignments(
        _ request: ListPartitionReassignmentsRequest,
        _ call: APICall
    ) -> ListPartitionReassignmentsResponse {
        ListPartitionReassignmentsResponse(errorMessage: nil)
    }

    /// There is one directory: a replica that is to go there is there already.
    func alterReplicaLogDirs(
        _ request: AlterReplicaLogDirsRequest,
        _ call: APICall
    ) -> AlterReplicaLogDirsResponse {
        var response = AlterReplicaLogDirsResponse()
        for directory in request.dirs {
            for topic in directory.topics {
                let results = topic.partitions.map { index in
                    let partition = TopicPartition(topic.name, PartitionIndex(index))
                    let code: KafkaErrorCode =
                        directory.path != broker.directory
                        ? .logDirNotFound : exists(partition) ? .none : .unknownTopicOrPartition
                    return AlterReplicaLogDirsResponse.AlterReplicaLogDirPartitionResult(
                        partitionIndex: index,
                        errorCode: code.rawValue
                    )
                }
                response.results.append(.init(topicName: topic.name, partitions: results))
            }
        }
        return response
    }

    private func exists(_ partition: TopicPartition) -> Bool {
        (try? broker.find(partition)) != nil
    }
}
