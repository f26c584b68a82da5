import Broker
import BrokerAPI
import KafkaRecords
import KafkaWire
import LogModel
import Testing
import Threads

/// How much a fetch waits for, and how much it brings.
struct FetchLimitTests {
    private func batch(_ byteCount: Int) -> [UInt8] {
        var builder = RecordBatchBuilder()
        [UInt8](repeating: 0x61, count: byteCount).withUnsafeBytes {
            builder.append(timestamp: Timestamp(1_767_225_600_000), key: nil, value: $0)
        }
        return Array(builder.seal())
    }

    /// A log with a topic of five batches of 300 kB.
    private func withBatches(_ body: (APIHarness) throws -> Void) throws {
        let harness = try APIHarness()
        try harness.broker.createTopic("t", partitionCount: 1)
        for _ in 0..<5 { try produce(harness) }
        try body(harness)
        harness.api.stopWaiting()
        try harness.close()
    }

    private func produce(_ harness: APIHarness) throws {
        let response: ProduceResponse = try harness.ask(
            ProduceRequest(
                acks: -1,
                timeoutMs: 1000,
                topicData: [
                    .init(name: "t", partitionData: [.init(index: 0, records: batch(300_000))])
                ]
            ),
            0,
            9
        )
        #expect(response.responses.first?.partitionResponses.first?.errorCode == 0)
    }

    private func fetchRequest(
        atLeast least: Int32,
        ofPartition partition: Int32,
        atMost most: Int32 = 50 << 20,
        from offset: Int64 = 0
    ) -> FetchRequest {
        FetchRequest(
            maxWaitMs: 60_000,
            minBytes: least,
            maxBytes: most,
            topics: [
                .init(
                    topic: "t",
                    partitions: [
                        .init(partition: 0, fetchOffset: offset, partitionMaxBytes: partition)
                    ]
                )
            ]
        )
    }

    /// How many bytes come at once; nil where the fetch waits.
    private func fetch(_ request: FetchRequest, _ harness: APIHarness) throws -> Int? {
        do {
            let response: FetchResponse = try harness.ask(request, 1, 11)
            return response.responses.first?.partitions.first?.records?.count
        } catch is APIHarness.NoAnswer { return nil }
    }

    @Test func `what may not be brought is not waited for`() throws {
        try withBatches { harness throws in
            // Three batches of 300 kB are all that fits into 1 MiB.
            let three = try #require(
                try fetch(fetchRequest(atLeast: 1 << 20, ofPartition: 1 << 20), harness)
            )
            #expect((900_000..<1 << 20).contains(three))
            let most = try fetch(
                fetchRequest(atLeast: 5 << 20, ofPartition: 20 << 20, atMost: 1 << 20),
                harness
            )
            #expect(most == three)
        }
    }

    @Test func `what may still come is waited for, as in Kafka`() throws {
        try withBatches { harness throws in
            #expect(
                try fetch(fetchRequest(atLeast: 2 << 20, ofPartition: 20 << 20), harness) == nil
            )
            #expect(try fetch(fetchRequest(atLeast: 5 << 20, ofPartition: 1 << 20), harness) == nil)
            #expect(
                try fetch(fetchRequest(atLeast: 1, ofPartition: 1 << 20, from: 5), harness) == nil
            )
            #expect(
                try fetch(fetchRequest(atLeast: 1, ofPartition: 1 << 20, from: 4), harness) != nil
            )
        }
    }

    @Test func `answers that are not taken yet leave a fetch one batch`() throws {
        try withBatches { harness throws in
            harness.api.answerMemory.change(by: 300 << 20)
            let one = try #require(
                try fetch(fetchRequest(atLeast: 1 << 20, ofPartition: 1 << 20), harness)
            )
            #expect((300_000..<301_000).contains(one))
        }
    }

    /// The first partition brings all that it has; the second is there, and nobody would tell of it
    /// before its next change.
    @Test func `what there is no room for is not waited for`() throws {
        try withBatches { harness throws in
            harness.api.answerMemory.change(by: 300 << 20)
            var request = fetchRequest(atLeast: 600_000, ofPartition: 1 << 20, from: 4)
            var other = fetchRequest(atLeast: 600_000, ofPartition: 1 << 20).topics[0]
            request.topics.append(other)
            let both = try #require(try fetch(request, harness))
            #expect((300_000..<301_000).contains(both))
            // Where nothing is left out, what may still come is waited for.
            other.partitions[0].fetchOffset = 5
            request.topics[1] = other
            #expect(try fetch(request, harness) == nil)
        }
    }

    /// It was given room when it came, and is answered when there is none.
    @Test func `a fetch that waited brings what there is room for now`() throws {
        try withBatches { harness throws in
            let request = fetchRequest(atLeast: 500_000, ofPartition: 50 << 20, from: 5)
            let answered = ConditionLock<Int?>(nil)
            let body = try request.encoded(version: 11)
            harness.api.handle(
                APIRequest(
                    apiKey: 1,
                    version: 11,
                    clientID: "c0",
                    connection: harness.client,
                    body: body
                )
            ) { answer in answered.update { $0 = answer.byteCount } }
            harness.api.answerMemory.change(by: 300 << 20)
            for _ in 0..<2 { try produce(harness) }
            let byteCount = try #require(answered.wait(atMost: .seconds(60)) { $0 })
            #expect((300_000..<301_000).contains(byteCount))
        }
    }
}
