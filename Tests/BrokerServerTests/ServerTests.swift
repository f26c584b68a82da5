import BrokerAPI
import BrokerServer
import KafkaWire
import LogModel
import Testing

/// The server over real sockets, spoken to in raw frames.
@Suite struct ServerTests {
    private func batch(_ values: [String], producer: ProducerID = .none) -> [UInt8] {
        var builder = RecordBatchBuilder(capacity: 1024)
        for value in values {
            let bytes = Array(value.utf8)
            bytes.withUnsafeBytes { bytes in
                builder.append(timestamp: Timestamp(1_700_000_000_000), key: nil, value: bytes)
            }
        }
        return Array(
            builder.seal(
                attributes: BatchAttributes(),
                producerID: producer,
                producerEpoch: producer == .none ? .none : ProducerEpoch(0),
                baseSequence: producer == .none ? .none : SequenceNumber(0)
            )
        )
    }

    private func produce(_ topic: String, _ records: [UInt8], acks: Int16 = -1) -> ProduceRequest {
        ProduceRequest(
            acks: acks,
            timeoutMs: 5000,
            topicData: [.init(name: topic, partitionData: [.init(index: 0, records: records)])]
        )
    }

    private func fetch(
        _ topic: String,
        at offset: Int64,
        minBytes: Int32 = 1,
        wait: Int32
    ) -> FetchRequest {
        FetchRequest(
            maxWaitMs: wait,
            minBytes: minBytes,
            sessionEpoch: 0,
            topics: [
                .init(
                    topic: topic,
                    partitions: [
                        .init(partition: 0, fetchOffset: offset, partitionMaxBytes: 1 << 20)
                    ]
                )
            ]
        )
    }

    private func make(_ topic: String, _ client: RawClient) throws {
        let answer = try client.ask(
            MetadataRequest(topics: [.init(name: topic)]),
            MetadataResponse.self,
            key: 3,
            version: 12,
            flexibleFrom: 9
        )
        #expect(answer.topics.map(\.errorCode) == [0])
        #expect(answer.topics.first?.partitions.count == 1)
    }

    @Test func `a listener on every address tells the one that the client came by`() throws {
        let harness = try ServerHarness(host: "0.0.0.0")
        let client = try harness.connect()
        func node(_ client: RawClient) throws -> (String, Int32)? {
            try client.ask(
                MetadataRequest(topics: []),
                MetadataResponse.self,
                key: 3,
                version: 12,
                flexibleFrom: 9
            ).brokers.first.map { ($0.host, $0.port) }
        }
        let told = try #require(try node(client))
        #expect(told == ("127.0.0.1", Int32(harness.server.address.port)))
        try harness.stop()
        var api = APIConfiguration()
        api.advertisedAddresses = try #require(
            NodeAddress.byListener("PLAINTEXT://broker.example.org:1234")
        )
        let other = try ServerHarness(api: api)
        #expect(try #require(try node(other.connect())) == ("broker.example.org", 1234))
        try other.stop()
    }

    @Test func `what one client produces another one fetches`() throws {
        let harness = try ServerHarness()
        let producer = try harness.connect()
        try make("a", producer)
        let records = batch(["one", "two"])
        let produced = try producer.ask(
            produce("a", records),
            ProduceResponse.self,
            key: 0,
            version: 9,
            flexibleFrom: 9
        )
        #expect(produced.responses.first?.partitionResponses.first?.errorCode == 0)
        #expect(produced.responses.first?.partitionResponses.first?.baseOffset == 0)
        let consumer = try harness.connect()
        let fetched = try consumer.ask(
            fetch("a", at: 1, wait: 0),
            FetchResponse.self,
            key: 1,
            version: 12,
            flexibleFrom: 12
        )
        let partition = try #require(fetched.responses.first?.partitions.first)
        #expect(partition.errorCode == 0)
        #expect(partition.highWatermark == 2)
        // The whole batch that holds the offset.
        #expect(partition.records?.count == records.count)
        try harness.stop()
    }

    @Test func `a fetch waits for a record, and stops nobody else meanwhile`() throws {
        let harness = try ServerHarness()
        let consumer = try harness.connect()
        try make("a", consumer)
        try consumer.send(fetch("a", at: 0, wait: 20_000), key: 1, version: 11, flexibleFrom: 12)
        let producer = try harness.connect()
        _ = try producer.ask(
            produce("a", batch(["x"])),
            ProduceResponse.self,
            key: 0,
            version: 8,
            flexibleFrom: 9
        )
        let fetched = try consumer.receive(
            FetchResponse.self,
            key: 1,
            version: 11,
            flexibleFrom: 12
        )
        #expect(fetched.response.responses.first?.partitions.first?.highWatermark == 1)
        try harness.stop()
    }

    @Test func `a fetch that finds nothing answers when its time is over, or the server stops`()
        throws
    {
        let harness = try ServerHarness()
        let client = try harness.connect()
        try make("a", client)
        let empty = try client.ask(
            fetch("a", at: 0, wait: 20),
            FetchResponse.self,
            key: 1,
            version: 12,
            flexibleFrom: 12
        )
        #expect(empty.responses.first?.partitions.first?.records == [])
        try client.send(fetch("a", at: 0, wait: 600_000), key: 1, version: 12, flexibleFrom: 12)
        // In flight once a later answer on another connection is there.
        try make("b", try harness.connect())
        try harness.stop()
    }

    @Test func `produces of one connection keep their order and are answered in it`() throws {
        let harness = try ServerHarness()
        let client = try harness.connect()
        try make("a", client)
        let count = 200
        for number in 0..<count {
            try client.send(
                produce("a", batch(["\(number)"])),
                key: 0,
                version: 9,
                flexibleFrom: 9
            )
        }
        for number in 0..<count {
            let answer = try client.receive(
                ProduceResponse.self,
                key: 0,
                version: 9,
                flexibleFrom: 9
            )
            // The metadata request was the first.
            #expect(answer.correlation == Int32(number + 2))
            #expect(
                answer.response.responses.first?.partitionResponses.first?.baseOffset
                    == Int64(number)
            )
        }
        try harness.stop()
    }

    @Test func `without acknowledgement nothing is answered, and a refusal closes`() throws {
        let harness = try ServerHarness()
        let client = try harness.connect()
        try make("a", client)
        try client.send(produce("a", batch(["x"]), acks: 0), key: 0, version: 9, flexibleFrom: 9)
        let listed = try client.ask(
            ListOffsetsRequest(
                topics: [.init(name: "a", partitions: [.init(partitionIndex: 0, timestamp: -2)])]
            ),
            ListOffsetsResponse.self,
            key: 2,
            version: 7,
            flexibleFrom: 6
        )
        #expect(listed.topics.first?.partitions.first?.offset == 0)
        try client.send(
            produce("none", batch(["x"]), acks: 0),
            key: 0,
            version: 9,
            flexibleFrom: 9
        )
        #expect(throws: RawClient.Closed.self) { try client.receive(1) }
        try harness.stop()
    }

    /// Fills a topic with eight records of 900,000 bytes; the fetch that asks for them all.
    private func fetchOfLarge(_ topic: String, _ client: RawClient) throws -> FetchRequest {
        let large = String(repeating: "0123456789", count: 90_000)
        for _ in 0..<8 {
            _ = try client.ask(
                produce(topic, batch([large])),
                ProduceResponse.self,
                key: 0,
                version: 9,
                flexibleFrom: 9
            )
        }
        var request = fetch(topic, at: 0, wait: 0)
        request.topics[0].partitions[0].partitionMaxBytes = 100 << 20
        return request
    }

    @Test func `a large answer reaches a client that reads slowly, whole`() throws {
        let harness = try ServerHarness()
        let client = try harness.connect()
        try make("a", client)
        let request = try fetchOfLarge("a", client)
        for _ in 0..<4 { try client.send(request, key: 1, version: 12, flexibleFrom: 12) }
        for _ in 0..<4 {
            let answer = try client.receive(
                FetchResponse.self,
                key: 1,
                version: 12,
                flexibleFrom: 12
            )
            let records = answer.response.responses.first?.partitions.first?.records
            #expect((records?.count ?? 0) > 8 * 900_000)
        }
        try harness.stop()
    }

    @Test func `answers that nobody reads stay within bounds, and others are answered`() throws {
        var configuration = APIConfiguration()
        configuration.answerByteLimit = 8 << 20
        let harness = try ServerHarness(
            {
                $0.workerCount = 1
                $0.crowdedReaderTimeout = .seconds(1)
            },
            api: configuration
        )
        let client = try harness.connect()
        try make("a", client)
        let request = try fetchOfLarge("a", client)
        var idle: [RawClient] = []
        for _ in 0..<40 {
            let one = try harness.connect()
            for _ in 0..<3 { try one.send(request, key: 1, version: 12, flexibleFrom: 12) }
            idle.append(one)
        }
        func ask() throws -> Int {
            let answer = try client.ask(
                request,
                FetchResponse.self,
                key: 1,
                version: 12,
                flexibleFrom: 12
            )
            return answer.responses.first?.partitions.first?.records?.count ?? 0
        }
        // Without records while those who do not read hold everything; they are cut off.
        var broughtCount = 0
        while broughtCount < 10 {
            if try ask() > 0 { broughtCount += 1 }
            // One that is just made counts twice, as claimed and as an answer.
            #expect(harness.api.answerMemory.usedByteCount < 17 << 20)
        }
        idle.removeAll()
        // Those that are gone hold nothing: in the end one gets all again.
        var askCount = 0
        while try ask() < 8 * 900_000, askCount < 10_000 { askCount += 1 }
        #expect(askCount < 10_000)
        try harness.stop()
    }

    @Test func `what is no request closes its connection and no other`() throws {
        let harness = try ServerHarness()
        let good = try harness.connect()
        let bad = try harness.connect()
        try bad.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        #expect(throws: RawClient.Closed.self) { try bad.receive(1) }
        let undecodable = try harness.connect()
        try undecodable.send(
            ConnectionHarness.frame(3, version: 1, body: [0x7F, 0xFF, 0xFF, 0xFF])
        )
        #expect(throws: RawClient.Closed.self) { try undecodable.receive(1) }
        let versions = try good.ask(
            ApiVersionsRequest(),
            ApiVersionsResponse.self,
            key: 18,
            version: 0,
            flexibleFrom: 3
        )
        #expect(versions.errorCode == 0)
        #expect(versions.apiKeys.first?.minVersion == 0)
        let unknown = try harness.connect()
        try unknown.send(ConnectionHarness.frame(18, version: 99))
        #expect(Array(try unknown.receiveFrame().prefix(10)) == [0, 0, 0, 1, 0, 35, 0, 0, 0, 1])
        try harness.stop()
    }

    @Test func `only so many connections of one host are kept`() throws {
        let harness = try ServerHarness { $0.connectionLimitPerHost = 1 }
        let first = try harness.connect()
        try make("a", first)
        let second = try harness.connect()
        #expect(throws: RawClient.Closed.self) { try second.receive(1) }
        try make("b", first)
        try harness.stop()
    }
}
