import LogModel
import Testing

@testable import ClientCommands

/// Which records are told as too old for their topic.
@Suite struct OldRecordsTests {
    private static func topic(_ retention: Int64?) -> OutputTopic {
        OutputTopic(
            name: "t",
            id: nil,
            partitions: [],
            largestBatch: 1_000,
            retentionMilliseconds: retention
        )
    }

    @Test func `a record stays as long as retention says`() throws {
        var records = try #require(OldRecords(of: Self.topic(100), at: Timestamp(1_000)))
        for time in [900, 901, 5_000] { records.note(Timestamp(Int64(time))) }
        #expect(records.warning(in: .directory("d")) == nil)
        records.note(Timestamp(899))
        let one = try #require(records.warning(in: .directory("d")))
        #expect(one.hasPrefix("warning: 1 record is older than 't' keeps records"), "\(one)")
        #expect(one.contains("retention.ms is 100 "))
        #expect(one.contains("next: millrace topic alter t --config retention.ms=-1 --data d"))
        for time in [Int64.min, 5] { records.note(Timestamp(time)) }
        let more = try #require(records.warning(in: .directory("d")))
        #expect(more.hasPrefix("warning: 3 records are older"), "\(more)")
        #expect(more.contains("delete them"))
    }

    @Test func `a record without a time is none that retention takes for old`() throws {
        var records = try #require(OldRecords(of: Self.topic(100), at: Timestamp(1_000)))
        records.note(.none)
        #expect(records.warning(in: .directory("d")) == nil)
    }

    @Test func `a topic that does not go by times has none`() {
        #expect(OldRecords(of: Self.topic(nil), at: Timestamp(1_000)) == nil)
    }
}
