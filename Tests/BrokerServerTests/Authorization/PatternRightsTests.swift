import Broker
import BrokerAPI
import KafkaWire
import Testing

/// Consumer groups whose members subscribe by a pattern, and may not all know of the same topics.
struct PatternRightsTests {
    private static let root = ConnectionIdentity(
        number: 1,
        host: "127.0.0.1",
        principal: "User:root"
    )

    private func withLog(_ body: (APIHarness) throws -> Void) throws {
        var settings = AuthorizerSettings()
        settings.superUsers = ["User:root"]
        let harness = try APIHarness(authorizer: settings)
        try harness.broker.createTopic("t-open", partitionCount: 2)
        try harness.broker.createTopic("t-secret", partitionCount: 4)
        harness.client = Self.root
        try allow("User:*", .group, "*", harness)
        try allow("User:*", .topic, "t-open", harness)
        try allow("User:bob", .topic, "t-secret", harness)
        try body(harness)
        try harness.close()
    }

    private func allow(
        _ principal: String,
        _ type: ResourceType,
        _ name: String,
        _ harness: APIHarness
    ) throws {
        let response: CreateAclsResponse = try harness.ask(
            CreateAclsRequest(creations: [
                .init(
                    resourceType: type.rawValue,
                    resourceName: name,
                    resourcePatternType: PatternType.literal.rawValue,
                    principal: principal,
                    host: "*",
                    operation: ACLOperation.read.rawValue,
                    permissionType: ACLPermission.allow.rawValue
                )
            ]),
            30,
            3
        )
        #expect(response.results.map(\.errorCode) == [0])
    }

    /// A heartbeat, the first one where `epoch` is 0; the epoch that it leads to.
    private func beat(_ user: String, epoch: Int32, _ harness: APIHarness) throws -> Int32 {
        harness.client = ConnectionIdentity(
            number: 2,
            host: "127.0.0.1",
            principal: "User:\(user)"
        )
        defer { harness.client = Self.root }
        let response: ConsumerGroupHeartbeatResponse = try harness.ask(
            ConsumerGroupHeartbeatRequest(
                groupID: "g",
                memberID: user,
                memberEpoch: epoch,
                rebalanceTimeoutMs: epoch == 0 ? 10_000 : -1,
                subscribedTopicNames: nil,
                subscribedTopicRegex: epoch == 0 ? "t-.*" : nil,
                topicPartitions: epoch == 0 ? [] : nil
            ),
            68,
            1
        )
        #expect(response.errorCode == 0)
        return response.memberEpoch
    }

    /// How many partitions of each topic are to be a member's.
    private func target(_ user: String, _ harness: APIHarness) throws -> [String: Int] {
        let response: ConsumerGroupDescribeResponse = try harness.ask(
            ConsumerGroupDescribeRequest(groupIDs: ["g"]),
            69,
            1
        )
        let member = response.groups.first?.members.first { $0.memberID == user }
        let topics = member?.targetAssignment.topicPartitions ?? []
        return Dictionary(uniqueKeysWithValues: topics.map { ($0.topicName, $0.partitions.count) })
    }

    @Test func `what a member may not know of is assigned to one who may`() throws {
        try withLog { harness in
            let epoch = try beat("eve", epoch: 0, harness)
            #expect(try target("eve", harness) == ["t-open": 2])
            _ = try beat("bob", epoch: 0, harness)
            #expect(try target("bob", harness)["t-secret"] == 4)
            #expect(try target("eve", harness).keys.contains("t-secret") == false)
            // Another topic that it may not know of is no news to it.
            try harness.broker.createTopic("t-other", partitionCount: 1)
            _ = try beat("eve", epoch: epoch, harness)
            #expect(try target("eve", harness).keys.contains("t-other") == false)
        }
    }

    @Test func `a rule that comes or goes later counts from the next heartbeat on`() throws {
        try withLog { harness in
            var epoch = try beat("eve", epoch: 0, harness)
            epoch = try beat("eve", epoch: epoch, harness)
            #expect(try target("eve", harness) == ["t-open": 2])
            try allow("User:eve", .topic, "t-secret", harness)
            let later = try beat("eve", epoch: epoch, harness)
            #expect(later > epoch)
            #expect(try target("eve", harness) == ["t-open": 2, "t-secret": 4])
            let removed: DeleteAclsResponse = try harness.ask(
                DeleteAclsRequest(filters: [
                    .init(
                        resourceTypeFilter: ResourceType.topic.rawValue,
                        resourceNameFilter: "t-secret",
                        patternTypeFilter: PatternType.literal.rawValue,
                        principalFilter: "User:eve",
                        hostFilter: nil,
                        operation: 1,
                        permissionType: 1
                    )
                ]),
                31,
                3
            )
            #expect(removed.filterResults.first?.matchingAcls.count == 1)
            _ = try beat("eve", epoch: later, harness)
            #expect(try target("eve", harness) == ["t-open": 2])
        }
    }

    @Test func `a group that is quiet stays at its epoch, also behind a restart`() throws {
        var settings = AuthorizerSettings()
        settings.superUsers = ["User:root"]
        var directory = ""
        var epochs: [String: Int32] = [:]
        try {
            let harness = try APIHarness(authorizer: settings)
            directory = harness.directory
            try harness.broker.createTopic("t-open", partitionCount: 2)
            try harness.broker.createTopic("t-secret", partitionCount: 4)
            harness.client = Self.root
            try allow("User:*", .group, "*", harness)
            try allow("User:*", .topic, "t-open", harness)
            for user in ["eve", "eva"] { epochs[user] = try beat(user, epoch: 0, harness) }
            for _ in 0..<3 {
                for user in ["eve", "eva"] {
                    epochs[user] = try beat(user, epoch: epochs[user] ?? 0, harness)
                }
            }
            try harness.broker.close()
        }()
        let harness = try APIHarness(reopening: directory, authorizer: settings)
        harness.client = Self.root
        let before = epochs
        for _ in 0..<2 {
            for user in ["eve", "eva"] {
                epochs[user] = try beat(user, epoch: epochs[user] ?? 0, harness)
            }
        }
        #expect(epochs == before)
        #expect(try target("eve", harness).keys.contains("t-secret") == false)
        #expect(try target("eva", harness).keys.contains("t-secret") == false)
        try harness.close()
    }
}
