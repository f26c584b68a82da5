import Broker
import BrokerAPI
import Bytes
import KafkaWire
import LogModel
import Testing

/// Group ids that Unicode calls equivalent, and that differ in their bytes: Kafka keeps them apart.
@Suite struct GroupIdentityTests {
    /// Both lie in the same partition of `__consumer_offsets`.
    private let composed = "Espa\u{F1}a0"
    private let decomposed = "Espan\u{303}a0"

    private func commit(_ offset: Int64, _ group: String, _ harness: APIHarness) throws -> Int16? {
        let response: OffsetCommitResponse = try harness.ask(
            OffsetCommitRequest(
                groupID: group,
                topics: [
                    .init(
                        name: "t",
                        partitions: [.init(partitionIndex: 0, committedOffset: offset)]
                    )
                ]
            ),
            8,
            8
        )
        return response.topics.first?.partitions.first?.errorCode
    }

    private func position(_ group: String, _ harness: APIHarness) throws -> Int64? {
        let response: OffsetFetchResponse = try harness.ask(
            OffsetFetchRequest(
                groupID: group,
                topics: [.init(name: "t", partitionIndexes: [0])]
            ),
            9,
            7
        )
        return response.topics.first?.partitions.first?.committedOffset
    }

    private func groups(_ harness: APIHarness) throws -> [[UInt8]] {
        let response: ListGroupsResponse = try harness.ask(ListGroupsRequest(), 16, 3)
        return response.groups.map { Array($0.groupID.utf8) }
    }

    @Test func `two spellings are two groups, also behind a restart`() throws {
        let first = try APIHarness()
        try first.broker.createTopic("t", partitionCount: 1)
        #expect(try commit(50, composed, first) == 0)
        #expect(try position(decomposed, first) == -1)
        #expect(try commit(7, decomposed, first) == 0)
        #expect(try position(composed, first) == 50)
        #expect(try groups(first).count == 2)
        try first.broker.close()
        let second = try APIHarness(reopening: first.directory)
        #expect(try position(composed, second) == 50)
        #expect(try position(decomposed, second) == 7)
        let deleted: DeleteGroupsResponse = try second.ask(
            DeleteGroupsRequest(groupsNames: [decomposed]),
            42,
            1
        )
        #expect(deleted.results.map(\.errorCode) == [0])
        #expect(try position(composed, second) == 50)
        #expect(try groups(second) == [Array(composed.utf8)])
        try second.broker.close()
        let third = try APIHarness(reopening: first.directory)
        #expect(try position(decomposed, third) == -1)
        #expect(try position(composed, third) == 50)
        try third.close()
    }

    @Test func `members of two spellings are members of two groups`() throws {
        let harness = try APIHarness()
        try harness.broker.createTopic("t", partitionCount: 1)
        for group in [composed, decomposed] {
            let response: ConsumerGroupHeartbeatResponse = try harness.ask(
                ConsumerGroupHeartbeatRequest(
                    groupID: group,
                    memberID: "m-\(group.utf8.count)",
                    memberEpoch: 0,
                    rebalanceTimeoutMs: 10_000,
                    subscribedTopicNames: ["t"],
                    topicPartitions: []
                ),
                68,
                1
            )
            #expect(response.errorCode == 0)
            #expect(response.assignment?.topicPartitions.first?.partitions == [0])
        }
        let described: ConsumerGroupDescribeResponse = try harness.ask(
            ConsumerGroupDescribeRequest(groupIDs: [composed, decomposed]),
            69,
            0
        )
        #expect(described.groups.map(\.members.count) == [1, 1])
        try harness.close()
    }
}
