import Broker
import Bytes
import KafkaWire

/// Groups: READ for members, DESCRIBE for those who look, DELETE for those who remove.
extension Checks {
    static let joinGroup = AccessCheck<JoinGroupRequest, JoinGroupResponse>.group(
        .read,
        \.groupID
    ) { JoinGroupResponse(errorCode: Unauthorized.group, memberID: $0.memberID) }

    static let syncGroup = AccessCheck<SyncGroupRequest, SyncGroupResponse>.group(
        .read,
        \.groupID
    ) { _ in SyncGroupResponse(errorCode: Unauthorized.group) }

    static let heartbeat = AccessCheck<HeartbeatRequest, HeartbeatResponse>.group(
        .read,
        \.groupID
    ) { _ in HeartbeatResponse(errorCode: Unauthorized.group) }

    static let leaveGroup = AccessCheck<LeaveGroupRequest, LeaveGroupResponse>.group(
        .read,
        \.groupID
    ) { _ in LeaveGroupResponse(errorCode: Unauthorized.group) }

    /// Of what a pattern finds a member is told the topics that it may describe.
    static let consumerGroupHeartbeat = AccessCheck<
        ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse
    > { request, _, rights, api in
        guard rights.allows(.read, .group, request.groupID) else {
            return .refused(ConsumerGroupHeartbeatResponse(errorCode: Unauthorized.group))
        }
        for name in request.subscribedTopicNames ?? []
        where !rights.allows(.describe, .topic, name) {
            return .refused(ConsumerGroupHeartbeatResponse(errorCode: Unauthorized.topic))
        }
        return .passed { response in
            let known = api.broker.topicSnapshot()
            response.assignment?.topicPartitions.removeAll { assigned in
                guard let name = known.name(of: assigned.topicID) else { return false }
                return !rights.mayKnow(.describe, .topic, name)
            }
        }
    }

    static let consumerGroupDescribe = AccessCheck<
        ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse
    > { request, _, rights, _ in
        let denied = request.groupIDs.takeDenied { rights.allows(.describe, .group, $0) }
        let tellsOperations = request.includeAuthorizedOperations
        return .passed { response in
            for index in response.groups.indices where response.groups[index].errorCode == 0 {
                let group = response.groups[index]
                let topics = Set(
                    group.members.flatMap { member in
                        member.subscribedTopicNames
                            + member.assignment.topicPartitions.map(\.topicName)
                            + member.targetAssignment.topicPartitions.map(\.topicName)
                    }
                )
                if topics.contains(where: { !rights.mayKnow(.describe, .topic, $0) }) {
                    response.groups[index] = .init(
                        errorCode: Unauthorized.topic,
                        errorMessage: "The described group uses topics that the client is not "
                            + "authorized to describe.",
                        groupID: group.groupID
                    )
                } else if tellsOperations {
                    response.groups[index].authorizedOperations &=
                        rights.bits(ResourceType.group.operations, .group, group.groupID)
                }
            }
            response.groups += denied.map {
                .init(errorCode: Unauthorized.group, groupID: $0)
            }
        }
    }

    static let describeGroups = AccessCheck<DescribeGroupsRequest, DescribeGroupsResponse> {
        request,
        _,
        rights,
        _ in
        let denied = request.groups.takeDenied { rights.allows(.describe, .group, $0) }
        let tellsOperations = request.includeAuthorizedOperations
        return .passed { response in
            for index in response.groups.indices
            where tellsOperations && response.groups[index].errorCode == 0 {
                response.groups[index].authorizedOperations &=
                    rights.bits(
                        ResourceType.group.operations,
                        .group,
                        response.groups[index].groupID
                    )
            }
            response.groups += denied.map { .init(errorCode: Unauthorized.group, groupID: $0) }
        }
    }

    static let listGroups = AccessCheck<ListGroupsRequest, ListGroupsResponse> {
        _,
        _,
        rights,
        _ in
        if rights.mayKnow(.describe, .cluster, Authorizer.clusterName) { return .passed(nil) }
        return .passed { response in
            response.groups.removeAll { !rights.mayKnow(.describe, .group, $0.groupID) }
        }
    }

    static let deleteGroups = AccessCheck<DeleteGroupsRequest, DeleteGroupsResponse> {
        request,
        _,
        rights,
        _ in
        let denied = request.groupsNames.takeDenied { rights.allows(.delete, .group, $0) }
        return .passed { response in
            response.results += denied.map { .init(groupID: $0, errorCode: Unauthorized.group) }
        }
    }
}

// MARK: Positions

extension Checks {
    static let offsetCommit = AccessCheck<OffsetCommitRequest, OffsetCommitResponse> {
        request,
        _,
        rights,
        api in
        let refused = {
            @Sendable (
                topic: OffsetCommitRequest.OffsetCommitRequestTopic,
                code: Int16
            ) in
            OffsetCommitResponse.OffsetCommitResponseTopic(
                name: topic.name,
                topicID: topic.topicID,
                partitions: topic.partitions.map {
                    .init(partitionIndex: $0.partitionIndex, errorCode: code)
                }
            )
        }
        guard rights.allows(.read, .group, request.groupID) else {
            let topics = request.topics.map { refused($0, Unauthorized.group) }
            return .refused(OffsetCommitResponse(topics: topics))
        }
        let known = api.broker.topicSnapshot()
        let denied = request.topics.takeDenied { topic in
            guard topic.topicID != .zero else { return rights.allows(.read, .topic, topic.name) }
            // One that nobody knows is told to be unknown.
            guard let name = known.name(of: topic.topicID) else { return true }
            return rights.allows(.read, .topic, name)
        }
        return .passed { response in
            response.topics += denied.map { refused($0, Unauthorized.topic) }
        }
    }

    static let offsetFetch = AccessCheck<OffsetFetchRequest, OffsetFetchResponse> {
        request,
        call,
        rights,
        api in
        call.version < 8
            ? oneOffsetFetch(&request, call.version, rights)
            : offsetFetches(&request, rights, api)
    }

    private static func oneOffsetFetch(
        _ request: inout OffsetFetchRequest,
        _ version: Int16,
        _ rights: Rights
    ) -> AccessCheck<OffsetFetchRequest, OffsetFetchResponse>.Outcome {
        let refused = {
            @Sendable (
                topic: OffsetFetchRequest.OffsetFetchRequestTopic,
                code: Int16
            ) in
            OffsetFetchResponse.OffsetFetchResponseTopic(
                name: topic.name,
                partitions: topic.partitionIndexes.map {
                    .init(partitionIndex: $0, committedOffset: -1, errorCode: code)
                }
            )
        }
        guard rights.allows(.describe, .group, request.groupID) else {
            let topics = version < 2 ? request.topics ?? [] : []
            return .refused(
                OffsetFetchResponse(
                    topics: topics.map { refused($0, Unauthorized.group) },
                    errorCode: Unauthorized.group
                )
            )
        }
        guard request.topics != nil else {
            return .passed { response in
                response.topics.removeAll { !rights.mayKnow(.describe, .topic, $0.name) }
            }
        }
        let denied =
            request.topics?.takeDenied { rights.allows(.describe, .topic, $0.name) } ?? []
        return .passed { response in
            // An error of the group has no topics.
            guard response.errorCode == 0 else { return }
            response.topics += denied.map { refused($0, Unauthorized.topic) }
        }
    }

    private static func offsetFetches(
        _ request: inout OffsetFetchRequest,
        _ rights: Rights,
        _ api: KafkaAPI
    ) -> AccessCheck<OffsetFetchRequest, OffsetFetchResponse>.Outcome {
        let refused = request.groups.takeDenied { rights.allows(.describe, .group, $0.groupID) }
        var denied: [[OffsetFetchResponse.OffsetFetchResponseTopics]] = []
        var isForAll: [Bool] = []
        let known = api.broker.topicSnapshot()
        for index in request.groups.indices {
            isForAll.append(request.groups[index].topics == nil)
            let taken = request.groups[index].topics?.takeDenied { topic in
                guard topic.topicID != .zero else {
                    return rights.allows(.describe, .topic, topic.name)
                }
                guard let name = known.name(of: topic.topicID) else { return true }
                return rights.allows(.describe, .topic, name)
            }
            denied.append(
                (taken ?? []).map { topic in
                    .init(
                        name: topic.name,
                        topicID: topic.topicID,
                        partitions: topic.partitionIndexes.map {
                            .init(
                                partitionIndex: $0,
                                committedOffset: -1,
                                errorCode: Unauthorized.topic
                            )
                        }
                    )
                }
            )
        }
        let (failures, hidesOthers) = (denied, isForAll)
        return .passed { response in
            let known = api.broker.topicSnapshot()
            // The handler answers the groups in their order.
            for index in response.groups.indices.prefix(failures.count)
            where response.groups[index].errorCode == 0 {
                if hidesOthers[index] {
                    response.groups[index].topics.removeAll { topic in
                        let name =
                            topic.topicID == .zero
                            ? topic.name : known.name(of: topic.topicID) ?? ""
                        return !rights.mayKnow(.describe, .topic, name)
                    }
                }
                response.groups[index].topics += failures[index]
            }
            response.groups += refused.map {
                .init(groupID: $0.groupID, errorCode: Unauthorized.group)
            }
        }
    }

    static let offsetDelete = AccessCheck<OffsetDeleteRequest, OffsetDeleteResponse> {
        request,
        _,
        rights,
        _ in
        guard rights.allows(.delete, .group, request.groupID) else {
            return .refused(OffsetDeleteResponse(errorCode: Unauthorized.group))
        }
        let denied = request.topics.takeDenied { rights.allows(.read, .topic, $0.name) }
        return .passed { response in
            guard response.errorCode == 0 else { return }
            response.topics += denied.map { topic in
                .init(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        .init(
                            partitionIndex: $0.partitionIndex,
                            errorCode: Unauthorized.topic
                        )
                    }
                )
            }
        }
    }
}
