import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

@Suite struct AppendAndReadTests {
    @Test func `records come back in their order across segments, with any buffer`() throws {
        let log = try TestLog(["segment.bytes": "1024", "index.interval.bytes": "128"])
        var expected: [TestLog.Record] = []
        for batch in 0..<100 {
            let values = (0...batch % 5).map { "batch \(batch) record \($0)" }
            let base = try log.append(values)
            for (index, value) in values.enumerated() {
                expected.append(.init(offset: base + Int64(index), value: value))
            }
        }
        #expect(try log.records().isEmpty, "nothing is visible before the flush")
        try log.flush()
        #expect(try log.records() == expected)
        #expect(try log.files(".log").count > 5)
        #expect(try log.killed().records() == expected)
    }

    @Test func `a read begins with the whole batch that holds the offset`() throws {
        let log = try TestLog()
        try log.append(["a", "b", "c"])
        try log.append(["d"])
        try log.flush()
        var buffer = [UInt8](repeating: 0, count: 4096)
        let answer = try buffer.withUnsafeMutableBytes {
            try log.log.read(
                from: Offset(1),
                maxByteCount: 1,
                isolation: .readUncommitted,
                into: $0
            )
        }
        let first = try buffer.withUnsafeBytes { try RecordBatchView($0) }
        #expect(answer.byteCount == first.byteCount)
        #expect(first.baseOffset == Offset(0) && first.nextOffset == Offset(3))
        #expect(throws: LogStorageError.bufferTooSmall(needed: first.byteCount)) {
            var small = [UInt8](repeating: 0, count: 61)
            _ = try small.withUnsafeMutableBytes {
                try log.log.read(
                    from: .zero,
                    maxByteCount: 61,
                    isolation: .readUncommitted,
                    into: $0
                )
            }
        }
        for offset: Int64 in [-1, 5] {
            #expect(throws: LogStorageError.offsetOutOfRange) {
                _ = try buffer.withUnsafeMutableBytes {
                    try log.log.read(
                        from: Offset(offset),
                        maxByteCount: 100,
                        isolation: .readUncommitted,
                        into: $0
                    )
                }
            }
        }
    }

    @Test func `a segment rolls by bytes and by the time between records`() throws {
        let log = try TestLog(["segment.bytes": "1024", "segment.ms": "1000"])
        let now = log.time.wallTime().rawValue
        try log.append(["a"], at: now)
        try log.append(["b"], at: now + 1000)
        #expect(try log.files(".log").count == 1)
        try log.append(["c"], at: now + 1001)
        #expect(try log.files(".log") == ["00000000000000000000.log", "00000000000000000002.log"])
        try log.append([String(repeating: "x", count: 700)], at: now + 1001)
        #expect(try log.files(".log").count == 2)
        try log.append([String(repeating: "y", count: 300)], at: now + 1001)
        #expect(try log.files(".log").last == "00000000000000000004.log")
        #expect(try log.files(".snapshot").count == 2)
    }

    @Test func `read_committed ends at the oldest open transaction and hides aborted ones`() throws
    {
        let log = try TestLog(["segment.bytes": "1024"])
        let good = TestProducer(1, isTransactional: true)
        let bad = TestProducer(2, isTransactional: true)
        try log.append(["plain 0"])
        try log.append(["good 1", "good 2"], from: good)
        try log.append(["bad 3"], from: bad)
        try log.append(["plain 4"])
        try log.flush()
        #expect(try log.log.bounds.lastStableOffset == Offset(1))
        #expect(try log.records(.readCommitted).map(\.value) == ["plain 0"])
        try log.end(good, .commit)
        try log.flush()
        #expect(try log.log.bounds.lastStableOffset == Offset(3))
        try log.append(["bad 6"], from: bad)
        try log.end(bad, .abort)
        #expect(try log.log.bounds.lastStableOffset == Offset(3), "the marker is not durable yet")
        try log.flush()
        let kept = ["plain 0", "good 1", "good 2", "plain 4"]
        #expect(try log.records(.readCommitted).map(\.value) == kept)
        #expect(try log.records().count == 6)
        let again = try log.killed()
        #expect(try again.records(.readCommitted).map(\.value) == kept)
    }

    @Test func `a transaction that spans segments is hidden in all of them`() throws {
        let log = try TestLog(["segment.bytes": "1024"])
        let bad = TestProducer(7, isTransactional: true)
        let value = String(repeating: "v", count: 200)
        for number in 0..<20 {
            try log.append(["\(value) \(number)"], from: bad)
            try log.append(["kept \(number)"])
        }
        try log.end(bad, .abort)
        try log.flush()
        let kept = (0..<20).map { "kept \($0)" }
        #expect(try log.files(".log").count > 3)
        #expect(try log.records(.readCommitted).map(\.value) == kept)
        try log.close()
        let reopened = try TestLog(opening: log.disk)
        #expect(try reopened.records(.readCommitted).map(\.value) == kept)
    }

    @Test func `the first record at or after a time is found, deleted ones are not`() throws {
        let log = try TestLog(["segment.bytes": "1024", "index.interval.bytes": "64"])
        let start = log.time.wallTime().rawValue
        for number in 0..<60 { try log.append(["\(number)"], at: start + Int64(number) * 10) }
        try log.append(["late"], at: start + 5)
        try log.flush()
        func offset(_ time: Int64) throws -> Int64? {
            try log.log.offset(forTimestamp: Timestamp(time), isolation: .readUncommitted)?.rawValue
        }
        #expect(try offset(0) == 0)
        #expect(try offset(start + 101) == 11)
        #expect(try offset(start + 590) == 59)
        #expect(try offset(start + 591) == nil)
        #expect(try log.log.largestTimestamp(isolation: .readUncommitted)?.offset == Offset(59))
        try log.data.groups.deleteRecords(of: log.log, before: Offset(20))
        #expect(try offset(0) == 20)
    }

    @Test func `the latest time is that of a record in view, in a batch that the start cuts too`()
        throws
    {
        let log = try TestLog()
        let start = log.time.wallTime().rawValue
        var builder = RecordBatchBuilder(capacity: 256)
        for time in [100, 50, 20] {
            Array("v".utf8).withUnsafeBytes {
                builder.append(timestamp: Timestamp(start + Int64(time)), key: nil, value: $0)
            }
        }
        var batch = Array(
            builder.seal(
                attributes: BatchAttributes(),
                producerID: .none,
                producerEpoch: .none,
                baseSequence: .none
            )
        )
        _ = try batch.withUnsafeMutableBytes { bytes in
            try log.log.append(bytes, origin: .embedded)
        }
        try log.append(["a"], at: start + 60)
        try log.append(["b"], at: start + 10)
        try log.flush()
        func latest() throws -> [Int64] {
            let found = try log.log.largestTimestamp(isolation: .readUncommitted)
            return found.map { [$0.offset.rawValue, $0.timestamp.rawValue - start] } ?? []
        }
        #expect(try latest() == [0, 100])
        try log.data.groups.deleteRecords(of: log.log, before: Offset(1))
        #expect(try latest() == [3, 60])
        try log.data.groups.deleteRecords(of: log.log, before: Offset(4))
        #expect(try latest() == [4, 10])
        try log.data.groups.deleteRecords(of: log.log, before: Offset(5))
        #expect(try latest() == [])
    }

    @Test func `deleted records stay deleted, and whole segments of them leave the disk`() throws {
        let log = try TestLog(["segment.bytes": "1024"])
        for number in 0..<60 { try log.append(["record \(number)"]) }
        try log.flush()
        let before = try log.files(".log").count
        try log.data.groups.deleteRecords(of: log.log, before: Offset(31))
        #expect(try log.files(".log").count < before)
        #expect(try log.records().first == .init(offset: 31, value: "record 31"))
        #expect(try log.killed().records().first?.offset == 31)
        try log.data.groups.deleteRecords(of: log.log, before: Offset(99))
        #expect(try log.log.bounds.logStart == Offset(60), "never behind the durable end")
    }

    @Test func `old segments go by age and by size, the active one last`() throws {
        let log = try TestLog([
            "segment.bytes": "1024", "retention.ms": "1000", "retention.bytes": "3000",
        ])
        let now = log.time.wallTime().rawValue
        let value = String(repeating: "v", count: 400)
        for number in 0..<4 { try log.append([value], at: now - 5000 + Int64(number)) }
        for number in 0..<12 { try log.append([value], at: now + Int64(number)) }
        try log.flush()
        try log.applyRetention(now: now + 20)
        #expect(try log.log.bounds.logStart >= Offset(4))
        let sizes = try log.files(".log").map { name in
            try log.disk.open("\(TestLog.directory)/\(name)", .read).byteCount()
        }
        #expect(sizes.reduce(0, +) <= 3000 + 1024)
        log.time.advance(milliseconds: 1_000_000)
        try log.applyRetention(now: now + 1_000_000)
        #expect(try log.files(".log").count == 1)
        #expect(try log.log.bounds.logStart == Offset(16))
        #expect(try log.killed().log.bounds == log.log.bounds)
    }
}
