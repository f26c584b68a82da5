import Broker
import BrokerAPI
import Coordination
import KafkaWire
import LogModel
import LogStorage
import Security
import Testing

/// Names that Unicode calls equal to one that is denied: U+212A is "K" to a Swift string. Whoever
/// sends them gets nothing of what the rules keep from it.
struct NameIdentityTests {
    private static let denied = "Keys"
    private static let equal = "\u{212A}eys"

    /// A topic `Keys` that nobody else may use, with a record and a position in the group `g`; and
    /// a client that may use everything but that topic.
    private func withLog(_ body: (APIHarness) throws -> Void) throws {
        let root = ConnectionIdentity(number: 1, host: "127.0.0.1", principal: "User:root")
        var settings = AuthorizerSettings()
        settings.superUsers = ["User:root"]
        let harness = try APIHarness(authorizer: settings)
        try harness.broker.createTopic(Self.denied, partitionCount: 1)
        harness.client = root
        #expect(try produce(Self.denied, harness) == 0)
        #expect(try commit(Self.denied, 1, harness) == 0)
        let rules = CreateAclsRequest(
            creations: [
                rule(.allow, .topic, "*"), rule(.allow, .group, "*"),
                rule(.deny, .topic, Self.denied),
            ]
        )
        let made: CreateAclsResponse = try harness.ask(rules, 30, 3)
        #expect(made.results.map(\.errorCode) == [0, 0, 0])
        harness.client = ConnectionIdentity(number: 2, host: "127.0.0.1", principal: "User:eve")
        try body(harness)
        harness.client = root
        #expect(try position(Self.denied, harness) == 1)
        let end = try harness.broker.bounds(of: TopicPartition(Self.denied, PartitionIndex(0)))
        #expect(end.logStart == Offset(0) && end.logEnd == Offset(1))
        #expect(harness.broker.topics().map(\.name).contains(Self.denied))
        try harness.close()
    }

    private func rule(
        _ permission: ACLPermission,
        _ type: ResourceType,
        _ name: String
    ) -> CreateAclsRequest.AclCreation {
        .init(
            resourceType: type.rawValue,
            resourceName: name,
            resourcePatternType: PatternType.literal.rawValue,
            principal: "User:eve",
            host: "*",
            operation: ACLOperation.all.rawValue,
            permissionType: permission.rawValue
        )
    }

    private func produce(_ topic: String, _ harness: APIHarness) throws -> Int16? {
        let response: ProduceResponse = try harness.ask(
            ProduceRequest(
                acks: -1,
                topicData: [
                    .init(name: topic, partitionData: [.init(index: 0, records: batch())])
                ]
            ),
            0,
            9
        )
        return response.responses.first?.partitionResponses.first?.errorCode
    }

    private func fetch(
        _ topics: [String],
        _ harness: APIHarness
    ) throws -> [(code: Int16, byteCount: Int)] {
        let response: FetchResponse = try harness.ask(
            FetchRequest(
                maxWaitMs: 0,
                topics: topics.map { name in
                    .init(
                        topic: name,
                        partitions: [.init(partition: 0, partitionMaxBytes: 1 << 20)]
                    )
                }
            ),
            1,
            11
        )
        return response.responses.flatMap(\.partitions)
            .map { ($0.errorCode, $0.records?.count ?? 0) }
    }

    private func commit(_ topic: String, _ offset: Int64, _ harness: APIHarness) throws -> Int16? {
        let response: OffsetCommitResponse = try harness.ask(
            OffsetCommitRequest(
                groupID: "g",
                topics: [.init(name: topic, partitions: [.init(committedOffset: offset)])]
            ),
            8,
            8
        )
        return response.topics.first?.partitions.first?.errorCode
    }

    private func position(_ topic: String, _ harness: APIHarness) throws -> Int64? {
        let response: OffsetFetchResponse = try harness.ask(
            OffsetFetchRequest(groupID: "g", topics: [.init(name: topic, partitionIndexes: [0])]),
            9,
            7
        )
        return response.topics.first?.partitions.first?.committedOffset
    }

    @Test func `what is equal to a denied topic's name is neither read nor written`() throws {
        try withLog { harness in
            #expect(try produce(Self.denied, harness) == 29)
            #expect(try produce(Self.equal, harness) == 3)
            #expect(try fetch([Self.equal], harness).map(\.code) == [3])
            // The first name's right is not the second one's, in neither order.
            for names in [[Self.equal, Self.denied], [Self.denied, Self.equal]] {
                let found = try fetch(names, harness)
                #expect(Set(found.map(\.code)) == [3, 29])
                #expect(found.allSatisfy { $0.byteCount == 0 })
            }
            #expect(try commit(Self.equal, 0, harness) == 3)
            #expect(try position(Self.equal, harness) == -1)
        }
    }

    @Test func `nor described, deleted, cut or grown`() throws {
        try withLog { harness in
            let metadata: MetadataResponse = try harness.ask(
                MetadataRequest(
                    topics: [.init(name: Self.equal), .init(name: Self.denied)],
                    allowAutoTopicCreation: false
                ),
                3,
                9
            )
            #expect(metadata.topics.map(\.errorCode) == [29, 17])
            #expect(metadata.topics.allSatisfy { $0.partitions.isEmpty })
            let deleted: DeleteTopicsResponse = try harness.ask(
                DeleteTopicsRequest(topics: [.init(name: Self.equal)]),
                20,
                6
            )
            #expect(deleted.responses.map(\.errorCode) == [3])
            let cut: DeleteRecordsResponse = try harness.ask(
                DeleteRecordsRequest(
                    topics: [.init(name: Self.equal, partitions: [.init(offset: 1)])]
                ),
                21,
                2
            )
            #expect(cut.topics.first?.partitions.map(\.errorCode) == [3])
            let grown: CreatePartitionsResponse = try harness.ask(
                CreatePartitionsRequest(topics: [
                    .init(name: Self.equal, count: 2, assignments: nil)
                ]),
                37,
                3
            )
            #expect(grown.results.map(\.errorCode) == [3])
            #expect(harness.broker.topic(Self.denied)?.partitions.count == 1)
        }
    }

    @Test func `a member that subscribes to it is assigned nothing`() throws {
        try withLog { harness in
            let response: ConsumerGroupHeartbeatResponse = try harness.ask(
                ConsumerGroupHeartbeatRequest(
                    groupID: "c",
                    memberID: "m",
                    memberEpoch: 0,
                    rebalanceTimeoutMs: 10_000,
                    subscribedTopicNames: [Self.equal],
                    topicPartitions: []
                ),
                68,
                1
            )
            #expect(response.errorCode == 0)
            #expect(response.assignment?.topicPartitions.isEmpty ?? true)
        }
    }

    @Test func `two groups of equal names are deleted both`() throws {
        let names = ["Espa\u{F1}a", "Espan\u{303}a"]
        let harness = try APIHarness()
        let response: DeleteGroupsResponse = try harness.ask(
            DeleteGroupsRequest(groupsNames: names),
            42,
            1
        )
        #expect(response.results.map { Array($0.groupID.utf8) } == names.map { Array($0.utf8) })
        try harness.close()
    }

    @Test func `partitions are one where their topics' bytes are`() {
        let (first, second) = (
            TopicPartition(Self.denied, PartitionIndex(0)),
            TopicPartition(Self.equal, PartitionIndex(0))
        )
        #expect(first != second && first < second && !(second < first))
        #expect(Set([first, second, first]).count == 2)
        #expect([first: 1, second: 2][second] == 2)
    }

    // MARK: Users

    @Test func `a user whose name is equal is another user`() throws {
        let harness = try APIHarness()
        let (composed, decomposed) = ("jos\u{E9}", "jose\u{301}")
        func alter(_ name: String, key: UInt8) throws -> [Int16] {
            let response: AlterUserScramCredentialsResponse = try harness.ask(
                AlterUserScramCredentialsRequest(upsertions: [
                    .init(
                        name: name,
                        mechanism: 1,
                        iterations: 4096,
                        salt: [1],
                        saltedPassword: [UInt8](repeating: key, count: 32)
                    )
                ]),
                51,
                0
            )
            return response.results.map(\.errorCode)
        }
        #expect(try alter("Karl", key: 1) == [0])
        #expect(harness.api.credentials.credential("\u{212A}arl", .sha256) == nil)
        #expect(try alter(composed, key: 2) == [0])
        let before = harness.api.credentials.credential(composed, .sha256)
        #expect(try alter(decomposed, key: 3) == [0])
        #expect(before != nil && harness.api.credentials.credential(composed, .sha256) == before)
        let described: DescribeUserScramCredentialsResponse = try harness.ask(
            DescribeUserScramCredentialsRequest(
                users: [.init(name: composed), .init(name: decomposed)]
            ),
            50,
            0
        )
        #expect(described.results.map(\.errorCode) == [0, 0])
        let deleted: AlterUserScramCredentialsResponse = try harness.ask(
            AlterUserScramCredentialsRequest(deletions: [
                .init(name: decomposed, mechanism: 1), .init(name: composed, mechanism: 1),
            ]),
            51,
            0
        )
        #expect(deleted.results.map(\.errorCode) == [0, 0])
        #expect(harness.api.credentials.all.map { $0.key.user.text } == ["Karl"])
        try harness.close()
    }
}
