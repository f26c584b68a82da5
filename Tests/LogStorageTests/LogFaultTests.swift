import Bytes
import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// Records that were lost, doubled or made unreadable in silence once, each held by a test.
@Suite struct LogFaultTests {
    @Test func `a retry of records of long ago is told from new ones, however late it comes`()
        throws
    {
        let log = try TestLog(["producer.id.expiration.ms": "10000", "retention.ms": "-1"])
        let old = log.time.wallTime().rawValue - 1_000_000
        let producer = TestProducer(5)
        try log.append(["a"], from: producer, at: old)
        try log.flush()
        log.time.advance(milliseconds: 5000)
        try log.applyRetention(now: log.time.wallTime().rawValue)
        let again = TestProducer(5)
        let outcome = try log.offer(["a"], from: again, at: old)
        #expect(outcome == .duplicate(base: .zero, last: .zero))
        for restarted in [try log.killed(), try log.afterPowerLoss()] {
            let third = TestProducer(5)
            let outcome = try restarted.offer(["a"], from: third, at: old)
            #expect(outcome == .duplicate(base: .zero, last: .zero))
        }
    }

    @Test(arguments: 1...12)
    func `a batch across the end of the sequence numbers is told after a restart`(count: Int) throws
    {
        for before in 1...count {
            let log = try TestLog()
            let producer = TestProducer(5)
            producer.sequence = Int32.max - Int32(before) + 1
            let first = producer.sequence
            let values = (0..<count).map { "\($0)" }
            try log.append(values, from: producer)
            try log.close()
            let reopened = try TestLog(opening: log.disk)
            let again = TestProducer(5)
            again.sequence = first
            #expect(
                try reopened.offer(values, from: again)
                    == .duplicate(base: .zero, last: Offset(Int64(count) - 1))
            )
            try reopened.append(["next"], from: producer)
        }
    }

    @Test(arguments: ["CreateTime", "LogAppendTime"])
    func `a batch with another's bytes behind it is refused, and all that was taken is readable`(
        type: String
    ) throws {
        let log = try TestLog(["message.timestamp.type": type])
        var expected: [String] = []
        for origin in [AppendOrigin.client, .embedded, .coordinator] {
            for extra in [1, 61, 200] {
                var batch =
                    TestProducer.batch(["x"], from: nil, at: log.time.wallTime().rawValue)
                    + [UInt8](repeating: 0, count: extra)
                let outcome = try batch.withUnsafeMutableBytes {
                    try log.log.append($0, origin: origin)
                }
                // A piece that is no whole header is what Kafka's broker leaves out.
                if case .appended = outcome, origin == .client, extra < 17 {
                    expected.append("x")
                    continue
                }
                guard case .refused = outcome else {
                    Issue.record("\(extra) bytes behind the end were taken: \(outcome)")
                    continue
                }
            }
            try log.append(["taken"])
            expected.append("taken")
        }
        try log.flush()
        #expect(try log.records().map(\.value) == expected)
        #expect(try log.killed().records().map(\.value) == expected)
        #expect(try log.afterPowerLoss().records().map(\.value) == expected)
    }

    @Test func `a batch half written and a roll leave nothing in the closed segment`() throws {
        let log = try TestLog(["segment.bytes": "1024"])
        let disk = try log.simulated
        try log.append([String(repeating: "a", count: 500)])
        try log.flush()
        // The next one finds room for a part only.
        let used = (1 << 40) - (try disk.freeByteCount(at: "/data"))
        disk.setCapacity(used + 100)
        #expect(throws: LogStorageError.self) {
            try log.append([String(repeating: "b", count: 300)])
        }
        let path = "/data/t-0/\(FlushTests.first)"
        #expect(try disk.open(path, .read).byteCount() > 600, "a part was written")
        disk.setCapacity(1 << 40)
        try log.append([String(repeating: "c", count: 900)])
        try log.flush()
        let expected = try log.records()
        #expect(expected.map(\.offset) == [0, 1])
        for again in [try log.killed(), try log.afterPowerLoss()] {
            #expect(try again.recovery?.damage == nil)
            #expect(try again.records() == expected)
        }
        try log.close()
        let report = try LogVerifier.verify(disk: try log.simulated.copy(), directory: "/data")
        #expect(report.findings.isEmpty, "\(report.findings)")
        #expect(try TestLog(opening: try log.simulated.copy()).records() == expected)
    }

    @Test func `what a topic may not hold it is not configured to take`() throws {
        #expect(throws: LogStorageError.self) {
            _ = try LogConfiguration(topicOptions: [
                "max.message.bytes": "\(BatchLimit.byteCount + 1)"
            ])
        }
        let log = try TestLog(["max.message.bytes": "1000"])
        for origin in [AppendOrigin.client, .embedded, .coordinator] {
            var batch = TestProducer.batch(
                [String(repeating: "x", count: 1000)],
                from: nil,
                at: log.time.wallTime().rawValue
            )
            let outcome = try batch.withUnsafeMutableBytes {
                try log.log.append($0, origin: origin)
            }
            guard case .refused(.messageTooLarge, _) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
        }
        #expect(try log.log.bounds.logEnd == .zero)
    }

    @Test func `a fetch from a deleted topic never gets a record of the one that took its name`()
        throws
    {
        let log = try TestLog(["segment.bytes": "1024"])
        for number in 0..<20 { try log.append(["old \(number)"]) }
        try log.flush()
        let old = log.log
        try log.data.removeTopic(TestLog.topic)
        let new = try log.data.createTopic(
            TestLog.topic,
            id: UniqueID(high: 8, low: 8),
            partitionCount: 1,
            options: [:]
        )[0]
        for number in 0..<20 {
            var batch = TestProducer.batch(["new \(number)"], from: nil, at: 1)
            _ = try batch.withUnsafeMutableBytes { try new.append($0, origin: .embedded) }
        }
        try log.data.groups.flushAndWait([new])
        #expect(throws: LogStorageError.self) { try TestLog.records(of: old) }
        #expect(throws: LogStorageError.self) { try old.bounds }
        #expect(try TestLog.records(of: new).count == 20)
    }
}
