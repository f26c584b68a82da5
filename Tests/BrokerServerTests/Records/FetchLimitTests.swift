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

    /// A fetch on its way; its records are told later.
    private func send(
        _ request: FetchRequest,
        _ harness: APIHarness
    ) throws -> ConditionLock<FetchResponse?> {
        let answered = ConditionLock<FetchResponse?>(nil)
        let body = try request.encoded(version: 11)
        harness.api.handle(
            APIRequest(
                apiKey: 1,
                version: 11,
                clientID: "c0",
                connection: harness.client,
                body: body
            )
        ) { answer in
            guard case .body(let pieces) = answer else { return }
            let response = try? APIHarness.decode(Array(pieces.joined()), 11) as FetchResponse
            answered.update { $0 = response }
        }
        return answered
    }

    private func byteCount(_ answer: ConditionLock<FetchResponse?>) throws -> Int {
        let response = try #require(answer.wait(atMost: .seconds(60)) { $0 })
        return response.responses.first?.partitions.first?.records?.count ?? 0
    }

    @Test func `where answers hold all that they may, a fetch waits for room in its turn`() throws {
        try withBatches { harness throws in
            let memory = harness.api.answerMemory
            memory.change(by: 256 << 20)
            let request = fetchRequest(atLeast: 1 << 20, ofPartition: 1 << 20)
            let first = try send(request, harness)
            let second = try send(request, harness)
            #expect(first.withLock { $0 } == nil && second.withLock { $0 } == nil)
            // Room for one batch, which is the first's.
            memory.change(by: -400_000)
            #expect((300_000..<301_000).contains(try byteCount(first)))
            memory.change(by: -(4 << 20))
            #expect(try byteCount(second) > 300_000)
            // Nobody stands in line any more.
            memory.change(by: -(8 << 20))
            #expect(!memory.isFull)
        }
    }

    @Test func `who has waited for room long enough is answered without records`() throws {
        try withBatches { harness throws in
            harness.api.answerMemory.change(by: 256 << 20)
            var request = fetchRequest(atLeast: 1, ofPartition: 1 << 20)
            request.maxWaitMs = 0
            let answer = try send(request, harness)
            let response = try #require(answer.wait(atMost: .seconds(60)) { $0 })
            let partition = try #require(response.responses.first?.partitions.first)
            #expect(partition.errorCode == 0 && partition.records == [])
            #expect(partition.highWatermark == 5)
            #expect(harness.api.answerMemory.usedByteCount == 256 << 20)
        }
    }

    @Test func `who is gone stands in nobody's way`() throws {
        try withBatches { harness throws in
            harness.api.answerMemory.change(by: 256 << 20)
            let request = fetchRequest(atLeast: 1, ofPartition: 1 << 20)
            let own = harness.client
            harness.client = ConnectionIdentity(number: 2, host: "127.0.0.1")
            let gone = try send(request, harness)
            harness.api.connectionClosed(harness.client)
            harness.client = own
            let other = try send(request, harness)
            harness.api.answerMemory.change(by: -400_000)
            #expect((300_000..<301_000).contains(try byteCount(other)))
            #expect(gone.withLock { $0 } == nil)
        }
    }

    /// The first partition brings all that it has; the second is there, and nobody would tell of it
    /// before its next change.
    @Test func `what there is no room for is not waited for`() throws {
        try withBatches { harness throws in
            harness.api.answerMemory.change(by: (256 << 20) - 400_000)
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

    @Test func `what nobody may read ends no waiting, and is told with the others`() throws {
        try withBatches { harness throws in
            var request = fetchRequest(atLeast: 1, ofPartition: 1 << 20, from: 5)
            request.topics[0].partitions.append(
                .init(partition: 7, fetchOffset: 0, partitionMaxBytes: 1 << 20)
            )
            request.topics.append(
                .init(topic: "none", partitions: [.init(partition: 0, fetchOffset: 0)])
            )
            let waiting = try send(request, harness)
            #expect(waiting.withLock { $0 } == nil)
            try produce(harness)
            let response = try #require(waiting.wait(atMost: .seconds(60)) { $0 })
            #expect(response.responses.flatMap { $0.partitions.map(\.errorCode) } == [0, 3, 3])
            // Where nothing else is asked for, and where one cannot be read, at once.
            request.topics[0].partitions.removeFirst()
            #expect(try fetch(request, harness) != nil)
            #expect(
                try fetch(fetchRequest(atLeast: 1, ofPartition: 1, from: 70), harness) != nil
            )
        }
    }

    @Test func `a topic that goes ends the waiting for it`() throws {
        try withBatches { harness throws in
            try harness.broker.createTopic("u", partitionCount: 1)
            var request = fetchRequest(atLeast: 1, ofPartition: 1 << 20, from: 5)
            request.topics.append(
                .init(topic: "u", partitions: [.init(partition: 0, fetchOffset: 0)])
            )
            let waiting = try send(request, harness)
            #expect(waiting.withLock { $0 } == nil)
            try harness.broker.deleteTopic("u")
            let response = try #require(waiting.wait(atMost: .seconds(60)) { $0 })
            #expect(response.responses.last?.partitions.first?.errorCode == 3)
        }
    }
}
