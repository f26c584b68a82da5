import KafkaRecords
import KafkaWire
package import LogModel

/// A group as a cluster lists it.
package struct ClusterGroup: Sendable, Equatable {
    /// How its members share what they read.
    package enum Kind: Sendable, Equatable {
        /// A partition is one member's; the group has a position in it.
        case reader
        /// Records are handed out and acknowledged one by one.
        case share
        /// Kafka Streams' own protocol.
        case streams
        /// A newer one, by Kafka's word.
        case other(String)

        /// - Parameter word: empty from servers that do not tell; such have none but readers.
        init(_ word: String) {
            switch word.lowercased() {
            case "", "classic", "consumer": self = .reader
            case "share": self = .share
            case "streams": self = .streams
            default: self = .other(word)
            }
        }
    }

    package let name: String
    package let protocolType: String
    /// Kafka's word: `Stable`, `Empty`; empty where an old server does not tell.
    package let state: String
    package var kind = Kind.reader
    /// Whether this client may read as the group, and so move its positions.
    package var mayBeRead = true
}

/// A member of a group.
package struct ClusterGroupMember: Sendable, Equatable {
    package let id: String
    package let clientID: String
    package let host: String
    /// What it is to read, as far as the group tells that in Kafka's form.
    package let assigned: [TopicPartition]
}

/// Groups and their positions.
extension KafkaCluster {
    /// The next offset that a group is to read, for those partitions that have one, of all for nil.
    /// Where it `isStable`, an open transaction that holds positions is waited for.
    package func committedOffsets(
        group: String,
        partitions: [TopicPartition]?,
        isStable: Bool = true
    ) throws(KafkaClientError) -> [TopicPartition: Offset] {
        try retrying { () throws(KafkaClientError) in
            let response = try ask(of: Self.coordinator(group)) { version in
                OffsetFetchRequest(
                    groupID: group,
                    topics: partitions.map { partitions in
                        Self.byTopic(partitions).map {
                            OffsetFetchRequest.OffsetFetchRequestTopic(
                                name: $0.0,
                                partitionIndexes: $0.1
                            )
                        }
                    },
                    requireStable: isStable && version >= 7
                )
            }
            try check(response.errorCode, about: "the group '\(group)'")
            var offsets: [TopicPartition: Offset] = [:]
            for topic in response.topics {
                for partition in topic.partitions {
                    let name = TopicPartition(topic.name, PartitionIndex(partition.partitionIndex))
                    try check(partition.errorCode, about: "the group '\(group)' in \(name)")
                    if partition.committedOffset >= 0 {
                        offsets[name] = Offset(partition.committedOffset)
                    }
                }
            }
            return offsets
        }
    }

    /// Notes positions for a group that has no members.
    package func commitOffsets(
        group: String,
        _ offsets: [TopicPartition: Offset]
    ) throws(KafkaClientError) {
        let topics = Self.byTopic(Array(offsets.keys)).map { topic, indexes in
            OffsetCommitRequest.OffsetCommitRequestTopic(
                name: topic,
                partitions: indexes.map { index in
                    let name = TopicPartition(topic, PartitionIndex(index))
                    return OffsetCommitRequest.OffsetCommitRequestPartition(
                        partitionIndex: index,
                        committedOffset: offsets[name]?.rawValue ?? -1
                    )
                }
            )
        }
        try retrying { () throws(KafkaClientError) in
            let response = try ask(
                OffsetCommitRequest(groupID: group, topics: topics),
                of: Self.coordinator(group)
            )
            for topic in response.topics {
                for partition in topic.partitions {
                    try check(partition.errorCode, about: "the group '\(group)'")
                }
            }
        }
    }

    /// Every group of every node.
    package func groups() throws(KafkaClientError) -> [ClusterGroup] {
        try retrying { () throws(KafkaClientError) in
            var found: [ClusterGroup] = []
            for node in try nodes() {
                let response = try ask(ListGroupsRequest(), of: node)
                try check(response.errorCode, about: "the list of groups")
                found += response.groups.map {
                    ClusterGroup(
                        name: $0.groupID,
                        protocolType: $0.protocolType,
                        state: $0.groupState,
                        kind: ClusterGroup.Kind($0.groupType)
                    )
                }
            }
            return found.sorted { $0.name < $1.name }
        }
    }

    /// A group's state and members; nil where there is none of that name.
    package func describe(
        group: String
    ) throws(KafkaClientError) -> (ClusterGroup, [ClusterGroupMember])? {
        try retrying { () throws(KafkaClientError) in
            let response = try ask(of: Self.coordinator(group)) { version in
                DescribeGroupsRequest(groups: [group], includeAuthorizedOperations: version >= 3)
            }
            let found = response.groups.first
            let code = KafkaErrorCode(rawValue: found?.errorCode ?? 0)
            guard let found, code != .groupIDNotFound, found.groupState != "Dead" else {
                return try describeNewer(group)
            }
            try check(found.errorCode, about: "the group '\(group)'", found.errorMessage)
            return (
                ClusterGroup(
                    name: group,
                    protocolType: found.protocolType,
                    state: found.groupState,
                    mayBeRead: Self.mayRead(found.authorizedOperations)
                ),
                found.members.map {
                    ClusterGroupMember(
                        id: $0.memberID,
                        clientID: $0.clientID,
                        host: $0.clientHost,
                        assigned: found.protocolType == "consumer"
                            ? Self.assigned($0.memberAssignment) : []
                    )
                }
            )
        }
    }

    /// The bytes are a member's, the group's leader: what is no assignment assigns nothing.
    private static func assigned(_ bytes: [UInt8]) -> [TopicPartition] {
        let topics = (try? ConsumerProtocolAssignment(decoding: bytes))?.assignedPartitions ?? []
        return topics.flatMap { topic in
            topic.partitions.filter { $0 >= 0 }.map {
                TopicPartition(topic.topic, PartitionIndex($0))
            }
        }
    }

    /// A group of the newer protocol, of which the older request knows nothing; nil where there is
    /// none either, or the server has no such groups.
    private func describeNewer(
        _ group: String
    ) throws(KafkaClientError) -> (ClusterGroup, [ClusterGroupMember])? {
        let response: ConsumerGroupDescribeResponse
        do throws(KafkaClientError) {
            response = try ask(
                ConsumerGroupDescribeRequest(
                    groupIDs: [group],
                    includeAuthorizedOperations: true
                ),
                of: Self.coordinator(group)
            )
        } catch {
            guard case .unsupported = error else { throw error }
            return nil
        }
        guard let found = response.groups.first else { return nil }
        if KafkaErrorCode(rawValue: found.errorCode) == .groupIDNotFound { return nil }
        try check(found.errorCode, about: "the group '\(group)'", found.errorMessage)
        return (
            ClusterGroup(
                name: group,
                protocolType: "consumer",
                state: found.groupState,
                mayBeRead: Self.mayRead(found.authorizedOperations)
            ),
            found.members.map { member in
                ClusterGroupMember(
                    id: member.memberID,
                    clientID: member.clientID,
                    host: member.clientHost,
                    assigned: member.assignment.topicPartitions.flatMap { topic in
                        topic.partitions.filter { $0 >= 0 }.map {
                            TopicPartition(topic.topicName, PartitionIndex($0))
                        }
                    }
                )
            }
        )
    }

    /// The smallest number stands for a server that does not tell.
    private static func mayRead(_ operations: Int32) -> Bool {
        operations == Int32.min || operations & readOperation != 0
    }

    /// One bit for each operation that Kafka's ACLs have.
    private static let readOperation: Int32 = 1 << 3

    package func deleteGroup(_ group: String) throws(KafkaClientError) {
        var mayBeGone = false
        try retrying { () throws(KafkaClientError) in
            let response: DeleteGroupsResponse
            do throws(KafkaClientError) {
                response = try ask(
                    DeleteGroupsRequest(groupsNames: [group]),
                    of: Self.coordinator(group)
                )
            } catch {
                mayBeGone = mayBeGone || error.isUncertain
                throw error
            }
            for result in response.results {
                let code = KafkaErrorCode(rawValue: result.errorCode)
                if code == .groupIDNotFound, mayBeGone { continue }
                try check(result.errorCode, about: "the group '\(group)'")
            }
        }
    }

    private static func coordinator(_ group: String) -> Node {
        .coordinator(CoordinatorKey(kind: .group, name: group))
    }
}
