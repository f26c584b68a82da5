import Broker
import EmbeddedClient
import LogModel
import LogStorage
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// An input with relaxed durability, of which a power loss took records that the job had read:
/// the offsets are given to others, which the job must not pass over.
@Suite struct RelaxedInputTests {
    private struct Copy: StreamJob {
        static let name = "copy"
        var topology: [Statement] {
            stream(Topic("lines", value: .utf8)).to(Topic("out", value: .utf8))
        }
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

    @Test func `the position is put back to the end, told, and no new record is passed over`()
        throws
    {
        var lostCount = 0
        for seed in UInt64(1)...8 {
            let driver = try TopologyDriver(
                inputs: [("lines", 1)],
                configuration: StreamsConfiguration(),
                seed: seed
            ) { try Topology(of: Copy()) }
            try driver.broker.alterTopic("lines", options: ["millrace.durability": "relaxed"])
            let name = TopicPartition("lines", PartitionIndex(0))
            try send((0..<10).map { "old \($0)" }, driver)
            try driver.runUntilIdle()
            try driver.crash()
            let end = try driver.broker.bounds(of: name).highWatermark
            if end < Offset(10) {
                lostCount += 1
                #expect(driver.broker.notes.contains { $0.contains("goes on at offset") })
            }
            try send((0..<12).map { "new \($0)" }, driver)
            try driver.kill()
            try driver.runUntilIdle()
            let values = try driver.read("out").map {
                String(decoding: $0.value ?? [], as: UTF8.self)
            }
            #expect(values.count { $0.hasPrefix("new") } == 12, "seed \(seed)")
        }
        #expect(lostCount > 0)
    }
}
