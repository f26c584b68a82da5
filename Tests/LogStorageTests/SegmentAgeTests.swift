import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// A segment is closed by `segment.ms` for its own age, not for that of records that were old when
/// they came, or that have no time.
@Suite struct SegmentAgeTests {
    private let log: TestLog

    init() throws { log = try TestLog(["segment.ms": "10000"]) }

    private var segmentCount: Int { log.log.state.withLock { $0.segments.count } }

    /// What the housekeeping does each second.
    private func housekeep(seconds: Int) throws {
        for _ in 0..<seconds {
            log.time.advance(milliseconds: 1_000)
            _ = try log.log.retentionStart(now: log.time.wallTime())
        }
    }

    @Test func `records of long ago make no segment a second`() throws {
        let old = log.time.wallTime().rawValue - 30 * 86_400_000
        for number in 0..<8 {
            try log.append(["\(number)"], at: old + Int64(number))
            try housekeep(seconds: 1)
        }
        #expect(segmentCount == 1)
        try housekeep(seconds: 10)
        #expect(segmentCount == 2)
    }

    @Test func `a first record without a time does not keep its segment open for ever`() throws {
        try log.append(["a"], at: -1)
        try log.append(["b"])
        #expect(segmentCount == 1)
        log.time.advance(milliseconds: 11_000)
        try log.append(["c"])
        #expect(segmentCount == 2)
    }

    @Test func `nor does it where nothing follows`() throws {
        try log.append(["a"], at: -1)
        try housekeep(seconds: 9)
        #expect(segmentCount == 1)
        try housekeep(seconds: 3)
        #expect(segmentCount == 2)
    }

    @Test func `appends behind a restart make a segment no younger`() throws {
        try log.append(["a"], at: -1)
        try log.flush()
        try log.close()
        let again = try TestLog(opening: try log.simulated, time: log.time)
        for number in 0..<12 {
            again.time.advance(milliseconds: 1_000)
            try again.append(["\(number)"], at: -1)
            _ = try again.log.retentionStart(now: again.time.wallTime())
        }
        #expect(again.log.state.withLock { $0.segments.count } == 2)
    }
}
