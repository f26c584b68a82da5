import Broker
import KafkaWire

/// Topics and options.
extension Checks {
    static let createTopics = AccessCheck<CreateTopicsRequest, CreateTopicsResponse> {
        request,
        _,
        rights,
        _ in
        let denied = request.topics.takeDenied { mayMake($0.name, rights) }
        return .passed { response in
            for index in response.topics.indices
            where response.topics[index].errorCode == 0
                && !rights.mayKnow(.describeConfigs, .topic, response.topics[index].name)
            {
                response.topics[index].topicConfigErrorCode = Unauthorized.topic
                response.topics[index].numPartitions = -1
                response.topics[index].replicationFactor = -1
                response.topics[index].configs = []
            }
            response.topics += denied.map {
                .init(
                    name: $0.name,
                    errorCode: Unauthorized.topic,
                    errorMessage: Unauthorized.words
                )
            }
        }
    }

    /// The name behind an id is told to those who may describe the topic, and to them alone whether
    /// there is one of a name. Who may delete in all of the cluster, may delete any.
    static let deleteTopics = AccessCheck<DeleteTopicsRequest, DeleteTopicsResponse> {
        request,
        _,
        rights,
        api in
        if rights.mayKnow(.delete, .cluster, Authorizer.clusterName) { return .passed(nil) }
        var denied: [DeleteTopicsResponse.DeletableTopicResult] = []
        let known = api.broker.topicSnapshot()
        let mayTry = { (name: String) in
            known.topic(name) == nil && rights.mayKnow(.describe, .topic, name)
                || rights.allows(.delete, .topic, name)
        }
        let refuse = { (name: String?) in
            DeleteTopicsResponse.DeletableTopicResult(
                name: name,
                errorCode: Unauthorized.topic,
                errorMessage: Unauthorized.words
            )
        }
        let names = request.topicNames.takeDenied(mayTry)
        denied += names.map(refuse)
        let topics = request.topics.takeDenied { topic in
            // Of both, the name is what counts for the handler.
            let name = topic.name ?? known.name(of: topic.topicID)
            return name.map(mayTry) ?? true
        }
        denied += topics.map { topic in
            if topic.name != nil { return refuse(topic.name) }
            let name = known.name(of: topic.topicID)
            let mayKnow = name.map { rights.mayKnow(.describe, .topic, $0) } ?? false
            var result = refuse(mayKnow ? name : nil)
            result.topicID = topic.topicID
            return result
        }
        let failures = denied
        return .passed { $0.responses += failures }
    }

    static let createPartitions = AccessCheck<CreatePartitionsRequest, CreatePartitionsResponse> {
        request,
        _,
        rights,
        _ in
        let denied = request.topics.takeDenied { rights.allows(.alter, .topic, $0.name) }
        return .passed { response in
            response.results += denied.map {
                .init(
                    name: $0.name,
                    errorCode: Unauthorized.topic,
                    errorMessage: Unauthorized.words
                )
            }
        }
    }

    /// The error of options that may not be seen or changed; nil where they may.
    private static func refusal(
        _ operation: ACLOperation,
        ofType type: Int8,
        _ name: String,
        _ rights: Rights
    ) -> Int16? {
        switch ConfigResourceType(rawValue: type) {
        case .topic: rights.allows(operation, .topic, name) ? nil : Unauthorized.topic
        case .group: rights.allows(operation, .group, name) ? nil : Unauthorized.group
        case .broker, .brokerLogger, .clientMetrics, nil:
            rights.allowsOnCluster(operation) ? nil : Unauthorized.cluster
        }
    }

    static let describeConfigs = AccessCheck<DescribeConfigsRequest, DescribeConfigsResponse> {
        request,
        _,
        rights,
        _ in
        var denied: [DescribeConfigsResponse.DescribeConfigsResult] = []
        _ = request.resources.takeDenied { resource in
            let code = refusal(
                .describeConfigs,
                ofType: resource.resourceType,
                resource.resourceName,
                rights
            )
            guard let code else { return true }
            denied.append(
                .init(
                    errorCode: code,
                    errorMessage: Unauthorized.words,
                    resourceType: resource.resourceType,
                    resourceName: resource.resourceName
                )
            )
            return false
        }
        let failures = denied
        return .passed { $0.results += failures }
    }

    static let alterConfigs = AccessCheck<AlterConfigsRequest, AlterConfigsResponse> {
        request,
        _,
        rights,
        _ in
        var denied: [AlterConfigsResponse.AlterConfigsResourceResponse] = []
        _ = request.resources.takeDenied { resource in
            let code = refusal(
                .alterConfigs,
                ofType: resource.resourceType,
                resource.resourceName,
                rights
            )
            guard let code else { return true }
            denied.append(
                .init(
                    errorCode: code,
                    errorMessage: Unauthorized.words,
                    resourceType: resource.resourceType,
                    resourceName: resource.resourceName
                )
            )
            return false
        }
        let failures = denied
        return .passed { $0.responses += failures }
    }

    static let incrementalAlterConfigs = AccessCheck<
        IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse
    > { request, _, rights, _ in
        var denied: [IncrementalAlterConfigsResponse.AlterConfigsResourceResponse] = []
        _ = request.resources.takeDenied { resource in
            let code = refusal(
                .alterConfigs,
                ofType: resource.resourceType,
                resource.resourceName,
                rights
            )
            guard let code else { return true }
            denied.append(
                .init(
                    errorCode: code,
                    errorMessage: Unauthorized.words,
                    resourceType: resource.resourceType,
                    resourceName: resource.resourceName
                )
            )
            return false
        }
        let failures = denied
        return .passed { $0.responses += failures }
    }
}

/// What is the cluster's.
extension Checks {
    static let listConfigResources = AccessCheck<
        ListConfigResourcesRequest, ListConfigResourcesResponse
    >.cluster(.describeConfigs) { _ in
        ListConfigResourcesResponse(errorCode: Unauthorized.cluster)
    }

    static let describeLogDirs = AccessCheck<
        DescribeLogDirsRequest, DescribeLogDirsResponse
    >.cluster(.describe) { _ in DescribeLogDirsResponse(errorCode: Unauthorized.cluster) }

    static let describeQuorum = AccessCheck<
        DescribeQuorumRequest, DescribeQuorumResponse
    >.cluster(.describe) { _ in DescribeQuorumResponse(errorCode: Unauthorized.cluster) }

    static let alterReplicaLogDirs = AccessCheck<
        AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse
    >.cluster(.alter) { request in
        AlterReplicaLogDirsResponse(
            results: request.dirs.flatMap(\.topics).map { topic in
                .init(
                    topicName: topic.name,
                    partitions: topic.partitions.map {
                        .init(partitionIndex: $0, errorCode: Unauthorized.cluster)
                    }
                )
            }
        )
    }

    /// Anybody may ask who is there; what he may do is told to those who may describe the cluster.
    static let describeCluster = AccessCheck<DescribeClusterRequest, DescribeClusterResponse> {
        request,
        _,
        rights,
        _ in
        guard request.includeClusterAuthorizedOperations else { return .passed(nil) }
        return .passed { $0.clusterAuthorizedOperations = clusterBits(rights) }
    }

    static let describeAcls = AccessCheck<DescribeAclsRequest, DescribeAclsResponse>.cluster(
        .describe
    ) { _ in
        DescribeAclsResponse(errorCode: Unauthorized.cluster, errorMessage: Unauthorized.words)
    }

    static let createAcls = AccessCheck<CreateAclsRequest, CreateAclsResponse>.cluster(.alter) {
        CreateAclsResponse(
            results: $0.creations.map { _ in
                .init(errorCode: Unauthorized.cluster, errorMessage: Unauthorized.words)
            }
        )
    }

    static let deleteAcls = AccessCheck<DeleteAclsRequest, DeleteAclsResponse>.cluster(.alter) {
        DeleteAclsResponse(
            filterResults: $0.filters.map { _ in
                .init(errorCode: Unauthorized.cluster, errorMessage: Unauthorized.words)
            }
        )
    }

    /// The first version has no code for the whole.
    static let electLeaders = AccessCheck<ElectLeadersRequest, ElectLeadersResponse> {
        request,
        call,
        rights,
        _ in
        guard !rights.allowsOnCluster(.alter) else { return .passed(nil) }
        let results = (request.topicPartitions ?? []).map { topic in
            ElectLeadersResponse.ReplicaElectionResult(
                topic: topic.topic,
                partitionResult: topic.partitions.map {
                    ElectLeadersResponse.PartitionResult(
                        partitionID: $0,
                        errorCode: Unauthorized.cluster,
                        errorMessage: Unauthorized.words
                    )
                }
            )
        }
        return .refused(
            ElectLeadersResponse(
                errorCode: call.version == 0 ? 0 : Unauthorized.cluster,
                replicaElectionResults: results
            )
        )
    }

    static let alterReassignments = AccessCheck<
        AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse
    >.cluster(.alter) { request in
        AlterPartitionReassignmentsResponse(
            errorCode: Unauthorized.cluster,
            errorMessage: Unauthorized.words,
            responses: request.topics.map { topic in
                AlterPartitionReassignmentsResponse.ReassignableTopicResponse(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        AlterPartitionReassignmentsResponse.ReassignablePartitionResponse(
                            partitionIndex: $0.partitionIndex,
                            errorCode: Unauthorized.cluster,
                            errorMessage: Unauthorized.words
                        )
                    }
                )
            }
        )
    }

    static let listReassignments = AccessCheck<
        ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse
    >.cluster(.describe) { _ in
        ListPartitionReassignmentsResponse(
            errorCode: Unauthorized.cluster,
            errorMessage: Unauthorized.words
        )
    }

    static let describeQuotas = AccessCheck<
        DescribeClientQuotasRequest, DescribeClientQuotasResponse
    >.cluster(.describeConfigs) { _ in
        DescribeClientQuotasResponse(
            errorCode: Unauthorized.cluster,
            errorMessage: Unauthorized.words,
            entries: nil
        )
    }

    static let alterQuotas = AccessCheck<
        AlterClientQuotasRequest, AlterClientQuotasResponse
    >.cluster(.alterConfigs) { request in
        AlterClientQuotasResponse(
            entries: request.entries.map { entry in
                .init(
                    errorCode: Unauthorized.cluster,
                    errorMessage: Unauthorized.words,
                    entity: entry.entity.map {
                        .init(entityType: $0.entityType, entityName: $0.entityName)
                    }
                )
            }
        )
    }

    static let describeCredentials = AccessCheck<
        DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse
    >.cluster(.describe) { _ in
        DescribeUserScramCredentialsResponse(
            errorCode: Unauthorized.cluster,
            errorMessage: Unauthorized.words
        )
    }

    static let alterCredentials = AccessCheck<
        AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse
    >.cluster(.alter) { request in
        let users = Set(request.deletions.map(\.name) + request.upsertions.map(\.name))
        return AlterUserScramCredentialsResponse(
            results: users.sorted().map {
                .init(
                    user: $0,
                    errorCode: Unauthorized.cluster,
                    errorMessage: Unauthorized.words
                )
            }
        )
    }
}
