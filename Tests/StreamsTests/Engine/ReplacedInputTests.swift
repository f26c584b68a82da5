import Broker
import EmbeddedClient
import LogClient
import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// An input topic that is deleted and made anew while a job reads it: positions in the old one mean
/// nothing in the new one, at whatever moment.
@Suite struct ReplacedInputTests {
    private struct Copy: StreamJob {
        static let name = "copy"
        var topology: [Statement] {
            stream(Topic("lines", value: .utf8)).to(Topic("out", value: .utf8))
        }
    }

    private func driver() throws -> TopologyDriver {
        try TopologyDriver(
            inputs: [("lines", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Copy()) }
    }

    private func send(_ texts: [String], _ driver: TopologyDriver) throws {
        for text in texts {
            try driver.send(
                topic: "lines",
                key: nil,
                value: Array(text.utf8),
                timestamp: driver.time.wallTime()
            )
        }
    }

    private func makeAnew(_ driver: TopologyDriver) throws {
        try driver.broker.deleteTopic("lines")
        try driver.broker.createTopic("lines", partitionCount: 1)
    }

    private func output(_ driver: TopologyDriver) throws -> [String] {
        try driver.read("out").map { String(decoding: $0.value ?? [], as: UTF8.self) }
    }

    private let old = (0..<5).map { "old \($0)" }

    /// Fewer records than the old position, as many, and more.
    @Test(arguments: [3, 5, 7], [true, false])
    func `between processing and commit`(count: Int, isKilled: Bool) throws {
        let driver = try driver()
        try send(old, driver)
        _ = try driver.step()
        try makeAnew(driver)
        try driver.commit()
        let name = TopicPartition("lines", PartitionIndex(0))
        let client = EmbeddedClient(broker: driver.broker)
        #expect(try client.committedOffsets(group: "copy", partitions: [name]).isEmpty)
        let new = (0..<count).map { "new \($0)" }
        try send(new, driver)
        if isKilled { try driver.kill() }
        try driver.runUntilIdle()
        #expect(try output(driver) == old + new)
        // And the positions in it are committed.
        try driver.kill()
        try driver.runUntilIdle()
        #expect(try output(driver).isEmpty)
    }

    @Test func `results of a topic that is gone are committed`() throws {
        let driver = try driver()
        try send(old, driver)
        _ = try driver.step()
        try driver.broker.deleteTopic("lines")
        try driver.commit()
        #expect(try output(driver) == old)
    }

    @Test func `while nothing is open`() throws {
        let driver = try driver()
        try send(old, driver)
        try driver.runUntilIdle()
        try makeAnew(driver)
        try send(["new"], driver)
        try driver.runUntilIdle()
        #expect(try output(driver) == old + ["new"])
        #expect(driver.lostCount == 0)
    }

    @Test func `an offset of another topic's id is left out of a transaction`() throws {
        let driver = try driver()
        try makeAnew(driver)
        let client = EmbeddedClient(broker: driver.broker)
        let producer = try client.makeTransactionalProducer(
            transactionalID: "other",
            transactionTimeout: .seconds(60)
        )
        let name = TopicPartition("lines", PartitionIndex(0))
        let other = try #require(try client.topics(named: ["out"]).first).id
        try producer.addOffsets([name: InputPosition(Offset(3), of: other)], group: "g")
        try producer.commit()
        #expect(try client.committedOffsets(group: "g", partitions: [name]).isEmpty)
        try producer.addOffsets([name: InputPosition(Offset(4))], group: "g")
        try producer.commit()
        #expect(
            try client.committedOffsets(group: "g", partitions: [name]) == [name: Offset(4)]
        )
    }
}
