import KafkaRecords
import KafkaWire
import LogModel

/// One request of each API about what there is in `AccessTests`, and the type of its answer.
let unauthorizedRequests: [Int16: (any KafkaMessage, any KafkaMessage.Type)] = {
    var requests = groupRequests
    requests.merge(dataRequests) { first, _ in first }
    requests.merge(topicRequests) { first, _ in first }
    requests.merge(clusterRequests) { first, _ in first }
    return requests
}()

private let dataRequests: [Int16: (any KafkaMessage, any KafkaMessage.Type)] = [
    0: (
        ProduceRequest(
            acks: -1,
            topicData: [.init(name: "t", partitionData: [.init(index: 0, records: batch())])]
        ), ProduceResponse.self
    ),
    1: (
        FetchRequest(
            topics: [.init(topic: "t", partitions: [.init(partitionMaxBytes: 1 << 20)])]
        ), FetchResponse.self
    ),
    2: (
        ListOffsetsRequest(topics: [.init(name: "t", partitions: [.init(timestamp: -1)])]),
        ListOffsetsResponse.self
    ),
    3: (MetadataRequest(topics: [.init(name: "t")]), MetadataResponse.self),
    10: (
        FindCoordinatorRequest(key: "g", coordinatorKeys: ["g"]), FindCoordinatorResponse.self
    ),
    22: (InitProducerIdRequest(transactionalID: "x"), InitProducerIdResponse.self),
    23: (
        OffsetForLeaderEpochRequest(topics: [.init(topic: "t", partitions: [.init()])]),
        OffsetForLeaderEpochResponse.self
    ),
    24: (
        AddPartitionsToTxnRequest(
            v3AndBelowTransactionalID: "x",
            v3AndBelowTopics: [.init(name: "t", partitions: [0])]
        ), AddPartitionsToTxnResponse.self
    ),
    25: (
        AddOffsetsToTxnRequest(transactionalID: "x", groupID: "g"), AddOffsetsToTxnResponse.self
    ),
    26: (EndTxnRequest(transactionalID: "x", committed: true), EndTxnResponse.self),
    27: (
        WriteTxnMarkersRequest(
            markers: [.init(topics: [.init(name: "t", partitionIndexes: [0])])]
        ), WriteTxnMarkersResponse.self
    ),
    28: (
        TxnOffsetCommitRequest(
            transactionalID: "x",
            groupID: "g",
            topics: [.init(name: "t", partitions: [.init(committedOffset: 1)])]
        ), TxnOffsetCommitResponse.self
    ),
    61: (
        DescribeProducersRequest(topics: [.init(name: "t", partitionIndexes: [0])]),
        DescribeProducersResponse.self
    ),
    65: (
        DescribeTransactionsRequest(transactionalIDs: ["x"]), DescribeTransactionsResponse.self
    ),
    66: (ListTransactionsRequest(), ListTransactionsResponse.self),
]

private let groupRequests: [Int16: (any KafkaMessage, any KafkaMessage.Type)] = [
    8: (
        OffsetCommitRequest(
            groupID: "g",
            topics: [.init(name: "t", partitions: [.init(committedOffset: 2)])]
        ), OffsetCommitResponse.self
    ),
    9: (
        OffsetFetchRequest(
            groupID: "g",
            topics: [.init(name: "t", partitionIndexes: [0])],
            groups: [.init(groupID: "g", topics: [.init(name: "t", partitionIndexes: [0])])]
        ), OffsetFetchResponse.self
    ),
    11: (
        JoinGroupRequest(groupID: "g", sessionTimeoutMs: 10_000, protocolType: "consumer"),
        JoinGroupResponse.self
    ),
    12: (HeartbeatRequest(groupID: "g"), HeartbeatResponse.self),
    13: (LeaveGroupRequest(groupID: "g"), LeaveGroupResponse.self),
    14: (SyncGroupRequest(groupID: "g"), SyncGroupResponse.self),
    15: (DescribeGroupsRequest(groups: ["g"]), DescribeGroupsResponse.self),
    16: (ListGroupsRequest(), ListGroupsResponse.self),
    42: (DeleteGroupsRequest(groupsNames: ["g"]), DeleteGroupsResponse.self),
    47: (
        OffsetDeleteRequest(
            groupID: "g",
            topics: [.init(name: "t", partitions: [.init(partitionIndex: 0)])]
        ), OffsetDeleteResponse.self
    ),
    68: (
        ConsumerGroupHeartbeatRequest(groupID: "g", subscribedTopicNames: ["t"]),
        ConsumerGroupHeartbeatResponse.self
    ),
    69: (ConsumerGroupDescribeRequest(groupIDs: ["g"]), ConsumerGroupDescribeResponse.self),
]

private let topicRequests: [Int16: (any KafkaMessage, any KafkaMessage.Type)] = [
    19: (
        CreateTopicsRequest(topics: [.init(name: "new", numPartitions: 1, replicationFactor: 1)]),
        CreateTopicsResponse.self
    ),
    20: (
        DeleteTopicsRequest(topics: [.init(name: "t")], topicNames: ["t"]),
        DeleteTopicsResponse.self
    ),
    21: (
        DeleteRecordsRequest(
            topics: [.init(name: "t", partitions: [.init(partitionIndex: 0, offset: -1)])]
        ), DeleteRecordsResponse.self
    ),
    32: (
        DescribeConfigsRequest(
            resources: [.init(resourceType: 2, resourceName: "t", configurationKeys: nil)]
        ), DescribeConfigsResponse.self
    ),
    33: (
        AlterConfigsRequest(
            resources: [
                .init(
                    resourceType: 2,
                    resourceName: "t",
                    configs: [.init(name: "retention.ms", value: "1")]
                )
            ]
        ), AlterConfigsResponse.self
    ),
    37: (
        CreatePartitionsRequest(topics: [.init(name: "t", count: 9, assignments: nil)]),
        CreatePartitionsResponse.self
    ),
    44: (
        IncrementalAlterConfigsRequest(
            resources: [
                .init(
                    resourceType: 2,
                    resourceName: "t",
                    configs: [.init(name: "retention.ms", value: "1")]
                )
            ]
        ), IncrementalAlterConfigsResponse.self
    ),
    75: (
        DescribeTopicPartitionsRequest(topics: [.init(name: "t")]),
        DescribeTopicPartitionsResponse.self
    ),
]

private let clusterRequests: [Int16: (any KafkaMessage, any KafkaMessage.Type)] = [
    34: (
        AlterReplicaLogDirsRequest(
            dirs: [.init(path: "/d", topics: [.init(name: "t", partitions: [0])])]
        ), AlterReplicaLogDirsResponse.self
    ),
    55: (
        DescribeQuorumRequest(
            topics: [
                .init(topicName: "__cluster_metadata", partitions: [.init(partitionIndex: 0)])
            ]
        ), DescribeQuorumResponse.self
    ),
    29: (
        DescribeAclsRequest(
            resourceTypeFilter: 1,
            resourceNameFilter: nil,
            patternTypeFilter: 3,
            principalFilter: nil,
            hostFilter: nil,
            operation: 1,
            permissionType: 1
        ), DescribeAclsResponse.self
    ),
    30: (
        CreateAclsRequest(
            creations: [
                .init(
                    resourceType: 2,
                    resourceName: "t",
                    resourcePatternType: 3,
                    principal: "User:nobody",
                    host: "*",
                    operation: 2,
                    permissionType: 3
                )
            ]
        ), CreateAclsResponse.self
    ),
    31: (
        DeleteAclsRequest(
            filters: [
                .init(
                    resourceTypeFilter: 1,
                    resourceNameFilter: nil,
                    patternTypeFilter: 3,
                    principalFilter: nil,
                    hostFilter: nil,
                    operation: 1,
                    permissionType: 1
                )
            ]
        ), DeleteAclsResponse.self
    ),
    35: (DescribeLogDirsRequest(topics: nil), DescribeLogDirsResponse.self),
    43: (
        ElectLeadersRequest(topicPartitions: [.init(topic: "t", partitions: [0])]),
        ElectLeadersResponse.self
    ),
    45: (
        AlterPartitionReassignmentsRequest(
            topics: [.init(name: "t", partitions: [.init(partitionIndex: 0, replicas: [0])])]
        ), AlterPartitionReassignmentsResponse.self
    ),
    46: (ListPartitionReassignmentsRequest(topics: nil), ListPartitionReassignmentsResponse.self),
    48: (DescribeClientQuotasRequest(), DescribeClientQuotasResponse.self),
    49: (
        AlterClientQuotasRequest(entries: [.init(entity: [.init(entityType: "user")])]),
        AlterClientQuotasResponse.self
    ),
    50: (DescribeUserScramCredentialsRequest(), DescribeUserScramCredentialsResponse.self),
    51: (
        AlterUserScramCredentialsRequest(deletions: [.init(name: "u", mechanism: 1)]),
        AlterUserScramCredentialsResponse.self
    ),
    60: (DescribeClusterRequest(), DescribeClusterResponse.self),
    74: (ListConfigResourcesRequest(), ListConfigResourcesResponse.self),
]

/// One record.
func batch() -> [UInt8] {
    var builder = RecordBatchBuilder()
    builder.append(timestamp: Timestamp(1), key: nil, value: nil)
    return Array(builder.seal())
}
