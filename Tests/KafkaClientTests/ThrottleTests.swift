import KafkaRecords
import KafkaWire
import LogModel
import Testing
import Threads

@testable import KafkaClient

/// A cluster with quotas.
@Suite struct ThrottleTests {
    /// A node that answers what a test has written down, one after the other. It tells no ids.
    private final class ScriptedExchange: KafkaExchange {
        let address = KafkaAddress.network(host: "127.0.0.1", port: 1)
        let isBroken = false
        private var answers: [any KafkaMessage]
        private(set) var askedCount = 0

        init(_ answers: [any KafkaMessage]) { self.answers = answers }

        func exchange(
            _ api: WireAPI,
            among versions: ClosedRange<Int16>,
            patience: Duration,
            body: (Int16) throws(KafkaClientError) -> [UInt8]
        ) throws(KafkaClientError) -> (body: [UInt8], start: Int, version: Int16) {
            let version = versions.upperBound
            _ = try body(version)
            if api.name == "Metadata", let bytes = try? MetadataResponse().encoded(version: version)
            {
                return (bytes, 0, version)
            }
            askedCount += 1
            guard !answers.isEmpty, let bytes = try? answers.removeFirst().encoded(version: version)
            else { throw .nonsense(address, "there is no more") }
            return (bytes, 0, version)
        }
    }

    private static let partition = TopicPartition("t", PartitionIndex(0))

    private static func throttled(_ milliseconds: Int32) -> FetchResponse {
        FetchResponse(throttleTimeMs: milliseconds, responses: [])
    }

    private static let records = FetchResponse(
        throttleTimeMs: 0,
        responses: [
            FetchResponse.FetchableTopicResponse(
                topic: "t",
                partitions: [
                    FetchResponse.PartitionData(
                        partitionIndex: 0,
                        highWatermark: 7,
                        lastStableOffset: 7,
                        logStartOffset: 0,
                        abortedTransactions: nil,
                        records: nil
                    )
                ]
            )
        ]
    )

    private func fetch(
        _ exchange: ScriptedExchange,
        _ configuration: KafkaCluster.Configuration = ClusterHarness.impatient
    ) throws(KafkaClientError) -> [TopicPartition: FetchedPartition] {
        try KafkaCluster(over: exchange, configuration: configuration).fetch(
            [Self.partition: .zero],
            isolation: .readCommitted,
            byteLimit: 1 << 20,
            wait: .zero
        )
    }

    @Test func `what a quota holds back is asked for again when its time is over`() throws {
        let exchange = ScriptedExchange([Self.throttled(30), Self.throttled(20), Self.records])
        let begin = ContinuousClock.now
        let fetched = try fetch(exchange)
        #expect(fetched[Self.partition]?.highWatermark == Offset(7))
        #expect(exchange.askedCount == 3)
        #expect(ContinuousClock.now - begin >= .milliseconds(50))
    }

    @Test func `a quota that brings nothing for long is told as that`() {
        var configuration = ClusterHarness.impatient
        configuration.throttleLimit = .milliseconds(40)
        configuration.retryLimit = .zero
        let exchange = ScriptedExchange(Array(repeating: Self.throttled(15), count: 9))
        let error = #expect(throws: KafkaClientError.self) { try fetch(exchange, configuration) }
        #expect(error?.code == .throttlingQuotaExceeded)
        #expect(error?.description.contains("the cluster's quota holds this client back") == true)
        #expect(exchange.askedCount == 3)
    }

    @Test func `who asks for the end does not wait for a quota's time`() throws {
        var configuration = ClusterHarness.impatient
        let stop = Lock<UInt64?>(nil)
        configuration.stopTime = { stop.withLock { $0 } }
        stop.withLock { $0 = 1 }
        let exchange = ScriptedExchange([Self.throttled(.max), Self.records])
        #expect(try fetch(exchange, configuration).isEmpty)
        #expect(exchange.askedCount == 1)
    }

    @Test func `the next request waits for the time that any answer tells`() throws {
        let exchange = ScriptedExchange([
            InitProducerIdResponse(throttleTimeMs: 40, producerID: 5, producerEpoch: 0),
            InitProducerIdResponse(producerID: 6, producerEpoch: 0),
        ])
        let cluster = KafkaCluster(over: exchange, configuration: ClusterHarness.impatient)
        let begin = ContinuousClock.now
        #expect(try cluster.makeProducerID().0 == ProducerID(5))
        #expect(try cluster.makeProducerID().0 == ProducerID(6))
        #expect(ContinuousClock.now - begin >= .milliseconds(40))
    }

    @Test func `a wait of a second or more is told before it begins`() throws {
        var configuration = ClusterHarness.impatient
        let waits = Lock<[Duration]>([])
        configuration.willWaitForQuota = { wait in waits.withLock { $0.append(wait) } }
        let exchange = ScriptedExchange([Self.throttled(40), Self.throttled(1200), Self.records])
        #expect(try !fetch(exchange, configuration).isEmpty)
        let told = waits.withLock { $0 }
        #expect(told.count == 1)
        #expect(told.allSatisfy { $0 > .seconds(1) && $0 <= .milliseconds(1200) }, "\(told)")
    }

    @Test func `a node's time is over at its end, and no longer than a minute`() {
        let a = KafkaAddress.network(host: "a", port: 1)
        let b = KafkaAddress.network(host: "b", port: 1)
        var throttles = NodeThrottles()
        throttles.note(100, by: a, at: 1_000_000)
        throttles.note(0, by: b, at: 1_000_000)
        throttles.note(-5, by: b, at: 1_000_000)
        #expect(throttles.wait(for: a, at: 51_000_000) == .milliseconds(50))
        #expect(throttles.wait(for: b, at: 51_000_000) == .zero)
        #expect(throttles.wait(for: a, at: 101_000_000) == .zero)
        throttles.note(.max, by: a, at: 0)
        #expect(throttles.wait(for: a, at: 0) == .seconds(60))
    }
}
