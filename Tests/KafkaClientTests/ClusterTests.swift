import BrokerAPI
import BrokerServer
import Foundation
import KafkaRecords
package import KafkaWire
import LogModel
import Testing

@testable import KafkaClient

@Suite struct ClusterTests {
    enum Way: CaseIterable { case network, socket }

    private func cluster(_ harness: ClusterHarness, _ way: Way) throws -> KafkaCluster {
        try KafkaCluster(at: way == .network ? harness.network : harness.socket)
    }

    @Test(arguments: Way.allCases)
    func `topics are made, altered, described and deleted`(way: Way) throws {
        let harness = try ClusterHarness()
        let cluster = try cluster(harness, way)
        try cluster.createTopic("a", partitionCount: 3, options: ["retention.ms": "5"])
        let topics = try cluster.topics(named: nil)
        #expect(topics.map(\.name) == ["a"])
        #expect(topics.first?.partitions.map(\.index) == [0, 1, 2])
        #expect(try cluster.options(of: ["a"]) == ["a": ["retention.ms": "5"]])
        try cluster.alterTopic("a", options: ["retention.ms": nil, "segment.ms": "7"])
        #expect(try cluster.options(of: ["a"]) == ["a": ["segment.ms": "7"]])
        let all = try cluster.options(of: ["a"], withDefaults: true)
        #expect(all["a"]?["max.message.bytes"] == "1048588")
        try cluster.deleteTopic("a")
        #expect(try cluster.topics(named: ["a"]) == [])
        try harness.stop()
    }

    @Test func `what the cluster refuses is told with its words`() throws {
        let harness = try ClusterHarness()
        let cluster = try cluster(harness, .network)
        try cluster.createTopic("a", partitionCount: 1, options: [:])
        let error = #expect(throws: KafkaClientError.self) {
            try cluster.createTopic("a", partitionCount: 1, options: [:])
        }
        #expect(error?.code == .topicAlreadyExists)
        #expect(error?.description.contains("already exists") == true)
        #expect(throws: KafkaClientError.self) { try cluster.deleteTopic("b") }
        try harness.stop()
    }

    @Test(arguments: Way.allCases)
    func `a batch is stored, and read back between the offsets`(way: Way) throws {
        let harness = try ClusterHarness()
        let cluster = try cluster(harness, way)
        try cluster.createTopic("a", partitionCount: 2, options: [:])
        let partition = TopicPartition("a", PartitionIndex(1))
        let producer = try cluster.makeProducerID()
        try cluster.produce(
            ClusterHarness.batch(["x", "y"], of: producer, from: 0),
            to: partition
        )
        let fetched = try cluster.fetch(
            [partition: .zero, TopicPartition("a", PartitionIndex(0)): .zero],
            isolation: .readCommitted,
            byteLimit: 1 << 20,
            wait: .zero
        )
        #expect(try ClusterHarness.values(fetched[partition]) == ["x", "y"])
        #expect(fetched[partition]?.highWatermark == Offset(2))
        let asked = OffsetQuestion.latest
        #expect(
            try cluster.offset(asked, of: partition, isolation: .readCommitted) == Offset(2)
        )
        #expect(
            try cluster.offset(
                .time(Timestamp(2)),
                of: partition,
                isolation: .readCommitted
            ) == nil
        )
        try harness.stop()
    }

    @Test func `the same batch sent twice is stored once`() throws {
        let harness = try ClusterHarness()
        let cluster = try cluster(harness, .socket)
        try cluster.createTopic("a", partitionCount: 1, options: [:])
        let partition = TopicPartition("a", PartitionIndex(0))
        let batch = ClusterHarness.batch(["x"], of: try cluster.makeProducerID(), from: 0)
        try cluster.produce(batch, to: partition)
        try cluster.produce(batch, to: partition)
        #expect(
            try cluster.offset(.latest, of: partition, isolation: .readCommitted) == Offset(1)
        )
        try harness.stop()
    }

    @Test func `a batch whose answer is lost is sent again and stored once`() throws {
        let harness = try ClusterHarness()
        let relay = try Relay(to: harness.server.address.port, losing: ProduceAnswers(count: 2))
        // Clients are sent through the relay for everything.
        harness.api.setAddresses([
            ("PLAINTEXT", NodeAddress(host: "127.0.0.1", port: Int32(relay.port)))
        ])
        let cluster = try KafkaCluster(at: .network(host: "127.0.0.1", port: relay.port))
        try cluster.createTopic("a", partitionCount: 1, options: [:])
        let partition = TopicPartition("a", PartitionIndex(0))
        let producer = try cluster.makeProducerID()
        for (index, text) in ["x", "y", "z"].enumerated() {
            let batch = ClusterHarness.batch([text], of: producer, from: Int32(index))
            try cluster.produce(batch, to: partition)
        }
        #expect(relay.lostCount == 2)
        let fetched = try cluster.fetch(
            [partition: .zero],
            isolation: .readCommitted,
            byteLimit: 1 << 20,
            wait: .zero
        )
        #expect(try ClusterHarness.values(fetched[partition]) == ["x", "y", "z"])
        relay.stop()
        try harness.stop()
    }

    @Test func `a group's positions are noted, told and deleted with it`() throws {
        let harness = try ClusterHarness()
        let cluster = try cluster(harness, .network)
        try cluster.createTopic("a", partitionCount: 2, options: [:])
        let partition = TopicPartition("a", PartitionIndex(1))
        #expect(try cluster.describe(group: "g") == nil)
        try cluster.commitOffsets(group: "g", [partition: Offset(0)])
        #expect(
            try cluster.committedOffsets(group: "g", partitions: nil) == [partition: Offset(0)]
        )
        #expect(try cluster.groups().map(\.name) == ["g"])
        let (group, members) = try #require(try cluster.describe(group: "g"))
        #expect(group.state == "Empty" && group.mayBeRead && members.isEmpty)
        try cluster.deleteGroup("g")
        #expect(try cluster.groups() == [])
        try harness.stop()
    }

    @Test func `a member's partitions are told before it has a position in them`() throws {
        let harness = try ClusterHarness()
        let cluster = try cluster(harness, .network)
        try cluster.createTopic("a", partitionCount: 2, options: [:])
        let node = KafkaCluster.Node.coordinator(.init(kind: .group, name: "g"))
        let subscription = ConsumerProtocolSubscription(topics: ["a"])
        let joining = JoinGroupRequest(
            groupID: "g",
            sessionTimeoutMs: 30_000,
            rebalanceTimeoutMs: 30_000,
            groupInstanceID: "m",
            protocolType: "consumer",
            protocols: [.init(name: "range", metadata: try subscription.encoded())]
        )
        let joined = try cluster.ask(joining, of: node)
        #expect(joined.errorCode == 0)
        let assignment = ConsumerProtocolAssignment(
            assignedPartitions: [.init(topic: "a", partitions: [0, 1])]
        )
        let synchronized = try cluster.ask(
            SyncGroupRequest(
                groupID: "g",
                generationID: joined.generationID,
                memberID: joined.memberID,
                groupInstanceID: "m",
                assignments: [
                    .init(memberID: joined.memberID, assignment: try assignment.encoded())
                ]
            ),
            of: node
        )
        #expect(synchronized.errorCode == 0)
        let (_, members) = try #require(try cluster.describe(group: "g"))
        let partitions = (0..<2).map { TopicPartition("a", PartitionIndex($0)) }
        #expect(members.map(\.assigned) == [partitions])
        try harness.stop()
    }

    @Test func `codes are told in words, with the name that Kafka's documentation has`() {
        let error = KafkaClientError.refused(.nonEmptyGroup, about: "the group 'g'", "")
        #expect("\(error)" == "the group 'g': it has members (NON_EMPTY_GROUP)")
        let seldom = KafkaClientError.refused(KafkaErrorCode(rawValue: 94), about: "x", "")
        #expect("\(seldom)" == "x: INCONSISTENT_VOTER_SET")
        let told = KafkaClientError.refused(.nonEmptyGroup, about: "the group 'g'", "No.")
        #expect("\(told)" == "No (NON_EMPTY_GROUP)")
    }

    @Test func `an owner's open transaction is told, and aborted`() throws {
        let harness = try ClusterHarness()
        let cluster = try cluster(harness, .socket)
        try cluster.abort(transactionalID: "t")
        #expect(try cluster.transactionalIDs() == ["t"])
        let known = try #require(try cluster.describe(transactionalID: "t"))
        #expect(known.state == "Empty" && known.start == nil)
        #expect(try cluster.describe(transactionalID: "u") == nil)
        try harness.stop()
    }

    // MARK: The socket

    @Test func `a socket is reached however long its path is`() throws {
        let harness = try ClusterHarness(depth: 6)
        #expect(harness.socketPath.utf8.count > 200)
        let cluster = try cluster(harness, .socket)
        #expect(try cluster.topics(named: nil) == [])
        try harness.stop()
    }

    @Test func `only the user of the directory can connect to its socket`() throws {
        let harness = try ClusterHarness()
        let attributes = try FileManager.default.attributesOfItem(atPath: harness.socketPath)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        try harness.stop()
        #expect(!FileManager.default.fileExists(atPath: harness.socketPath))
    }
}

/// What a member of a group sends; the client has none.
extension JoinGroupRequest: KafkaRequest {
    package typealias Response = JoinGroupResponse
    package static let api = WireAPI.known(11)
    package static let usedVersions: ClosedRange<Int16> = 5...7
}

extension SyncGroupRequest: KafkaRequest {
    package typealias Response = SyncGroupResponse
    package static let api = WireAPI.known(14)
    package static let usedVersions: ClosedRange<Int16> = 3...4
}
