import Broker
import Bytes
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Streams
import Testing

@testable import StreamsRuntime

/// Global tables beyond the vectors: every thread, restarts, topics that change under the job.
@Suite struct GlobalTableTests {
    private static let rates = Topic("rates", key: .utf8, value: .int64)
    private static let sales = Topic("sales", key: .utf8, value: .utf8)
    private static let out = Topic("out", key: .utf8, value: .int64)

    /// The rate of a sale's currency, or -1.
    private struct Priced: StreamJob {
        static let name = "priced"
        var topology: [Statement] {
            let rates = globalTable(rates, store: "rates")
            stream(sales)
                .leftJoin(
                    rates,
                    key: { (_: String, currency: String) -> String? in
                        currency.isEmpty ? nil : currency
                    }
                ) { (_: String, rate: Int64?) -> Int64 in rate ?? -1 }
                .to(out)
        }
    }

    private static func driver(
        _ configuration: StreamsConfiguration = threads
    ) throws
        -> TopologyDriver
    {
        try TopologyDriver(
            inputs: [("rates", 3), ("sales", 4)],
            configuration: configuration,
            seed: 9
        ) { try Topology(of: Priced()) }
    }

    private static var threads: StreamsConfiguration {
        var configuration = StreamsConfiguration()
        configuration.threadCount = 3
        configuration.checkpointIntervalMilliseconds = 0
        return configuration
    }

    private static func rate(_ driver: TopologyDriver, _ key: String, _ value: UInt8?) throws {
        try driver.send(
            topic: "rates",
            key: Array(key.utf8),
            value: value.map { [0, 0, 0, 0, 0, 0, 0, $0] },
            timestamp: Timestamp(1)
        )
    }

    /// What a sale in each partition finds, as the last byte of the result.
    private static func found(_ driver: TopologyDriver, _ currency: String) throws -> [UInt8?] {
        for partition: Int32 in 0..<4 {
            try driver.send(
                topic: "sales",
                key: [65],
                value: Array(currency.utf8),
                timestamp: Timestamp(2),
                partition: PartitionIndex(partition)
            )
        }
        try driver.runUntilIdle()
        return try driver.read("out").map { $0.value?.last }
    }

    @Test func `every task finds every row, through crashes`() throws {
        let driver = try Self.driver()
        let keys = (0..<20).map { "k\($0)" }
        for (index, key) in keys.enumerated() { try Self.rate(driver, key, UInt8(index)) }
        #expect(try Self.found(driver, "k7") == [7, 7, 7, 7])
        try Self.rate(driver, "k7", 70)
        _ = try driver.step()
        try driver.crash()
        #expect(try Self.found(driver, "k7") == [70, 70, 70, 70])
        try Self.rate(driver, "k7", nil)
        try driver.kill()
        #expect(try Self.found(driver, "k7") == [255, 255, 255, 255])
        try driver.restartCleanly()
        #expect(try Self.found(driver, "k8") == [8, 8, 8, 8])
        #expect(try driver.contents(ofStore: "rates").count == 19)
        #expect(try Self.found(driver, "") == [255, 255, 255, 255])
    }

    @Test func `what is there at the start is read before the first record`() throws {
        let driver = try Self.driver()
        try driver.send(topic: "sales", key: [65], value: [120], timestamp: Timestamp(0))
        try Self.rate(driver, "x", 5)
        try driver.kill()
        try driver.runUntilIdle()
        #expect(try driver.read("out").map { $0.value?.last } == [5])
    }

    @Test func `records without a key are dropped and counted once, whatever the threads`() throws {
        let driver = try Self.driver()
        try driver.send(topic: "rates", key: nil, value: [1], timestamp: Timestamp(0))
        try driver.runUntilIdle()
        #expect(driver.counters.recordsDropped == 1)
    }

    @Test func `a record that the serdes refuse stops the job, or is skipped and counted`() throws {
        var driver = try Self.driver()
        try driver.send(topic: "rates", key: [65], value: [1, 2], timestamp: Timestamp(0))
        let error = #expect(throws: StreamsError.self) { try driver.runUntilIdle() }
        #expect(error?.code == .decode && error?.message.contains("topic rates") == true)
        var configuration = Self.threads
        configuration.onDecodeError = .skip
        driver = try Self.driver(configuration)
        try driver.send(topic: "rates", key: [65], value: [1, 2], timestamp: Timestamp(0))
        try Self.rate(driver, "x", 3)
        #expect(try Self.found(driver, "x") == [3, 3, 3, 3])
        #expect(driver.counters.recordsSkipped == 1)
        // A start meets it again.
        try driver.crash()
        #expect(try Self.found(driver, "A") == [255, 255, 255, 255])
    }

    @Test func `a key that no store takes is refused with its place, or skipped`() throws {
        let long = [UInt8](repeating: 65, count: 65_535)
        let value: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
        var driver = try Self.driver()
        try driver.send(topic: "rates", key: long, value: value, timestamp: .none)
        let error = #expect(throws: StreamsError.self) { try driver.runUntilIdle() }
        #expect(error?.message.contains("topic rates, partition") == true)
        #expect(error?.message.contains("a key of 65535 bytes") == true)
        var configuration = Self.threads
        configuration.onDecodeError = .skip
        driver = try Self.driver(configuration)
        try driver.send(topic: "rates", key: long, value: value, timestamp: .none)
        try Self.rate(driver, "x", 3)
        #expect(try Self.found(driver, "x") == [3, 3, 3, 3])
        try driver.crash()
        #expect(try Self.found(driver, "x") == [3, 3, 3, 3])
    }

    @Test func `the job's own policy holds for what the serdes refuse`() throws {
        let driver = try TopologyDriver(
            inputs: [("rates", 3), ("sales", 4)],
            configuration: Self.threads,
            seed: 9
        ) {
            try Topology(
                job: Priced.name,
                statements: Priced().topology,
                errors: ErrorPolicies(decode: .skip)
            )
        }
        try driver.send(topic: "rates", key: [65], value: [1, 2], timestamp: Timestamp(0))
        try Self.rate(driver, "x", 3)
        #expect(try Self.found(driver, "x") == [3, 3, 3, 3])
        #expect(driver.counters.recordsSkipped == 1)
    }

    @Test func `a topic that is made anew under the job empties the table`() throws {
        let driver = try Self.driver()
        try Self.rate(driver, "x", 3)
        #expect(try Self.found(driver, "x") == [3, 3, 3, 3])
        try driver.broker.deleteTopic("rates")
        try driver.broker.createTopic("rates", partitionCount: 3)
        try Self.rate(driver, "y", 4)
        #expect(try Self.found(driver, "y") == [4, 4, 4, 4])
        #expect(try Self.found(driver, "x") == [255, 255, 255, 255])
        try driver.restartCleanly()
        #expect(try Self.found(driver, "x") == [255, 255, 255, 255])
        #expect(try Self.found(driver, "y") == [4, 4, 4, 4])
    }

    @Test func `records that were deleted before they were read empty the table first`() throws {
        let driver = try Self.driver()
        for value: UInt8 in 1...3 { try Self.rate(driver, "x", value) }
        try driver.runUntilIdle()
        try driver.restartCleanly()
        try Self.rate(driver, "x", nil)
        try Self.rate(driver, "x", 9)
        for partition: Int32 in 0..<3 {
            let name = TopicPartition("rates", PartitionIndex(partition))
            let end = try driver.broker.bounds(of: name).logEnd
            try driver.deleteRecords(of: "rates", PartitionIndex(partition), before: end)
        }
        #expect(try Self.found(driver, "x") == [255, 255, 255, 255])
        try Self.rate(driver, "y", 4)
        #expect(try Self.found(driver, "y") == [4, 4, 4, 4])
        #expect(try driver.contents(ofStore: "rates").count == 1)
    }

    @Test func `the description shows the table apart from the tasks`() throws {
        let specification = try Topology(of: Priced()).specification
        #expect(specification.text().contains("sub-topology 1, in every task"))
        #expect(specification.text().contains("store rates, a copy of rates in every thread"))
        #expect(specification.json().contains("\"kind\":\"globalTable\""))
        let topics = [("sales", 4), ("rates", 3)].map { name, count in
            TopicDescription(
                name: name,
                id: .zero,
                partitionCount: Int32(count),
                isInternal: false,
                configuration: [:]
            )
        }
        #expect(try TopologyPlan(specification, existing: topics).tasks.count == 4)
        #expect(throws: PlanError.missingSource(topic: "rates")) {
            try TopologyPlan(specification, existing: [topics[0]])
        }
    }
}
