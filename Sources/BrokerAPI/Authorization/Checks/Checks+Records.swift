import Broker
import Bytes
import KafkaWire
import LogModel

/// What each API asks of its client, as Kafka's brokers do; docs/internals/acls.md has the table.
enum Checks {}

extension Checks {
    static let listOffsets = AccessCheck<ListOffsetsRequest, ListOffsetsResponse> {
        request,
        _,
        rights,
        _ in
        let denied = request.topics.takeDenied { rights.allows(.describe, .topic, $0.name) }
        return .passed { response in
            response.topics += denied.map { topic in
                .init(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        .init(partitionIndex: $0.partitionIndex, errorCode: Unauthorized.topic)
                    }
                )
            }
        }
    }

    static let offsetForLeaderEpoch = AccessCheck<
        OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse
    > { request, _, rights, _ in
        // Once only brokers asked, of whom there are rules for the cluster.
        if rights.mayKnow(.clusterAction, .cluster, Authorizer.clusterName) { return .passed(nil) }
        let denied = request.topics.takeDenied { rights.allows(.describe, .topic, $0.topic) }
        return .passed { response in
            response.topics += denied.map { topic in
                .init(
                    topic: topic.topic,
                    partitions: topic.partitions.map {
                        .init(errorCode: Unauthorized.topic, partition: $0.partition)
                    }
                )
            }
        }
    }

    static let deleteRecords = AccessCheck<DeleteRecordsRequest, DeleteRecordsResponse> {
        request,
        _,
        rights,
        _ in
        let denied = request.topics.takeDenied { rights.allows(.delete, .topic, $0.name) }
        return .passed { response in
            response.topics += denied.map { topic in
                .init(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        .init(
                            partitionIndex: $0.partitionIndex,
                            lowWatermark: -1,
                            errorCode: Unauthorized.topic
                        )
                    }
                )
            }
        }
    }

    static let describeProducers = AccessCheck<
        DescribeProducersRequest, DescribeProducersResponse
    > { request, _, rights, _ in
        let denied = request.topics.takeDenied { rights.allows(.read, .topic, $0.name) }
        return .passed { response in
            response.topics += denied.map { topic in
                .init(
                    name: topic.name,
                    partitions: topic.partitionIndexes.map {
                        .init(partitionIndex: $0, errorCode: Unauthorized.topic)
                    }
                )
            }
        }
    }

    static let findCoordinator = AccessCheck<FindCoordinatorRequest, FindCoordinatorResponse> {
        request,
        call,
        rights,
        _ in
        let type: ResourceType
        let code: Int16
        switch request.keyType {
        case 0: (type, code) = (.group, Unauthorized.group)
        case 1: (type, code) = (.transactionalID, Unauthorized.transactionalID)
        default: return .passed(nil)
        }
        guard call.version >= 4 else {
            if rights.allows(.describe, type, request.key) { return .passed(nil) }
            return .refused(
                FindCoordinatorResponse(
                    errorCode: code,
                    errorMessage: Unauthorized.words,
                    nodeID: -1,
                    port: -1
                )
            )
        }
        let denied = request.coordinatorKeys.takeDenied { rights.allows(.describe, type, $0) }
        return .passed { response in
            response.coordinators += denied.map {
                .init(
                    key: $0,
                    nodeID: -1,
                    port: -1,
                    errorCode: code,
                    errorMessage: Unauthorized.words
                )
            }
        }
    }
}

// MARK: Metadata

extension Checks {
    /// The bits of the cluster's operations, for those who may describe it.
    static func clusterBits(_ rights: Rights) -> Int32 {
        guard rights.mayKnow(.describe, .cluster, Authorizer.clusterName) else { return 0 }
        return rights.bits(ResourceType.cluster.operations, .cluster, Authorizer.clusterName)
    }

    /// Topics that were not asked for by name are left out of the answer; a topic that is not there
    /// is made for those who may make it.
    static let metadata = AccessCheck<MetadataRequest, MetadataResponse> {
        request,
        call,
        rights,
        api in
        let asked = request.topics ?? []
        let isForAll = request.topics == nil || (call.version == 0 && asked.isEmpty)
        var failures: [MetadataResponse.MetadataResponseTopic] = []
        var left: [MetadataRequest.MetadataRequestTopic] = []
        let known = api.broker.topicSnapshot()
        for topic in asked {
            if topic.topicID != .zero {
                let name = known.name(of: topic.topicID)
                if name.map({ rights.allows(.describe, .topic, $0) }) ?? true {
                    left.append(topic)
                } else {
                    failures.append(
                        .init(
                            errorCode: Unauthorized.topic,
                            name: nil,
                            topicID: topic.topicID
                        )
                    )
                }
            } else if let name = topic.name {
                let isMade =
                    request.allowAutoTopicCreation && known.topic(name) == nil
                    && (api.configuration.autoCreatesTopics || InternalTopic(rawValue: name) != nil)
                let isAllowed =
                    rights.allows(.describe, .topic, name) && (!isMade || mayMake(name, rights))
                if isAllowed {
                    left.append(topic)
                } else {
                    failures.append(.init(errorCode: Unauthorized.topic, name: name))
                }
            } else {
                left.append(topic)
            }
        }
        if !isForAll { request.topics = left }
        // Version 0 has no way to ask for none.
        let asksForNone = !isForAll && left.isEmpty && call.version == 0
        let (tellsTopics, tellsCluster) = (
            request.includeTopicAuthorizedOperations, request.includeClusterAuthorizedOperations
        )
        if call.version < KafkaAPI.namelessTopicsVersion {
            for index in failures.indices { failures[index].name = failures[index].name ?? "" }
        }
        let denied = failures
        return .passed { response in
            if asksForNone { response.topics = [] }
            if isForAll {
                response.topics.removeAll { !rights.mayKnow(.describe, .topic, $0.name ?? "") }
            }
            for index in response.topics.indices
            where tellsTopics {
                guard let name = response.topics[index].name, !name.isEmpty else { continue }
                response.topics[index].topicAuthorizedOperations =
                    rights.bits(ResourceType.topic.operations, .topic, name)
            }
            if tellsCluster { response.clusterAuthorizedOperations = clusterBits(rights) }
            response.topics = denied + response.topics
        }
    }

    /// Whether a topic may be made: by leave for all of the cluster, or for its name.
    static func mayMake(_ name: String, _ rights: Rights) -> Bool {
        rights.mayKnow(.create, .cluster, Authorizer.clusterName)
            || rights.allows(.create, .topic, name)
    }

    static let describeTopicPartitions = AccessCheck<
        DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse
    > { request, _, rights, api in
        var denied: [DescribeTopicPartitionsRequest.TopicRequest] = []
        if request.topics.isEmpty {
            request.topics = api.broker.topics().map(\.name)
                .filter { rights.mayKnow(.describe, .topic, $0) }.map { .init(name: $0) }
        } else {
            denied = request.topics.takeDenied { rights.allows(.describe, .topic, $0.name) }
        }
        let failures = denied.map {
            DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic(
                errorCode: Unauthorized.topic,
                name: $0.name
            )
        }
        // No topic would mean all of them.
        guard !request.topics.isEmpty else {
            return .refused(DescribeTopicPartitionsResponse(topics: failures))
        }
        return .passed { response in
            for index in response.topics.indices {
                let name = response.topics[index].name ?? ""
                response.topics[index].topicAuthorizedOperations =
                    rights.bits(ResourceType.topic.operations, .topic, name)
            }
            response.topics = failures + response.topics
        }
    }
}
