import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// Retention comes to the active segment too, as in Kafka (KAFKA-16385).
@Suite struct ActiveRetentionTests {
    private func housekeep(_ log: TestLog, milliseconds: Int64) throws {
        log.time.advance(milliseconds: milliseconds)
        try log.applyRetention(now: log.time.wallTime().rawValue)
    }

    @Test func `records of a topic that nobody writes to any more go in their time`() throws {
        let log = try TestLog(["retention.ms": "1500"])
        try log.append(["a"])
        try log.append(["b"])
        try log.flush()
        try housekeep(log, milliseconds: 1_500)
        #expect(try log.log.bounds.logStart == .zero)
        try housekeep(log, milliseconds: 1)
        #expect(try log.log.bounds.logStart == Offset(2))
        #expect(try log.files(".log") == ["00000000000000000002.log"])
        try log.append(["c"])
        try log.flush()
        for found in [try log.killed(), try log.afterPowerLoss()] {
            #expect(try found.records().map(\.offset) == [2])
            #expect(try found.recovery?.damage == nil)
        }
    }

    @Test func `results of old data stay for as long as new ones`() throws {
        let log = try TestLog(["retention.ms": "1500"])
        try log.append(["a"], at: log.time.wallTime().rawValue - 86_400_000)
        try log.flush()
        try housekeep(log, milliseconds: 1_000)
        #expect(try log.records().count == 1)
        try housekeep(log, milliseconds: 600)
        #expect(try log.records().isEmpty)
    }

    /// A marker has the clock's time, whatever those of its transaction's records are.
    @Test func `markers part no old data from new, and keep it as long as themselves`() throws {
        let log = try TestLog(["retention.ms": "1500", "segment.ms": "1500"])
        let producer = TestProducer(7, isTransactional: true)
        let old = log.time.wallTime().rawValue - 86_400_000
        for number in 0..<5 {
            try log.append(["\(number)"], from: producer, at: old)
            try log.end(producer, .commit)
        }
        try log.flush()
        #expect(try log.files(".log").count == 1)
        try housekeep(log, milliseconds: 1_000)
        #expect(try log.records(.readCommitted).map(\.value) == ["0", "1", "2", "3", "4"])
        try housekeep(log, milliseconds: 600)
        #expect(try log.records().isEmpty)
    }

    @Test func `retention of no bytes empties a log`() throws {
        let log = try TestLog(["retention.bytes": "0"])
        try log.append(["a"])
        try log.flush()
        try housekeep(log, milliseconds: 1)
        #expect(try log.log.bounds.logStart == Offset(1))
        try housekeep(log, milliseconds: 1)
        #expect(try log.files(".log").count == 1, "an empty segment is not begun again and again")
    }

    @Test func `a record of an open transaction keeps the active segment`() throws {
        let log = try TestLog(["retention.ms": "1000"])
        try log.append(["a"], from: TestProducer(7, isTransactional: true))
        try log.flush()
        try housekeep(log, milliseconds: 60_000)
        #expect(try log.log.bounds.logStart == .zero)
    }

    @Test func `a partition that sleeps says when its first batch is old`() throws {
        let log = try TestLog(["retention.ms": "1500"])
        try log.append(["a"])
        try log.flush()
        try log.close()
        let again = try TestLog(opening: try log.simulated.afterKill(), time: log.time)
        #expect(!again.log.mayNeedRetention(now: log.time.wallTime()))
        log.time.advance(milliseconds: 1_501)
        #expect(again.log.mayNeedRetention(now: log.time.wallTime()))
        #expect(again.log.recoveryReport == nil)
    }
}
