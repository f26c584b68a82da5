import Bytes
import LogModel
import MillraceTestKit
import Streams
import Testing

@testable import ClientCommands
@testable import DirectoryAccess

@Suite struct LetterStateTests {
    private static let partition = TopicPartition("letters", PartitionIndex(1))

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `states of ranges are those of their offsets one by one`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let bounds: Range<Int64> = 5000..<20_000
        var states = LetterStates(of: [Self.partition: bounds])
        var expected: [Int64: LetterState] = [:]
        for _ in 0..<60 {
            let first = Int64(generator.below(21_000))
            let last = first + Int64(generator.below(generator.oneIn(2) ? 6000 : 40))
            let state = LetterState.allCases[generator.below(4)]
            states.note(state, of: first...last, in: Self.partition)
            for offset in first...last where bounds.contains(offset) { expected[offset] = state }
        }
        for offset in Int64(0)..<30_000 {
            let found = states.state(
                of: LetterPlace(partition: Self.partition, offset: Offset(offset))
            )
            #expect(found == expected[offset] ?? .open, "offset \(offset), seed \(seed)")
        }
    }

    @Test func `what there is not is not noted, however much is claimed`() {
        var states = LetterStates(of: [Self.partition: 10..<20])
        states.note(.dropped, of: 0...Int64.max, in: Self.partition)
        states.note(.dropped, of: 0...Int64.max, in: TopicPartition("other", PartitionIndex(0)))
        func state(_ offset: Int64) -> LetterState {
            states.state(of: LetterPlace(partition: Self.partition, offset: Offset(offset)))
        }
        #expect(state(9) == .open)
        #expect(state(10) == .dropped)
        #expect(state(19) == .dropped)
        #expect(state(20) == .open)
        #expect(state(Int64.max) == .open)
    }

    // MARK: Audit records

    private func decoded(_ record: AuditRecord) throws -> AuditRecord? {
        var builder = RecordBatchBuilder()
        record.append(to: &builder, at: Timestamp(7))
        let batch = try RecordBatchView(UnsafeRawBufferPointer(builder.seal()))
        var records = try batch.records()
        let view = try #require(try records.next())
        return AuditRecord(view)
    }

    @Test func `an audit record is read as it was written`() throws {
        var offsets = OffsetRanges()
        for offset in [3, 4, 5, 9, 11, 12] as [Int64] { offsets.append(Offset(offset)) }
        #expect(offsets.text == "3-5,9,11-12")
        let record = AuditRecord(
            cause: AuditRecord.Cause(
                action: .park,
                id: "20260131T050000Z-0000abcd",
                topicID: UniqueID(high: 1, low: 2),
                author: "ada@host",
                conditions: "reason=refused",
                target: nil,
                reason: "ask billing"
            ),
            partition: PartitionIndex(3),
            offsets: offsets
        )
        #expect(try decoded(record) == record)
    }

    @Test func `a long text is cut behind a whole character`() throws {
        let cause = AuditRecord.Cause(
            action: .drop,
            id: "x",
            author: "a",
            reason: String(repeating: "ä", count: AuditRecord.textByteLimit)
        )
        let record = AuditRecord(
            cause: cause,
            partition: PartitionIndex(0),
            offsets: try #require(OffsetRanges("1"))
        )
        let read = try #require(try decoded(record))
        #expect(read.cause.reason?.utf8.count == AuditRecord.textByteLimit)
    }

    @Test(arguments: [
        "", "-", "1-", "-1", "2-1", "1,,2", "1-2-3", "x", "1, 2", "+1", "99999999999999999999",
    ])
    func `what are no offsets is refused`(text: String) {
        #expect(OffsetRanges(text) == nil)
    }

    @Test func `a record of another's is no audit record`() throws {
        var batch = LetterBatch()
        batch.add([("__millrace.audit.version", "2")], key: "0", value: "1")
        batch.add([], key: "0", value: "1")
        batch.add(
            [
                ("__millrace.audit.version", "1"), ("__millrace.audit.action", "replay"),
                ("__millrace.audit.id", "x"),
            ],
            key: "-1",
            value: "1"
        )
        try batch.forEachRecord { record, _ in #expect(AuditRecord(record) == nil) }
    }
}
