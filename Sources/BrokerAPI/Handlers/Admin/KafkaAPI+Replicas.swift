import Broker
import KafkaWire
import LogModel

/// Leaders and replicas, where there is one node: nothing to elect, nothing to move.
extension KafkaAPI {
    func electLeaders(_ request: ElectLeadersRequest, _ call: APICall) -> ElectLeadersResponse {
        let isKnown = Self.electionTypes.contains(request.electionType)
        let topics = request.topicPartitions.map { topics in
            topics.map { topic in
                ElectLeadersResponse.ReplicaElectionResult(
                    topic: topic.topic,
                    partitionResult: topic.partitions.map { index in
                        let refusal =
                            isKnown
                            ? electionRefusal(of: topic.topic, index)
                            : Self.unknownElection(request.electionType)
                        return ElectLeadersResponse.PartitionResult(
                            partitionID: index,
                            errorCode: refusal.code.rawValue,
                            errorMessage: refusal.message
                        )
                    }
                )
            }
        }
        // Without a list only partitions that need an election are named: none.
        let all = { [broker] in
            broker.topics().map {
                ElectLeadersResponse.ReplicaElectionResult(topic: $0.name, partitionResult: [])
            }
        }
        return ElectLeadersResponse(
            errorCode: isKnown || call.version == 0 ? 0 : KafkaErrorCode.invalidRequest.rawValue,
            replicaElectionResults: topics ?? (isKnown ? all() : [])
        )
    }

    /// Of the preferred replica, and of any that is there.
    private static let electionTypes: ClosedRange<Int8> = 0...1

    private static func unknownElection(_ type: Int8) -> Refusal {
        Refusal(.invalidRequest, "Unknown election type \(type)")
    }

    private func electionRefusal(of topic: String, _ index: Int32) -> Refusal {
        guard broker.topic(topic) != nil else {
            return Refusal(.unknownTopicOrPartition, "No such topic as \(topic)")
        }
        guard exists(TopicPartition(topic, PartitionIndex(index))) else {
            return Refusal(.unknownTopicOrPartition, "No such partition as \(topic)-\(index)")
        }
        return Refusal(.electionNotNeeded, "Leader election not needed for topic partition.")
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
                        directory.path != logDirectory
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
