import Broker
import BrokerAPI
import Coordination
import Foundation
import KafkaRecords
import KafkaWire
import LogModel
import LogStorage
import Testing

/// What clients get from a log whose rules are those of an authorizer.
struct AccessTests {
    private static let denials: Set<Int16> = [29, 30, 31, 53]
    /// What the answers leave out, instead of refusing it.
    private static let filtered: Set<Int16> = [16, 60, 66]

    /// A topic `t` with a record, and a group `g` with a position.
    private func withLog(
        _ rules: [ACLBinding] = [],
        _ body: (APIHarness) throws -> Void
    ) throws {
        var settings = AuthorizerSettings()
        settings.superUsers = ["User:root"]
        let harness = try APIHarness(authorizer: settings)
        try harness.broker.createTopic("t", partitionCount: 1)
        harness.client = ConnectionIdentity(number: 1, host: "127.0.0.1", principal: "User:root")
        let produced: ProduceResponse = try harness.ask(Self.produce("t"), 0, 9)
        #expect(produced.responses.first?.partitionResponses.first?.errorCode == 0)
        let committed: OffsetCommitResponse = try harness.ask(
            OffsetCommitRequest(
                groupID: "g",
                topics: [.init(name: "t", partitions: [.init(committedOffset: 1)])]
            ),
            8,
            8
        )
        #expect(committed.topics.first?.partitions.first?.errorCode == 0)
        if !rules.isEmpty { #expect(try Self.create(rules, harness) == rules.map { _ in 0 }) }
        harness.client = ConnectionIdentity(number: 2, host: "127.0.0.1", principal: "User:nobody")
        try body(harness)
        try harness.close()
    }

    private static func produce(_ topic: String, transactionalID: String? = nil) -> ProduceRequest {
        ProduceRequest(
            transactionalID: transactionalID,
            acks: -1,
            topicData: [.init(name: topic, partitionData: [.init(index: 0, records: batch())])]
        )
    }

    private static func create(_ rules: [ACLBinding], _ harness: APIHarness) throws -> [Int16] {
        let request = CreateAclsRequest(
            creations: rules.map {
                .init(
                    resourceType: $0.type.rawValue,
                    resourceName: $0.name.text,
                    resourcePatternType: $0.pattern.rawValue,
                    principal: $0.principal.text,
                    host: $0.host.text,
                    operation: $0.operation.rawValue,
                    permissionType: $0.permission.rawValue
                )
            }
        )
        let response: CreateAclsResponse = try harness.ask(request, 30, 3)
        return response.results.map(\.errorCode)
    }

    /// Everything that a request might have changed.
    private static func state(_ harness: APIHarness) throws -> [String] {
        let broker = harness.broker
        var state = broker.topics().map { topic in
            let options = topic.options.map { "\($0)=\($1)" }.sorted()
            return "\(topic.name) \(topic.partitions.count) \(options)"
        }.sorted()
        state.append("\(try broker.bounds(of: TopicPartition("t", PartitionIndex(0))))")
        state.append("\(broker.listGroups().map(\.id).sorted())")
        let client = harness.client
        harness.client = ConnectionIdentity(number: 9, host: "h", isOwner: true)
        let transactions: ListTransactionsResponse = try harness.ask(
            ListTransactionsRequest(),
            66,
            1
        )
        let rules: DescribeAclsResponse = try harness.ask(
            DescribeAclsRequest(
                resourceTypeFilter: 1,
                resourceNameFilter: nil,
                patternTypeFilter: 1,
                principalFilter: nil,
                hostFilter: nil,
                operation: 1,
                permissionType: 1
            ),
            29,
            3
        )
        harness.client = client
        state.append("\(transactions.transactionStates) \(rules.resources)")
        let offsets = try broker.committedOffsets(
            group: "g",
            partitions: nil,
            requireStable: false,
            isOwn: false
        )
        state.append("\(offsets)")
        return state
    }

    /// The error codes of an answer, those of the answer as a whole apart.
    private static func codes(
        in value: Any,
        isWhole: Bool = true
    ) -> (whole: [Int16], parts: [Int16]) {
        var found: (whole: [Int16], parts: [Int16]) = ([], [])
        for child in Mirror(reflecting: value).children {
            let label = child.label ?? ""
            if label == "topicConfigErrorCode" { continue }
            if let code = child.value as? Int16, label.lowercased().hasSuffix("errorcode") {
                if isWhole { found.whole.append(code) } else { found.parts.append(code) }
            } else if !(child.value is String), !(child.value is [UInt8]) {
                let inner = codes(in: child.value, isWhole: false)
                found.parts += inner.whole + inner.parts
            }
        }
        return found
    }

    private func decode<Message: KafkaMessage>(
        _ type: Message.Type,
        _ bytes: [UInt8],
        _ version: Int16
    ) throws -> any KafkaMessage {
        let message: Message = try APIHarness.decode(bytes, version)
        return message
    }

    /// As Kafka's answer has it: the code of the whole, and that of each partition.
    @Test(arguments: [0, 2])
    func `a denied reassignment names each partition that was asked for`(count: Int32) throws {
        try withLog { harness in
            let request = AlterPartitionReassignmentsRequest(
                topics: count == 0
                    ? []
                    : [
                        .init(
                            name: "t",
                            partitions: (0..<count).map { .init(partitionIndex: $0, replicas: [0]) }
                        )
                    ]
            )
            let answer: AlterPartitionReassignmentsResponse = try harness.ask(request, 45, 1)
            #expect(answer.errorCode == 31)
            let partitions = answer.responses.flatMap(\.partitions)
            #expect(answer.responses.map(\.name) == (count == 0 ? [] : ["t"]))
            #expect(partitions.map(\.partitionIndex) == Array(0..<count))
            #expect(partitions.allSatisfy { $0.errorCode == 31 && $0.errorMessage != nil })
        }
    }

    @Test func `without a right no API does anything`() throws {
        try withLog { harness in
            let before = try Self.state(harness)
            var checkedCount = 0
            // What is asked before anybody has said who he is.
            let open: Set<Int16> = [17, 18, 36]
            for (key, entry) in APITable.entries.sorted(by: { $0.key < $1.key })
            where !open.contains(key) {
                let (request, type) = try #require(unauthorizedRequests[key], "the API \(key)")
                for version in entry.served {
                    guard let body = try? request.encoded(version: version) else { continue }
                    // By their ids topics are asked for in a test of its own.
                    let namesByID: [Int16: Int16] = [0: 13, 1: 13, 8: 10, 9: 10]
                    if let first = namesByID[key], version >= first { continue }
                    let bytes = try #require(
                        try harness.answer(key, version, body: body),
                        "the API \(key), version \(version)"
                    )
                    let answer = try decode(type, bytes, version)
                    let (whole, parts) = Self.codes(in: answer)
                    let place: Comment = "the API \(key), version \(version): \(answer)"
                    let nonzero = Set(whole + parts).subtracting([0])
                    #expect(nonzero.isSubset(of: Self.denials), place)
                    // Its older versions have no code; they tell of no directory.
                    let hasCode = key != 35 || version >= 3
                    #expect(!nonzero.isEmpty || Self.filtered.contains(key) || !hasCode, place)
                    #expect(parts.allSatisfy { $0 != 0 }, place)
                    checkedCount += 1
                }
            }
            #expect(checkedCount > 150)
            #expect(try Self.state(harness) == before)
            let groups: ListGroupsResponse = try harness.ask(ListGroupsRequest(), 16, 5)
            #expect(groups.groups.isEmpty)
            let all: MetadataResponse = try harness.ask(MetadataRequest(topics: nil), 3, 12)
            #expect(all.topics.isEmpty)
        }
    }

    @Test func `topics that are named by their ids are checked too`() throws {
        try withLog { harness in
            let id = try #require(harness.broker.topic("t")).id
            let produced: ProduceResponse = try harness.ask(
                ProduceRequest(
                    acks: -1,
                    topicData: [
                        .init(topicID: id, partitionData: [.init(index: 0, records: batch())])
                    ]
                ),
                0,
                13
            )
            #expect(produced.responses.first?.partitionResponses.first?.errorCode == 29)
            let fetched: FetchResponse = try harness.ask(
                FetchRequest(
                    topics: [.init(topicID: id, partitions: [.init(partitionMaxBytes: 1_000)])]
                ),
                1,
                17
            )
            #expect(fetched.responses.first?.partitions.first?.errorCode == 29)
            let deleted: DeleteTopicsResponse = try harness.ask(
                DeleteTopicsRequest(topics: [.init(topicID: id)]),
                20,
                6
            )
            #expect(deleted.responses.first?.errorCode == 29)
            #expect(deleted.responses.first?.name == nil)
            #expect(harness.broker.topic("t") != nil)
            let described: MetadataResponse = try harness.ask(
                MetadataRequest(topics: [.init(topicID: id, name: nil)]),
                3,
                12
            )
            #expect(described.topics.first?.errorCode == 29)
            #expect(described.topics.first?.name == nil)
        }
    }

    /// CVE-2018-17196: leave for the topic is not leave for the transactional id.
    @Test func `a produce in the name of another's transactional id is refused`() throws {
        let rule = ACLBinding(.allow, "User:nobody", .write, on: .topic, "t")
        try withLog([rule]) { harness in
            let plain: ProduceResponse = try harness.ask(Self.produce("t"), 0, 9)
            #expect(plain.responses.first?.partitionResponses.first?.errorCode == 0)
            let named: ProduceResponse = try harness.ask(
                Self.produce("t", transactionalID: "x"),
                0,
                9
            )
            #expect(named.responses.first?.partitionResponses.first?.errorCode == 53)
        }
    }

    @Test func `each topic of a request is decided by itself`() throws {
        let rules = [
            ACLBinding(.allow, "User:*", .read, on: .topic, "t", pattern: .prefixed),
            ACLBinding(.deny, "User:nobody", .read, on: .topic, "t2", host: "127.0.0.1"),
        ]
        try withLog(rules) { harness in
            try harness.broker.createTopic("t2", partitionCount: 1)
            let fetched: FetchResponse = try harness.ask(
                FetchRequest(
                    topics: ["t", "t2", "u"].map {
                        .init(topic: $0, partitions: [.init(partitionMaxBytes: 1 << 20)])
                    }
                ),
                1,
                11
            )
            #expect(fetched.responses.map { $0.partitions[0].errorCode } == [0, 29, 29])
            #expect(fetched.responses.first?.partitions.first?.records?.isEmpty == false)
            let metadata: MetadataResponse = try harness.ask(
                MetadataRequest(topics: nil, includeTopicAuthorizedOperations: true),
                3,
                10
            )
            // READ implies DESCRIBE, and a prohibition of READ alone does not take that away.
            let topics = metadata.topics.sorted { ($0.name ?? "") < ($1.name ?? "") }
            #expect(topics.map(\.name) == ["t", "t2"])
            #expect(topics.map(\.topicAuthorizedOperations) == [0b1_0000_1000, 1 << 8])
            let made: MetadataResponse = try harness.ask(
                MetadataRequest(topics: [.init(name: "t3")]),
                3,
                9
            )
            #expect(made.topics.first?.errorCode == 29)
            #expect(harness.broker.topic("t3") == nil)
        }
    }

    @Test func `rules are described, kept, and removed by filters`() throws {
        let rules = [
            ACLBinding(.allow, "User:a", .read, on: .topic, "t"),
            ACLBinding(.allow, "User:a", .read, on: .topic, "*"),
            ACLBinding(.deny, "User:b", .write, on: .topic, "t", pattern: .prefixed),
            ACLBinding(.allow, "User:a", .read, on: .group, "t"),
        ]
        var settings = AuthorizerSettings()
        settings.superUsers = ["User:root"]
        let root = ConnectionIdentity(number: 1, host: "h", principal: "User:root")
        let first = try APIHarness(authorizer: settings)
        first.client = root
        #expect(try Self.create(rules, first) == [0, 0, 0, 0])
        try first.broker.close()
        let harness = try APIHarness(reopening: first.directory, authorizer: settings)
        harness.client = root
        func described(_ pattern: Int8) throws -> Int {
            let response: DescribeAclsResponse = try harness.ask(
                DescribeAclsRequest(
                    resourceTypeFilter: 2,
                    resourceNameFilter: "t",
                    patternTypeFilter: pattern,
                    principalFilter: nil,
                    hostFilter: nil,
                    operation: 1,
                    permissionType: 1
                ),
                29,
                3
            )
            #expect(response.errorCode == 0)
            return response.resources.reduce(0) { $0 + $1.acls.count }
        }
        #expect(try described(3) == 1)
        #expect(try described(1) == 2)
        #expect(try described(2) == 3)
        let deleted: DeleteAclsResponse = try harness.ask(
            DeleteAclsRequest(
                filters: [
                    .init(
                        resourceTypeFilter: 2,
                        resourceNameFilter: "t",
                        patternTypeFilter: 3,
                        principalFilter: "User:a",
                        hostFilter: nil,
                        operation: 1,
                        permissionType: 1
                    ),
                    .init(patternTypeFilter: 0),
                ]
            ),
            31,
            3
        )
        #expect(deleted.filterResults.map(\.errorCode) == [0, 42])
        #expect(deleted.filterResults[0].matchingAcls.map(\.principal) == ["User:a"])
        #expect(try described(2) == 2)
        try harness.close()
    }

    @Test func `rules that mean nothing are refused`() throws {
        try withLog { harness in
            harness.client = ConnectionIdentity(number: 1, host: "h", isOwner: true)
            let refused = [
                ACLBinding(.allow, "User:a", .read, on: .cluster, "mine"),
                ACLBinding(.allow, "User:a", .read, on: .topic, ""),
                ACLBinding(.allow, "a", .read, on: .topic, "t"),
                ACLBinding(.allow, "User:a", .read, on: .topic, "t", host: ""),
                ACLBinding(.allow, "User:a", .createTokens, on: .user, "User:b"),
            ]
            let good = ACLBinding(.allow, "User:a", .alter, on: .cluster, "kafka-cluster")
            let codes = try Self.create(refused + [good], harness)
            #expect(codes == [42, 42, 42, 42, 42, 0])
        }
    }

    @Test func `rules that cannot be read are no absence of rules`() throws {
        let rule = ACLBinding(.allow, "User:a", .read, on: .topic, "t")
        var settings = AuthorizerSettings()
        settings.superUsers = ["User:root"]
        let harness = try APIHarness(authorizer: settings)
        harness.client = ConnectionIdentity(number: 1, host: "h", principal: "User:root")
        #expect(try Self.create([rule], harness) == [0])
        try harness.broker.close()
        let path = "\(harness.directory)/.millrace/acls"
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        for length in 0...whole.count {
            var bytes = whole.prefix(length)
            if length == whole.count { bytes[whole.count - 2] ^= 1 }
            try bytes.write(to: URL(fileURLWithPath: path))
            let broker = try Broker.open(
                disk: PosixDisk(),
                directory: harness.directory,
                configuration: BrokerConfiguration(execution: .inline)
            )
            #expect(throws: BrokerError.self) { try AccessControl(broker, settings) }
            try broker.close()
        }
        try FileManager.default.removeItem(atPath: harness.directory)
    }
}
