import Broker
import BrokerAPI
import BrokerServer
import KafkaWire
import LogModel
import LogStorage
import Testing

/// Fetches that wait, over real sockets.
struct ParkedFetchTests {
    private func batch(
        _ byteCount: Int,
        _ producer: InitProducerIdResponse? = nil,
        sequence: Int32 = 0
    ) -> [UInt8] {
        var builder = RecordBatchBuilder()
        [UInt8](repeating: 0x61, count: byteCount).withUnsafeBytes {
            builder.append(timestamp: Timestamp(1_767_225_600_000), key: nil, value: $0)
        }
        guard let producer else { return Array(builder.seal()) }
        return Array(
            builder.seal(
                attributes: BatchAttributes(rawValue: 16),
                producerID: ProducerID(producer.producerID),
                producerEpoch: ProducerEpoch(producer.producerEpoch),
                baseSequence: SequenceNumber(sequence)
            )
        )
    }

    private func produce(
        _ records: [UInt8],
        to partition: Int32 = 0,
        id: String? = nil,
        _ client: RawClient
    ) throws {
        let answer = try client.ask(
            ProduceRequest(
                transactionalID: id,
                acks: -1,
                timeoutMs: 5000,
                topicData: [
                    .init(name: "t", partitionData: [.init(index: partition, records: records)])
                ]
            ),
            ProduceResponse.self,
            key: 0,
            version: 12,
            flexibleFrom: 9
        )
        #expect(answer.responses.first?.partitionResponses.first?.errorCode == 0)
    }

    /// A fetch of all partitions of the topic from their begins on, for ten minutes at most.
    private func fetch(
        atLeast least: Int32,
        partitions: Int32,
        isolation: Int8 = 0
    ) -> FetchRequest {
        FetchRequest(
            maxWaitMs: 600_000,
            minBytes: least,
            maxBytes: 50 << 20,
            isolationLevel: isolation,
            sessionEpoch: -1,
            topics: [
                .init(
                    topic: "t",
                    partitions: (0..<partitions).map {
                        .init(partition: $0, fetchOffset: 0, partitionMaxBytes: 1 << 20)
                    }
                )
            ]
        )
    }

    private func send(_ request: FetchRequest, _ client: RawClient) throws {
        try client.send(request, key: 1, version: 11, flexibleFrom: 12)
    }

    private func byteCount(_ client: RawClient) throws -> Int {
        let answer = try client.receive(
            FetchResponse.self,
            key: 1,
            version: 11,
            flexibleFrom: 12
        )
        return answer.response.responses.flatMap(\.partitions)
            .reduce(0) { $0 + ($1.records?.count ?? 0) }
    }

    private func serving(
        partitions: Int32,
        options: [String: String] = [:],
        _ body: (ServerHarness) throws -> Void
    ) throws {
        let harness = try ServerHarness()
        try harness.broker.createTopic("t", partitionCount: partitions, options: options)
        try body(harness)
        try harness.stop()
    }

    /// What was there, and each change since, in segments that end in between.
    @Test func `a fetch is answered with the byte that it waits for, and not before`() throws {
        try serving(partitions: 4, options: ["segment.bytes": "1048576"]) { harness throws in
            let producer = try harness.connect()
            let one = batch(100_000)
            for partition in Int32(0)..<4 { try produce(one, to: partition, producer) }
            let waiting = try harness.connect()
            let least = Int32(4 * one.count + 12 * one.count)
            try send(fetch(atLeast: least, partitions: 4), waiting)
            for index in Int32(0)..<11 { try produce(one, to: index % 4, producer) }
            #expect(!waiting.isReadable(within: 100))
            try produce(one, to: 3, producer)
            #expect(try byteCount(waiting) == 16 * one.count)
        }
    }

    /// A reader of committed records waits for markers as well.
    @Test func `what is not decided does not count to who reads what is`() throws {
        try serving(partitions: 1) { harness throws in
            let owner = try harness.connect()
            let id = try owner.ask(
                InitProducerIdRequest(transactionalID: "x", transactionTimeoutMs: 60_000),
                InitProducerIdResponse.self,
                key: 22,
                version: 4,
                flexibleFrom: 2
            )
            let other = try harness.connect()
            try produce(batch(1000), other)
            let committed = try harness.connect()
            try send(fetch(atLeast: 6000, partitions: 1, isolation: 1), committed)
            try produce(batch(2000, id), id: "x", owner)
            let all = try harness.connect()
            try send(fetch(atLeast: 6000, partitions: 1), all)
            try produce(batch(4000), other)
            #expect(try byteCount(all) > 6000)
            #expect(!committed.isReadable(within: 100))
            _ = try owner.ask(
                EndTxnRequest(
                    transactionalID: "x",
                    producerID: id.producerID,
                    producerEpoch: id.producerEpoch,
                    committed: true
                ),
                EndTxnResponse.self,
                key: 26,
                version: 5,
                flexibleFrom: 3
            )
            #expect(try byteCount(committed) > 7000)
        }
    }

    @Test(arguments: [0, 1] as [Int8])
    func `what waits behind an open transaction counts up to it`(isolation: Int8) throws {
        try serving(partitions: 2) { harness throws in
            let owner = try harness.connect()
            let id = try owner.ask(
                InitProducerIdRequest(transactionalID: "x", transactionTimeoutMs: 60_000),
                InitProducerIdResponse.self,
                key: 22,
                version: 4,
                flexibleFrom: 2
            )
            let other = try harness.connect()
            // The last stable offset lies in the middle from here on.
            try produce(batch(1000), other)
            try produce(batch(2000, id), id: "x", owner)
            try produce(batch(4000), other)
            let waiting = try harness.connect()
            let least: Int32 = isolation == 1 ? 3000 : 9000
            try send(fetch(atLeast: least, partitions: 2, isolation: isolation), waiting)
            #expect(!waiting.isReadable(within: 100))
            try produce(batch(2500), to: 1, other)
            #expect(try byteCount(waiting) > Int(least))
        }
    }

    @Test func `a topic that is deleted ends the waiting for it`() throws {
        try serving(partitions: 2) { harness throws in
            let waiting = try harness.connect()
            try send(fetch(atLeast: 1 << 20, partitions: 2), waiting)
            let producer = try harness.connect()
            try produce(batch(100), producer)
            try harness.broker.deleteTopic("t")
            let answer = try waiting.receive(
                FetchResponse.self,
                key: 1,
                version: 11,
                flexibleFrom: 12
            )
            let codes = answer.response.responses.flatMap(\.partitions).map(\.errorCode)
            #expect(codes.count == 2)
            #expect(codes.contains { $0 != 0 })
        }
    }

    @Test func `records that are deleted under a fetch end its waiting`() throws {
        try serving(partitions: 1) { harness throws in
            let producer = try harness.connect()
            try produce(batch(100), producer)
            try produce(batch(100), producer)
            let waiting = try harness.connect()
            try send(fetch(atLeast: 1 << 20, partitions: 1), waiting)
            // In flight once a later answer on another connection is there.
            try produce(batch(100), producer)
            try harness.broker.deleteRecords(
                of: TopicPartition("t", PartitionIndex(0)),
                before: Offset(2)
            )
            let answer = try waiting.receive(
                FetchResponse.self,
                key: 1,
                version: 11,
                flexibleFrom: 12
            )
            #expect(answer.response.responses.first?.partitions.first?.errorCode == 1)
        }
    }

    /// What a log tells without being read, against its files' sizes.
    @Test func `bytes below an offset are those of the batches in front of it`() throws {
        try serving(partitions: 1, options: ["segment.bytes": "1048576"]) { harness throws in
            let producer = try harness.connect()
            let log = try harness.broker.find(TopicPartition("t", PartitionIndex(0))).log
            #expect(log.byteCount(below: .zero) == 0)
            var ends: [Int64] = [0]
            for index in 0..<40 {
                let one = batch(1000 + index * 3000)
                try produce(one, producer)
                ends.append(ends[index] + Int64(one.count))
            }
            for (offset, end) in ends.enumerated() {
                #expect(log.byteCount(below: Offset(Int64(offset))) == end)
            }
            #expect(log.byteCount(below: Offset(41)) == nil)
        }
    }
}
