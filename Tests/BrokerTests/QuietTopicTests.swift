import LogModel
import LogStorage
import MillraceTestKit
import Testing

@testable import Broker

/// A topic to which nothing comes for longer than its retention: the last segment is closed, all
/// records go, and what is left is an empty segment behind what was acknowledged last.
@Suite struct QuietTopicTests {
    private let name = TopicPartition("t", PartitionIndex(0))

    /// Ten records, and ten days later.
    private func quiet() throws -> LogHarness {
        let log = try LogHarness()
        try log.broker.createTopic("t", partitionCount: 1)
        var batch = RecordBatchBuilder()
        for _ in 0..<10 {
            batch.append(timestamp: log.time.wallTime(), key: nil, value: nil)
        }
        _ = try log.broker.append(batch.seal(), to: try log.broker.find(name))
        try log.broker.flush([name])
        log.time.advance(milliseconds: 10 * 24 * 3_600_000)
        log.broker.housekeeping(now: log.time.wallTime())
        let bounds = try log.broker.bounds(of: name)
        try #require(bounds.logStart == Offset(10) && bounds.logEnd == Offset(10))
        return log
    }

    private func check(_ log: LogHarness) throws {
        #expect(log.health("t") == .good)
        let bounds = try log.broker.bounds(of: name)
        #expect(bounds.logStart == Offset(10) && bounds.logEnd == Offset(10))
        var batch = RecordBatchBuilder()
        batch.append(timestamp: log.time.wallTime(), key: nil, value: nil)
        _ = try log.broker.append(batch.seal(), to: try log.broker.find(name))
        try log.broker.flush([name])
        #expect(try log.broker.bounds(of: name).logEnd == Offset(11))
    }

    @Test func `a kill after everything expired is no damage`() throws {
        let log = try quiet()
        let report = try LogVerifier.verify(
            disk: log.disk.afterKill(),
            directory: LogHarness.directory
        )
        #expect(report.findings.filter { $0.severity == .damage }.isEmpty)
        let killed = try log.killed()
        try check(killed)
        #expect(try killed.killed().broker.bounds(of: name).logEnd == Offset(11))
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `a power loss after everything expired is no damage`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let log = try quiet()
        let disk = log.disk.crashState(using: &generator)
        let report = try LogVerifier.verify(disk: disk.copy(), directory: LogHarness.directory)
        #expect(report.findings.filter { $0.severity == .damage }.isEmpty, "seed \(seed)")
        try check(try LogHarness(disk: disk, time: log.time))
    }

    @Test func `a clean end after everything expired is none either`() throws {
        try check(try quiet().reopened())
    }
}
