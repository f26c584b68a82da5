import LogModel
import Streams
import Terminal
import Testing

@testable import ClientCommands

@Suite struct LetterConditionTests {
    private static let now = Timestamp(1_767_225_600_000)

    /// Three dead letters, by their offsets.
    private static let letters: LetterBatch = {
        var batch = LetterBatch()
        batch.add(
            [
                ("trace", "t-1"), (DeadLetterHeader.reason, "refused"),
                (DeadLetterHeader.topic, "orders"), (DeadLetterHeader.partition, "2"),
                (DeadLetterHeader.offset, "17"), (DeadLetterHeader.message, "it timed out, twice"),
                (DeadLetterHeader.attempts, "4"),
                (DeadLetterHeader.lastFailedAt, "\(now.rawValue - 3_600_000)"),
            ],
            key: "o-1"
        )
        batch.add(
            [
                (DeadLetterHeader.reason, "decode"), (DeadLetterHeader.topic, "orders"),
                (DeadLetterHeader.job, "charges"),
                (DeadLetterHeader.lastFailedAt, "\(now.rawValue - 60_000)"),
            ],
            key: nil
        )
        // Nothing says that it is one.
        batch.add([], at: now.rawValue)
        return batch
    }()

    private func matching(_ texts: String...) throws -> [Int64] {
        let conditions = try LetterConditions(texts, now: Self.now)
        var offsets: [Int64] = []
        try Self.letters.forEachLetter { letter in
            if conditions.matches(letter) { offsets.append(letter.place.offset.rawValue) }
        }
        return offsets
    }

    @Test(arguments: [
        ("reason=refused", [0]), ("reason=refused,decode", [0, 1]), ("reason!=refused", [1, 2]),
        ("topic=orders and reason=decode", [1]), ("topic = orders", [0, 1]),
        ("message~\"out, twice\"", [0]), ("error~timed", [0]), ("message!~timed", [1, 2]),
        ("message='it timed out, twice'", [0]), ("key=o-1", [0]), ("key~-", [0]),
        ("job=charges", [1]), ("header.trace=t-1", [0]), ("header.trace=''", [1, 2]),
        ("offset=1", [1]), ("offset=1..", [1, 2]), ("offset=0..1", [0, 1]),
        ("offset!=1", [0, 2]), ("offset=0,2", [0, 2]), ("partition=0", [0, 1, 2]),
        ("partition=1", []), ("source-partition=2", [0]), ("source-offset=10..20", [0]),
        ("source-partition!=2", [1, 2]), ("attempts=2..", [0]),
        ("since=2h", [0, 1, 2]), ("since=30m", [1, 2]), ("until=30m", [0]),
        ("since=2026-01-01T00:00:00Z", [2]), ("until=2026-01-01", [0, 1]),
    ])
    func `conditions choose dead letters`(text: String, offsets: [Int64]) throws {
        #expect(try matching(text) == offsets)
    }

    @Test func `several texts are joined as if by and`() throws {
        #expect(try matching("topic=orders", "offset=1..") == [1])
    }

    @Test(arguments: [
        "", "reason", "reason=a or reason=b", "reason=a reason=b", "reason=a and", "=a",
        "reason<a", "message~'open", "message~", "message~a,b", "offset=x", "offset=2..1",
        "offset~1", "since=yesterday", "since!=2h", "state=new", "state!=open", "header.=a",
        "resaon=a", "reason=a,b c",
    ])
    func `what is no condition is refused`(text: String) throws {
        #expect(throws: UsageError.self) { try LetterConditions([text], now: Self.now) }
    }

    @Test func `a mistyped name is told with the nearest`() throws {
        let error = #expect(throws: UsageError.self) {
            try LetterConditions(["resaon=a"], now: Self.now)
        }
        #expect(error?.suggestion == "did you mean 'reason'?")
    }

    @Test func `the open ones are meant where no state is named`() throws {
        #expect(try LetterConditions(["reason=a"], now: Self.now).states == [.open])
        #expect(
            try LetterConditions(["state=parked,open"], now: Self.now).states == [.open, .parked]
        )
        #expect(
            try LetterConditions(["state=parked,open", "state=parked"], now: Self.now).states
                == [.parked]
        )
    }

    @Test func `offsets and partitions that cannot match are not read`() throws {
        let conditions = try LetterConditions(
            ["offset=10..19,30 and partition=1 and offset!=12"],
            now: Self.now
        )
        #expect(conditions.narrowed(0..<100) == 10..<31)
        #expect(conditions.narrowed(15..<20) == 15..<20)
        #expect(conditions.narrowed(40..<50).isEmpty)
        #expect(conditions.mayMatch(PartitionIndex(1)))
        #expect(!conditions.mayMatch(PartitionIndex(0)))
        let endless = try LetterConditions(
            ["offset=9223372036854775807..9223372036854775807"],
            now: Self.now
        )
        #expect(endless.narrowed(0..<100).isEmpty)
    }
}
