import Broker
import Coordination
import KafkaWire
import LogModel

/// DescribeGroups 0-6, ListGroups 0-5, DeleteGroups 0-2, OffsetDelete 0.
extension KafkaAPI {
    /// All that may be done to a group (read, delete, describe, its options): there are no ACLs.
    static let groupOperations: Int32 = 3400
    /// What others may do to a job's group: describe it and its options.
    private static let jobGroupOperations: Int32 = 1280

    func describeGroups(
        _ request: DescribeGroupsRequest,
        _ call: APICall
    ) -> DescribeGroupsResponse {
        DescribeGroupsResponse(
            groups: request.groups.map { id in
                var described = describe(id, version: call.version)
                let isThere = described.errorCode == KafkaErrorCode.none.rawValue
                if request.includeAuthorizedOperations, isThere {
                    described.authorizedOperations =
                        broker.isJobGroup(id) ? Self.jobGroupOperations : Self.groupOperations
                }
                return described
            }
        )
    }

    private func describe(_ id: String, version: Int16) -> DescribeGroupsResponse.DescribedGroup {
        do throws(BrokerError) {
            guard let group = try broker.describeGroup(id) else {
                var missing = DescribeGroupsResponse.DescribedGroup(groupID: id, groupState: "Dead")
                if version >= 6 {
                    missing.errorCode = KafkaErrorCode.groupIDNotFound.rawValue
                    missing.errorMessage = "Group \(id) not found."
                }
                return missing
            }
            if group.kind == .consumer {
                var other = DescribeGroupsResponse.DescribedGroup(groupID: id, groupState: "Dead")
                if version >= 6 {
                    other.errorCode = KafkaErrorCode.groupIDNotFound.rawValue
                    other.errorMessage = "Group \(id) is not a classic group."
                }
                return other
            }
            return DescribeGroupsResponse.DescribedGroup(
                groupID: id,
                groupState: group.state,
                protocolType: group.protocolType,
                protocolData: group.protocolName,
                members: group.members.map {
                    DescribeGroupsResponse.DescribedGroupMember(
                        memberID: $0.id,
                        groupInstanceID: $0.instanceID,
                        clientID: $0.clientID,
                        clientHost: $0.clientHost,
                        memberMetadata: $0.metadata,
                        memberAssignment: $0.assignment
                    )
                }
            )
        } catch {
            return .init(errorCode: error.groupCode.rawValue, groupID: id)
        }
    }

    /// Filters leave what they name, whatever the case of its letters; none leaves all.
    func listGroups(_ request: ListGroupsRequest, _ call: APICall) -> ListGroupsResponse {
        let states = Set(request.statesFilter.map { $0.lowercased() })
        let types = Set(request.typesFilter.map { $0.lowercased() })
        let groups = broker.listGroups().filter {
            (states.isEmpty || states.contains($0.state.lowercased()))
                && (types.isEmpty || types.contains($0.kind.name))
        }
        return ListGroupsResponse(
            groups: groups.map {
                ListGroupsResponse.ListedGroup(
                    groupID: $0.id,
                    protocolType: $0.protocolType,
                    groupState: call.version >= 4 ? $0.state : "",
                    groupType: call.version >= 5 ? $0.kind.name : ""
                )
            }
        )
    }

    func deleteGroups(_ request: DeleteGroupsRequest, _ call: APICall) -> DeleteGroupsResponse {
        var seen: Set<ExactText> = []
        let ids = request.groupsNames.filter { seen.insert(ExactText($0)).inserted }
        let deletable = ids.filter { !broker.isJobGroup($0) }
        var codes: [ExactText: KafkaErrorCode] = [:]
        for (id, code) in zip(deletable, broker.deleteGroups(deletable)) { codes[id] = code }
        return DeleteGroupsResponse(
            results: ids.map { id in
                DeleteGroupsResponse.DeletableGroupResult(
                    groupID: id,
                    errorCode: (codes[id] ?? .groupAuthorizationFailed).rawValue
                )
            }
        )
    }

    /// Positions of topics that members subscribe to stay.
    func offsetDelete(_ request: OffsetDeleteRequest, _ call: APICall) -> OffsetDeleteResponse {
        func refused(_ code: KafkaErrorCode) -> OffsetDeleteResponse {
            OffsetDeleteResponse(errorCode: code.rawValue)
        }
        guard !broker.isJobGroup(request.groupID) else { return refused(.groupAuthorizationFailed) }
        guard !request.groupID.isEmpty else { return refused(.invalidGroupID) }
        let topics = broker.topicSnapshot()
        let named = request.topics.flatMap { topic in
            topic.partitions.map {
                TopicPartition(topic.name, PartitionIndex($0.partitionIndex))
            }
        }
        do throws(BrokerError) {
            let known = Set(named.filter { topics.contains($0) })
            switch try broker.deleteOffsets(of: request.groupID, known) {
            case .refused(let code): return refused(code)
            case .done(let subscribed): return answer(request, known, subscribed)
            }
        } catch {
            return refused(error.groupCode)
        }
    }

    private func answer(
        _ request: OffsetDeleteRequest,
        _ known: Set<TopicPartition>,
        _ subscribed: GroupSubscription
    ) -> OffsetDeleteResponse {
        func code(_ name: TopicPartition) -> KafkaErrorCode {
            guard known.contains(name) else { return .unknownTopicOrPartition }
            return subscribed.contains(name.topic) ? .groupSubscribedToTopic : .none
        }
        return OffsetDeleteResponse(
            topics: request.topics.map { topic in
                OffsetDeleteResponse.OffsetDeleteResponseTopic(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        let index = PartitionIndex($0.partitionIndex)
                        return OffsetDeleteResponse.OffsetDeleteResponsePartition(
                            partitionIndex: $0.partitionIndex,
                            errorCode: code(TopicPartition(topic.name, index)).rawValue
                        )
                    }
                )
            }
        )
    }
}
