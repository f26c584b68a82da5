import Broker
import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// Topics that records choose: whose they are, and how many partitions they have by then.
@Suite struct ChosenTopicTests {
    private struct Choosing: StreamJob {
        static let name = "choosing"
        var errorPolicies: ErrorPolicies { ErrorPolicies(produce: .deadLetter(topic: "dlq")) }
        var topology: [Statement] {
            stream(Failing.a).to(key: .utf8, value: .utf8) { _, value in value }
        }
    }

    private func driver(partitions: Int32) throws -> TopologyDriver {
        try TopologyDriver(
            inputs: [("a", partitions)],
            configuration: StreamsConfiguration(),
            seed: 8
        ) { try Topology(of: Choosing()) }
    }

    private func send(
        _ value: String,
        key: UInt8,
        to driver: TopologyDriver,
        partition: Int32 = 0
    ) throws {
        try driver.send(
            topic: "a",
            key: [key],
            value: Array(value.utf8),
            timestamp: driver.time.wallTime(),
            partition: PartitionIndex(partition)
        )
        try driver.runUntilIdle()
    }

    @Test func `a record that chooses another job's own topic is an error of the sink`() throws {
        let driver = try driver(partitions: 1)
        try driver.broker.createTopic(
            "other-counts-changelog",
            partitionCount: 1,
            options: ["millrace.owner": "other/counts"]
        )
        try send("other-counts-changelog", key: 1, to: driver)
        #expect(try driver.read("other-counts-changelog").isEmpty)
        let letter = try #require(try driver.read("dlq").first)
        let message = letter.headers.last { $0.name == DeadLetterHeader.message }?.value
        #expect(
            message.map { String(decoding: $0, as: UTF8.self) }
                == "the topic \"other-counts-changelog\" is that of other/counts (job/name) and "
                + "takes no other records: name another topic"
        )
    }

    @Test func `a chosen topic that has grown gets records as it is by then, from every task`()
        throws
    {
        let driver = try driver(partitions: 2)
        try driver.broker.createTopic("x", partitionCount: 2)
        for key in UInt8(0)..<8 { try send("x", key: key, to: driver) }
        #expect(try driver.read("x").allSatisfy { $0.partition.rawValue < 2 })
        try driver.broker.growTopic("x", to: 8)
        for key in UInt8(0)..<8 { try send("x", key: key, to: driver, partition: 1) }
        for key in UInt8(0)..<8 { try send("x", key: key, to: driver) }
        var partitions: [UInt8: Set<Int32>] = [:]
        let records = try driver.read("x")
        for record in records {
            partitions[record.key?.first ?? 255, default: []].insert(record.partition.rawValue)
        }
        #expect(records.count == 16)
        #expect(partitions.values.allSatisfy { $0.count == 1 })
        #expect(partitions.values.contains { $0.contains { $0 > 1 } })
    }
}
