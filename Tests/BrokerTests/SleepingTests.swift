import Bytes
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

@testable import Broker

/// Partitions that nobody uses are not opened to find that there is nothing to do.
@Suite struct SleepingTests {
    /// A log whose topic `t` has these options and a few segments, as a new process finds it.
    private func log(_ options: [String: String], valueCount: Int = 6) throws -> LogHarness {
        let log = try LogHarness()
        try log.broker.createTopic("t", partitionCount: 1, options: options)
        let name = TopicPartition("t", PartitionIndex(0))
        for number in 0..<valueCount {
            var batch = RecordBatchBuilder()
            let key = Array("\(number % 2)".utf8)
            let value = [UInt8](repeating: 0x61, count: 600)
            key.withUnsafeBytes { key in
                value.withUnsafeBytes {
                    batch.append(timestamp: log.time.wallTime(), key: key, value: $0)
                }
            }
            let bytes = batch.seal(
                producerID: .none,
                producerEpoch: .none,
                baseSequence: .none
            )
            _ = try log.broker.append(bytes, to: try log.broker.find(name))
        }
        try log.broker.flush([name])
        return try log.reopened()
    }

    private func isAsleep(_ log: LogHarness) throws -> Bool {
        let topic = try #require(log.broker.topic("t"))
        return topic.partitions[0].log.recoveryReport == nil
    }

    private func lookAfter(_ log: LogHarness) {
        log.broker.housekeeping(now: log.time.wallTime())
        log.broker.clean { _ in true }
    }

    @Test(
        arguments: [
            [:], ["retention.ms": "60000"], ["retention.ms": "60000", "segment.bytes": "1024"],
            ["retention.ms": "-1", "segment.bytes": "1024"],
            ["retention.bytes": "100000", "segment.bytes": "1024"], ["cleanup.policy": "compact"],
            [
                "cleanup.policy": "compact", "segment.bytes": "1024",
                "min.compaction.lag.ms": "60000",
            ],
        ]
    )
    func `a partition without anything due stays asleep`(_ options: [String: String]) throws {
        let log = try log(options)
        for _ in 0..<10 { lookAfter(log) }
        #expect(try isAsleep(log))
        #expect(try log.client.bounds(of: TopicPartition("t", PartitionIndex(0))).logStart == .zero)
    }

    @Test(
        arguments: [
            ["retention.ms": "60000", "segment.bytes": "1024"],
            ["retention.ms": "60000", "segment.ms": "1000", "segment.bytes": "1024"],
        ]
    )
    func `a partition is opened once its retention is over`(_ options: [String: String]) throws {
        let log = try log(options)
        lookAfter(log)
        #expect(try isAsleep(log))
        log.time.advance(milliseconds: 300_000)
        lookAfter(log)
        #expect(try !isAsleep(log))
        let bounds = try log.client.bounds(of: TopicPartition("t", PartitionIndex(0)))
        #expect(bounds.logStart > .zero)
    }

    @Test func `a partition that is too large is opened at the first look`() throws {
        let log = try log(["retention.bytes": "2000", "segment.bytes": "1024"])
        lookAfter(log)
        let bounds = try log.client.bounds(of: TopicPartition("t", PartitionIndex(0)))
        #expect(bounds.logStart > .zero)
    }

    @Test func `a compacted partition is opened if there is something to clean, and not again`()
        throws
    {
        let log = try log(["cleanup.policy": "compact", "segment.bytes": "1024"])
        lookAfter(log)
        #expect(try !isAsleep(log))
        let next = try log.reopened()
        lookAfter(next)
        #expect(try isAsleep(next))
    }

    @Test func `each that sleeps has one turn, then none before it is time`() {
        let names = (0..<20).map { TopicPartition("t", PartitionIndex($0)) }
        var turns = SleeperTurns()
        #expect(turns.take(from: names, now: 1) == 0..<8)
        // One of them was opened meanwhile.
        let rest = Array(names.dropFirst())
        #expect(turns.take(from: rest, now: 2) == 7..<15)
        #expect(turns.take(from: rest, now: 3) == 15..<19)
        #expect(turns.take(from: rest, now: 4).isEmpty)
        let next = 1 + SleeperTurns.intervalNanoseconds
        #expect(turns.take(from: rest, now: next - 1).isEmpty)
        #expect(turns.take(from: rest, now: next) == 0..<8)
        #expect(turns.take(from: [], now: next).isEmpty)
    }
}
