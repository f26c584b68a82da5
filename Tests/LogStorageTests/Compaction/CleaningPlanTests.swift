import LogModel
import Testing

@testable import LogStorage

/// When a log is cleaned, how far, and in which groups.
@Suite struct CleaningPlanTests {
    /// Segments of 100 offsets and 1,000 bytes each, the last one active.
    private static func log(_ count: Int, firstDirty: Int64? = nil) -> CleanableLog {
        CleanableLog(
            segments: (0..<count).map { index in
                CleanableSegment(
                    baseOffset: Offset(Int64(index) * 100),
                    nextBase: Offset(Int64(index + 1) * 100),
                    byteCount: 1_000,
                    firstTimestamp: Timestamp(Int64(index) * 1_000 + 1),
                    largestTimestamp: Timestamp(Int64(index) * 1_000 + 999),
                    indexByteCount: 80
                )
            },
            logStart: .zero,
            firstDirtyOffset: firstDirty.map { Offset($0) },
            lastStableOffset: Offset(Int64(count) * 100),
            highWatermark: Offset(Int64(count) * 100),
            recoveryPoint: Offset(Int64(count) * 100)
        )
    }

    private static func plan(
        _ log: CleanableLog,
        _ options: CleaningOptions = CleaningOptions(),
        now: Int64 = 1_000_000
    ) -> CleaningPlan? {
        CleaningPlan(for: log, options: options, now: Timestamp(now))
    }

    @Test func `the active segment is never cleaned`() throws {
        #expect(Self.plan(Self.log(1)) == nil)
        let plan = try #require(Self.plan(Self.log(4)))
        #expect(plan.end.rawValue == 300)
        #expect(plan.segments.count == 3)
        #expect(plan.dirtyByteCount == 3_000)
    }

    @Test func `the dirty part must be more than the ratio says`() throws {
        // Two of four closed segments are dirty: exactly the ratio, which is not enough.
        #expect(Self.plan(Self.log(5, firstDirty: 200)) == nil)
        let plan = try #require(Self.plan(Self.log(6, firstDirty: 200)))
        #expect(plan.reason == .dirtyRatio(0.6))
        #expect(plan.firstDirtyOffset.rawValue == 200)
        #expect(plan.cleanByteCount == 2_000)
    }

    @Test func `a log without a new closed segment is clean whatever the ratio`() {
        var options = CleaningOptions()
        options.minimumDirtyRatio = 0
        #expect(Self.plan(Self.log(4, firstDirty: 300), options) == nil)
    }

    @Test(arguments: [
        \CleanableLog.lastStableOffset, \CleanableLog.highWatermark, \CleanableLog.recoveryPoint,
    ])
    func `nothing is cleaned of a segment that a bound lies in`(
        bound: any WritableKeyPath<CleanableLog, Offset> & Sendable
    ) throws {
        var log = Self.log(6)
        log[keyPath: bound] = Offset(250)
        #expect(try #require(Self.plan(log)).end.rawValue == 200)
        log[keyPath: bound] = Offset(300)
        #expect(try #require(Self.plan(log)).end.rawValue == 300)
        log[keyPath: bound] = Offset(50)
        #expect(Self.plan(log) == nil)
    }

    @Test func `segments that are to be cleaned close where no index is outgrown by it`() throws {
        for (policy, closing) in [("compact", 1 << 30), ("delete", Int64(Int32.max))] {
            let options = ["cleanup.policy": policy, "segment.bytes": "\(Int32.max)"]
            let configuration = try LogConfiguration(topicOptions: options)
            #expect(configuration.closingByteCount == closing)
        }
        let small = ["cleanup.policy": "compact", "segment.bytes": "2048"]
        #expect(try LogConfiguration(topicOptions: small).closingByteCount == 2048)
    }

    @Test func `min.compaction.lag.ms holds back dirty segments with young records`() throws {
        var options = CleaningOptions()
        options.minimumLagMilliseconds = 10_000
        // Segment 2 holds records up to 2,999.
        #expect(try #require(Self.plan(Self.log(6), options, now: 12_998)).end.rawValue == 200)
        #expect(try #require(Self.plan(Self.log(6), options, now: 12_999)).end.rawValue == 300)
        #expect(Self.plan(Self.log(6), options, now: 5_000) == nil)
    }

    @Test func `max.compaction.lag.ms cleans what is old whatever the ratio`() throws {
        var options = CleaningOptions()
        options.maximumLagMilliseconds = 10_000
        let log = Self.log(5, firstDirty: 300)
        #expect(Self.plan(log, options, now: 13_001) == nil)
        let plan = try #require(Self.plan(log, options, now: 13_002))
        #expect(plan.reason == .maximumLag)
    }

    @Test(arguments: [50, 10_000])
    func `a first dirty offset outside of the log begins anew at its start`(dirty: Int64) throws {
        var log = Self.log(4, firstDirty: dirty)
        log.logStart = Offset(100)
        #expect(try #require(Self.plan(log)).firstDirtyOffset.rawValue == 100)
    }

    // MARK: Groups

    private static func bases(
        _ log: CleanableLog,
        _ options: CleaningOptions,
        upTo end: Int64? = nil
    ) throws -> [[Int64]] {
        let plan = try #require(Self.plan(log, options))
        return plan.groups(upTo: end.map { Offset($0) } ?? plan.end, options: options)
            .map { $0.map(\.baseOffset.rawValue) }
    }

    @Test func `groups are bounded by segment.bytes and by the index`() throws {
        var options = CleaningOptions()
        options.segmentByteLimit = 2_000
        #expect(try Self.bases(Self.log(6), options) == [[0, 100], [200, 300], [400]])
        options.segmentByteLimit = 999
        #expect(try Self.bases(Self.log(4), options) == [[0], [100], [200]])
        options.segmentByteLimit = 1 << 20
        options.indexByteLimit = 240
        #expect(try Self.bases(Self.log(6), options) == [[0, 100, 200], [300, 400]])
    }

    @Test func `no group has more segments than may be open for it`() throws {
        let groups = try Self.bases(Self.log(200), CleaningOptions())
        #expect(groups.map(\.count) == [64, 64, 64, 7])
    }

    @Test func `no group reaches farther than four bytes can tell`() throws {
        var log = Self.log(4)
        log.segments[1].nextBase = Offset(Int64(Int32.max))
        log.segments[2].baseOffset = Offset(Int64(Int32.max))
        log.segments[2].nextBase = Offset(Int64(Int32.max) + 1)
        log.segments[3].baseOffset = Offset(Int64(Int32.max) + 1)
        log.segments[3].nextBase = Offset(Int64(Int32.max) + 2)
        log.lastStableOffset = Offset(.max)
        log.highWatermark = Offset(.max)
        log.recoveryPoint = Offset(.max)
        #expect(
            try Self.bases(log, CleaningOptions()) == [[0, 100], [Int64(Int32.max)]]
        )
    }

    @Test func `a round that ended early cleans up to the segment in which it ended`() throws {
        let options = CleaningOptions()
        #expect(try Self.bases(Self.log(6), options, upTo: 201) == [[0, 100, 200]])
        #expect(try Self.bases(Self.log(6), options, upTo: 200) == [[0, 100]])
    }
}
