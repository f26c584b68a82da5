import Bytes
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing
import Threads

@testable import Broker

/// The cleaner touches only what stands for itself: what it waits for is written back, and little
/// more.
@Suite struct CleaningWriteBackTests {
    private static let name = TopicPartition("t", PartitionIndex(0))

    private func log(
        _ interval: Duration,
        _ options: [String: String]
    ) throws -> LogHarness {
        var configuration = BrokerConfiguration.simulated
        configuration.journal.fileByteCount = 4 << 20
        configuration.journal.bulkByteCount = 256 << 10
        configuration.cleaningWriteBackInterval = interval
        let log = try LogHarness(configuration: configuration)
        let all = options.merging(["cleanup.policy": "compact"]) { own, _ in own }
        try log.broker.createTopic("t", partitionCount: 1, options: all)
        return log
    }

    /// Commits records of some keys, each of about a hundred bytes.
    private func commit(_ log: LogHarness, _ numbers: Range<Int>, keyCount: Int) throws {
        var batch = RecordBatchBuilder()
        let value = [UInt8](repeating: 0x61, count: 90)
        for number in numbers {
            let key = Array("\(number % keyCount)".utf8)
            key.withUnsafeBytes { key in
                value.withUnsafeBytes {
                    batch.append(timestamp: log.time.wallTime(), key: key, value: $0)
                }
            }
        }
        let bytes = batch.seal(producerID: .none, producerEpoch: .none, baseSequence: .none)
        _ = try log.broker.append(bytes, to: try log.broker.find(Self.name))
        try log.broker.flush([Self.name])
    }

    /// One second of a broker's threads.
    private func wait(_ log: LogHarness) {
        log.time.advance(milliseconds: 1000)
        log.broker.housekeeping(now: log.time.wallTime())
        log.broker.clean { _ in true }
    }

    @Test func `what was written just now is compacted within seconds`() throws {
        let log = try log(
            .seconds(5),
            ["segment.bytes": "4096", "min.cleanable.dirty.ratio": "0.01"]
        )
        for number in 0..<20 { try commit(log, number * 10..<number * 10 + 10, keyCount: 5) }
        #expect(try log.values("t").count == 200)
        for _ in 0..<8 { wait(log) }
        // Closed segments hold the last of each key; the active one is as it was.
        #expect(try log.values("t").count < 50)
        let next = try log.killed()
        #expect(try next.values("t").suffix(10).count == 10)
        #expect(try next.client.bounds(of: Self.name).highWatermark == Offset(200))
    }

    /// A minute of ten commits a second into a changelog of defaults but for small segments: about
    /// 1.3 MB, a segment every dozen seconds.
    private func flushes(_ interval: Duration) throws -> (count: Int, left: Int) {
        let log = try log(interval, ["segment.bytes": "262144"])
        let count = Lock(0)
        log.disk.onOperation { operation, _, _ in
            guard operation == .sync || operation == .syncDirectory else { return }
            count.withLock { $0 += 1 }
        }
        for second in 0..<60 {
            for turn in 0..<10 {
                let first = (second * 10 + turn) * 20
                try commit(log, first..<first + 20, keyCount: 500)
            }
            wait(log)
        }
        log.broker.writeBack()
        log.disk.onOperation(nil)
        return (count.withLock { $0 }, try log.values("t").count)
    }

    @Test func `a busy changelog is flushed little more often for it`() throws {
        let before = try flushes(.seconds(3600))
        let after = try flushes(.seconds(5))
        print(
            "FLUSHES OF A BUSY CHANGELOG, one minute: \(before.count) with write-backs a minute "
                + "apart, \(after.count) with those for the cleaner; records left "
                + "\(before.left) and \(after.left)"
        )
        #expect(before.left == 12_000)
        #expect(after.left < 8_000)
        #expect(after.count < before.count * 5 / 4)
    }

    @Test func `where there is nothing to clean nothing is written back`() throws {
        let log = try log(.seconds(5), ["segment.bytes": "4096"])
        try commit(log, 0..<10, keyCount: 5)
        let before = log.disk.operationCount
        for _ in 0..<20 { wait(log) }
        #expect(log.disk.operationCount == before)
    }
}
