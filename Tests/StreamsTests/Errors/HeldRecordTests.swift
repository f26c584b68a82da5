import LogModel
import MillraceTestKit
import Streams
import Testing

/// Joins whose operators, or those behind them, fail: with the record at hand, and with one that
/// was held back until it came.
@Suite struct HeldRecordTests {
    private static let left = Topic("left", key: .utf8, value: .utf8)
    private static let right = Topic("right", key: .utf8, value: .utf8)
    private static let output = Topic("out", key: .utf8, value: .utf8)
    private static let copy = Topic("copy", key: .utf8, value: .utf8)
    private static let retry = Retry.fixed(.milliseconds(100), attempts: 3)

    /// Where times are counted from: the log would remove older records.
    private static let start = Duration.seconds(1_767_225_600)

    private static func time(_ milliseconds: Int) -> Duration {
        start + .milliseconds(milliseconds)
    }

    private static func timestamp(_ milliseconds: Int64) -> Timestamp {
        Timestamp(1_767_225_600_000 + milliseconds)
    }

    // MARK: A retry behind a join of two streams

    private struct Paired: StreamJob {
        static let name = "paired"
        var fuse = Fuse()
        var topology: [Statement] {
            let fuse = fuse
            return [
                stream(left)
                    .join(
                        stream(right),
                        within: .within(.seconds(1)),
                        store: "met",
                        key: .utf8,
                        left: .utf8,
                        right: .utf8
                    ) { (left: String, right: String) -> String in "\(left)|\(right)" }
                    .mapValues(to: String.self) { (value: String) in
                        try fuse.burn()
                        return value
                    }
                    .onError(.deadLetter(retry: retry))
                    .to(output)
            ]
        }
    }

    @Test(arguments: 0...2)
    func `a join stores a record once, however often what is behind it is tried`(
        failures: Int
    ) throws {
        let engine = try TestEngine(Paired(fuse: Fuse(failures)), partitions: 1)
        try engine.send("r1", key: "k", to: Self.right, at: Self.time(1))
        try engine.run()
        try engine.send("l1", key: "k", to: Self.left, at: Self.time(2))
        try engine.run()
        for _ in 0..<4 { try engine.advance(by: .milliseconds(100)) }
        try engine.send("r2", key: "k", to: Self.right, at: Self.time(3))
        try engine.run()
        #expect(try engine.read(Self.output).map(\.value) == ["l1|r1", "l1|r2"])
        #expect(try engine.readDeadLetters().isEmpty)
    }

    @Test func `a join keeps a record whose result became a dead letter`() throws {
        let engine = try TestEngine(Paired(fuse: Fuse(3)), partitions: 1)
        try engine.send("r1", key: "k", to: Self.right, at: Self.time(1))
        try engine.run()
        try engine.send("l1", key: "k", to: Self.left, at: Self.time(2))
        try engine.run()
        for _ in 0..<4 { try engine.advance(by: .milliseconds(100)) }
        try engine.send("r2", key: "k", to: Self.right, at: Self.time(3))
        try engine.run()
        #expect(try engine.read(Self.output).map(\.value) == ["l1|r2"])
        #expect(try engine.readDeadLetters().map(\.value) == [Array("l1".utf8)])
    }

    // MARK: Records that leave while another one is at hand

    /// A join with a grace, and a copy of its stream; "bad" fails.
    private struct Late: StreamJob {
        static let name = "late"
        var fuse = Fuse()
        var policy = ErrorPolicy.deadLetter()
        /// Whether what is behind the join fails, not the join.
        var failsBehind = false
        var topology: [Statement] {
            let (fuse, failsBehind) = (fuse, failsBehind)
            let input = stream(left)
            let joined = input.join(
                table(right, store: "rows", history: .seconds(100)),
                grace: .milliseconds(10),
                store: "held",
                key: .utf8,
                value: .utf8
            ) { (left: String, row: String) throws -> String in
                if left == "bad", !failsBehind { try fuse.burn() }
                return "\(left)|\(row)"
            }
            .onError(policy)
            .mapValues(to: String.self) { (value: String) in
                if value == "bad|row", failsBehind { try fuse.burn() }
                return value
            }
            .onError(policy)
            return [joined.to(output), input.to(copy)]
        }
    }

    private func sendLate(to engine: TestEngine<Late>) throws {
        try engine.send("row", key: "k", to: Self.right, at: Self.time(0))
        try engine.run()
        for (value, time) in [("bad", 1), ("good", 20), ("last", 40)] {
            try engine.send(
                value,
                key: "k",
                to: Self.left,
                at: Self.time(time),
                headers: [.init("of", Array(value.utf8))]
            )
            try engine.run()
            for _ in 0..<4 { try engine.advance(by: .milliseconds(100)) }
        }
    }

    @Test(arguments: [false, true])
    func `a held record that fails is the dead letter, not the one that moved time on`(
        failsBehind: Bool
    ) throws {
        let engine = try TestEngine(
            Late(fuse: Fuse(.max), failsBehind: failsBehind),
            partitions: 1
        )
        try sendLate(to: engine)
        let results = try engine.readRecords(Self.output)
        #expect(results.map(\.value) == ["good|row"])
        #expect(results.map(\.timestamp) == [Self.timestamp(20)])
        let letters = try engine.readDeadLetters()
        #expect(letters.map(\.value) == [Array("bad".utf8)])
        #expect(letters.map(\.key) == [Array("k".utf8)])
        #expect(letters.first?.headers["of"] == "bad")
        // The store does not have the record as its topic has it.
        #expect(letters.first?.headers[DeadLetterHeader.topic] == nil)
        #expect(letters.first?.headers[DeadLetterHeader.offset] == nil)
        let copies = try engine.readRecords(Self.copy)
        #expect(copies.map(\.value) == ["bad", "good", "last"])
        #expect(copies.map(\.timestamp) == [1, 20, 40].map(Self.timestamp))
        let marks = copies.map { copy in
            String(decoding: copy.headers.last { $0.name == "of" }?.value ?? [], as: UTF8.self)
        }
        #expect(marks == ["bad", "good", "last"])
    }

    @Test(arguments: [false, true])
    func `a held record is tried again before it is a dead letter`(failsBehind: Bool) throws {
        for failures in [2, 3] {
            let engine = try TestEngine(
                Late(
                    fuse: Fuse(failures),
                    policy: .deadLetter(retry: Self.retry),
                    failsBehind: failsBehind
                ),
                partitions: 1
            )
            try sendLate(to: engine)
            let letters = try engine.readDeadLetters()
            let isOver = failures == 3
            #expect(
                try engine.read(Self.output).map(\.value)
                    == (isOver ? ["good|row"] : ["bad|row", "good|row"])
            )
            #expect(letters.map(\.value) == (isOver ? [Array("bad".utf8)] : []))
            #expect(letters.allSatisfy { $0.headers[DeadLetterHeader.attempts] == "3" })
            #expect(try engine.read(Self.copy).map(\.value) == ["bad", "good", "last"])
        }
    }

    @Test func `a held record that fails holds no key of the record at hand`() throws {
        let engine = try TestEngine(
            Late(fuse: Fuse(.max), policy: .deadLetter(ordering: .holdKey)),
            partitions: 1
        )
        try sendLate(to: engine)
        #expect(try engine.read(Self.output).map(\.value) == ["good|row"])
        #expect(try engine.readDeadLetters().map(\.value) == [Array("bad".utf8)])
    }

    /// A left join of two streams; "bad" without a partner fails.
    private struct Alone: StreamJob {
        static let name = "alone"
        var topology: [Statement] {
            [
                stream(left)
                    .leftJoin(
                        stream(right),
                        within: .within(.milliseconds(10)),
                        store: "met",
                        key: .utf8,
                        left: .utf8,
                        right: .utf8
                    ) { (left: String, right: String?) throws -> String in
                        if left == "bad" { throw Failing.Boom() }
                        return "\(left)|\(right ?? "-")"
                    }
                    .onError(.deadLetter())
                    .to(output)
            ]
        }
    }

    @Test func `a record without a partner that fails is the dead letter, not the one at hand`()
        throws
    {
        let engine = try TestEngine(Alone(), partitions: 1)
        for (value, time) in [("bad", 0), ("early", 1), ("good", 100), ("last", 200)] {
            try engine.send(value, key: value, to: Self.left, at: Self.time(time))
            try engine.run()
        }
        let results = try engine.readRecords(Self.output)
        #expect(results.map(\.value) == ["early|-", "good|-"])
        #expect(results.map(\.timestamp) == [1, 100].map(Self.timestamp))
        let letters = try engine.readDeadLetters()
        #expect(letters.map(\.value) == [Array("bad".utf8)])
        #expect(letters.map(\.key) == [Array("bad".utf8)])
    }
}
