import Broker
import EmbeddedClient
import LogClient
import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Synchronization
import Testing

/// What a task does in a turn, and what it leaves behind between turns.
@Suite struct TurnTests {
    /// Copies lines; each one takes the operator as long as the test says.
    private struct Copy: StreamJob {
        static let name = "copy"
        static let onLine = Mutex<(@Sendable () -> Void)?>(nil)
        var topology: [Statement] {
            stream(Topic("lines", value: .utf8))
                .mapValues { line -> String in
                    Self.onLine.withLock { $0 }?()
                    return line
                }
                .to(Topic("out", value: .utf8))
        }
    }

    private struct Count: StreamJob {
        static let name = "count"
        var topology: [Statement] {
            stream(Topic("lines", key: .utf8, value: .utf8))
                .groupBy({ $0 }, via: "by-line", key: .utf8)
                .count(store: "counts")
                .to(Topic("counts", key: .utf8, value: .int64))
        }
    }

    @Test func `slow records are committed before their transaction times out`() throws {
        let driver = try TopologyDriver(
            inputs: [("lines", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Copy()) }
        for _ in 0..<2_000 {
            try driver.send(
                topic: "lines",
                key: nil,
                value: [UInt8](repeating: 65, count: 200),
                timestamp: driver.time.wallTime()
            )
        }
        let time = driver.time
        Copy.onLine.withLock { $0 = { time.advance(milliseconds: 5) } }
        defer { Copy.onLine.withLock { $0 = nil } }
        let begin = time.monotonicNanoseconds()
        while time.monotonicNanoseconds() - begin < 1_000_000_000 { _ = try driver.step() }
        // 100 ms between commits, 5 ms a record.
        #expect(try driver.read("out").count >= 150)
    }

    @Test func `a purge goes no further than what is committed`() throws {
        let driver = try TopologyDriver(
            inputs: [("lines", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Count()) }
        try driver.send(
            topic: "lines",
            key: Array("k".utf8),
            value: Array("w".utf8),
            timestamp: driver.time.wallTime()
        )
        try driver.advance(milliseconds: 100_000)
        // What another owner left aborted behind the committed position.
        let other = try EmbeddedClient(broker: driver.broker).makeTransactionalProducer(
            transactionalID: "count-7",
            transactionTimeout: .seconds(60)
        )
        var batch = RecordBatchBuilder()
        for _ in 0..<50 {
            batch.append(timestamp: driver.time.wallTime(), key: nil, value: nil)
        }
        try other.append(
            &batch,
            to: TopicPartition("count-by-line-repartition", PartitionIndex(0))
        )
        try other.abort()
        for _ in 0..<4 { try driver.advance(milliseconds: 31_000) }
        try driver.restartCleanly()
        try driver.runUntilIdle()
        #expect(driver.lostCount == 0)
    }
}
