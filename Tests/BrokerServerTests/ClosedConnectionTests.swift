import Broker
import BrokerAPI
import BrokerServer
import Coordination
import KafkaRecords
import KafkaWire
import LogModel
import LogStorage
import Security
import Testing

/// What clients sent before they closed, over real sockets.
@Suite struct ClosedConnectionTests {
    private static let patience = Duration.seconds(20)

    private func batch() -> [UInt8] {
        var builder = RecordBatchBuilder(capacity: 1024)
        builder.append(timestamp: Timestamp(1_700_000_000_000), key: nil, value: nil)
        return Array(builder.seal(attributes: BatchAttributes()))
    }

    private func produce(_ client: RawClient, acks: Int16) throws {
        try client.send(
            ProduceRequest(
                acks: acks,
                timeoutMs: 5000,
                topicData: [.init(name: "a", partitionData: [.init(index: 0, records: batch())])]
            ),
            key: 0,
            version: 9,
            flexibleFrom: 9
        )
    }

    private func commit(_ client: RawClient, _ offset: Int64) throws {
        try client.send(
            OffsetCommitRequest(
                groupID: "g",
                topics: [
                    .init(
                        name: "a",
                        partitions: [.init(partitionIndex: 0, committedOffset: offset)]
                    )
                ]
            ),
            key: 8,
            version: 7,
            flexibleFrom: 8
        )
    }

    /// Looks again whenever the log changes.
    private func wait(_ broker: Broker, until isSo: () throws -> Bool) rethrows -> Bool {
        let clock = ContinuousClock()
        let end = clock.now + Self.patience
        var signal: UInt64 = 0
        while clock.now < end {
            if try isSo() { return true }
            signal = broker.waitForChange(since: signal, timeout: .milliseconds(50))
        }
        return try isSo()
    }

    private func hasRecords(_ count: Int64, _ broker: Broker) throws -> Bool {
        let partition = TopicPartition("a", PartitionIndex(0))
        return try wait(broker) {
            try broker.bounds(of: partition).highWatermark == Offset(count)
        }
    }

    @Test(arguments: [false, true])
    func `records without acknowledgement are stored, and the end is not waited for`(
        _ abruptly: Bool
    ) throws {
        let harness = try ServerHarness()
        try harness.broker.createTopic("a", partitionCount: 1)
        for _ in 0..<20 {
            let client = try harness.connect()
            try produce(client, acks: 0)
            client.close(abruptly: abruptly)
        }
        let client = try harness.connect()
        for _ in 0..<300 { try produce(client, acks: 0) }
        client.close(abruptly: abruptly)
        #expect(try hasRecords(320, harness.broker))
        try harness.stop()
    }

    @Test(arguments: [false, true])
    func `what waits behind others is carried out, whoever reads the answers`(
        _ abruptly: Bool
    ) throws {
        let harness = try ServerHarness()
        try harness.broker.createTopic("a", partitionCount: 1)
        let client = try harness.connect()
        for offset in Int64(1)...40 {
            try commit(client, offset)
            try produce(client, acks: -1)
        }
        client.close(abruptly: abruptly)
        #expect(try hasRecords(40, harness.broker))
        let partition = TopicPartition("a", PartitionIndex(0))
        let isCommitted = try wait(harness.broker) {
            let answers = try harness.broker.committedOffsets(
                group: "g",
                partitions: [partition],
                requireStable: false,
                isOwn: false
            )
            guard case .committed(let offset) = answers[partition] else { return false }
            return offset.offset == Offset(40)
        }
        #expect(isCommitted)
        #expect(wait(harness.broker) { harness.api.probe.connections.open == 0 })
        try harness.stop()
    }

    @Test func `a member that leaves and closes has left`() throws {
        let harness = try ServerHarness()
        let client = try harness.connect()
        let joined = try client.ask(
            JoinGroupRequest(
                groupID: "g",
                sessionTimeoutMs: 30_000,
                rebalanceTimeoutMs: 30_000,
                protocolType: "consumer",
                protocols: [.init(name: "range", metadata: [0])]
            ),
            JoinGroupResponse.self,
            key: 11,
            version: 3,
            flexibleFrom: 6
        )
        #expect(try harness.broker.describeGroup("g")?.members.count == 1)
        try client.send(
            LeaveGroupRequest(groupID: "g", members: [.init(memberID: joined.memberID)]),
            key: 13,
            version: 3,
            flexibleFrom: 4
        )
        client.close()
        let hasLeft = try wait(harness.broker) {
            try harness.broker.describeGroup("g")?.members.isEmpty ?? true
        }
        #expect(hasLeft)
        try harness.stop()
    }

    @Test(arguments: [SecurityProtocol.plaintext, .ssl])
    func `who says no more and reads on is answered`(_ security: SecurityProtocol) throws {
        let harness = try ServerHarness(
            protocols: [security],
            certificates: security.usesTLS ? TestCertificates.server(.none) : nil
        )
        try harness.broker.createTopic("a", partitionCount: 1)
        let port = try harness.port(security)
        let client = security.usesTLS ? try SecureClient(port: port) : try RawClient(port: port)
        for _ in 0..<40 { try produce(client, acks: 1) }
        client.endSending()
        for number in Int64(0)..<40 {
            let (_, answer) = try client.receive(
                ProduceResponse.self,
                key: 0,
                version: 9,
                flexibleFrom: 9
            )
            #expect(answer.responses.first?.partitionResponses.first?.baseOffset == number)
        }
        #expect(throws: RawClient.Closed.self) { try client.receive(1) }
        try harness.stop()
    }

    private func poll(_ client: RawClient, milliseconds: Int32) throws {
        try client.send(
            FetchRequest(
                maxWaitMs: milliseconds,
                minBytes: 1,
                sessionEpoch: -1,
                topics: [
                    .init(
                        topic: "a",
                        partitions: [.init(partition: 0, partitionMaxBytes: 1 << 20)]
                    )
                ]
            ),
            key: 1,
            version: 11,
            flexibleFrom: 12
        )
    }

    @Test func `a long poll holds no connection that has ended`() throws {
        let harness = try ServerHarness()
        try harness.broker.createTopic("a", partitionCount: 1)
        let client = try harness.connect()
        try poll(client, milliseconds: Int32.max)
        #expect(wait(harness.broker) { harness.api.probe.connections.open == 1 })
        client.close()
        #expect(wait(harness.broker) { harness.api.probe.connections.open == 0 })
        try harness.stop()
    }

    @Test func `what came behind a long poll is carried out behind it`() throws {
        let harness = try ServerHarness()
        try harness.broker.createTopic("a", partitionCount: 1)
        let client = try harness.connect()
        try poll(client, milliseconds: 300)
        try produce(client, acks: 0)
        client.close()
        #expect(try hasRecords(1, harness.broker))
        #expect(wait(harness.broker) { harness.api.probe.connections.open == 0 })
        try harness.stop()
    }
}
