import LogModel
import MillraceTestKit
import Streams
import Testing

/// What a join finds in a table whose changes are held back, or whose rows are made of a history.
@Suite struct LookedUpTableTests {
    private static let stream = Topic("stream", key: .utf8, value: .utf8)
    private static let rows = Topic("rows", key: .utf8, value: .utf8)
    private static let output = Topic("out", key: .utf8, value: .utf8)
    private static let counts = Topic("counts", key: .utf8, value: .int64)

    private static func time(_ milliseconds: Int) -> Duration {
        .seconds(1_767_225_600) + .milliseconds(milliseconds)
    }

    private struct Held: StreamJob {
        static let name = "held"
        var topology: [Statement] {
            let held = table(LookedUpTableTests.rows, store: "rows").suppressed(
                .untilTimeLimit(.milliseconds(100)),
                store: "held",
                key: .utf8,
                value: .utf8
            )
            return [
                stream(LookedUpTableTests.stream)
                    .leftJoin(held.mapValues { (row: String) -> String in row.uppercased() }) {
                        (value: String, row: String?) -> String in "\(value)|\(row ?? "-")"
                    }
                    .to(output)
            ]
        }
    }

    @Test func `the row of a change that is held is what it was before`() throws {
        let engine = try TestEngine(Held(), partitions: 1)
        func send(_ value: String?, key: String = "k", at time: Int, asRow: Bool) throws {
            if asRow {
                let topic = Topic("rows", key: .utf8, value: .optional(.utf8))
                try engine.send(value, key: key, to: topic, at: Self.time(time))
            } else {
                try engine.send(value ?? "", key: key, to: Self.stream, at: Self.time(time))
            }
            try engine.run()
        }
        try send("v1", at: 0, asRow: true)
        try send("s1", at: 10, asRow: false)
        try send("z", key: "z", at: 150, asRow: true)
        try send("s2", at: 160, asRow: false)
        try send("v2", at: 200, asRow: true)
        try send("v3", at: 210, asRow: true)
        try send("s3", at: 220, asRow: false)
        try engine.kill()
        try send("s4", at: 230, asRow: false)
        try send("z", key: "z", at: 400, asRow: true)
        try send("s5", at: 410, asRow: false)
        try send(nil, at: 420, asRow: true)
        try send("s6", at: 430, asRow: false)
        try send("z", key: "z", at: 600, asRow: true)
        try send("s7", at: 610, asRow: false)
        #expect(
            try engine.read(Self.output).map(\.value)
                == ["s1|-", "s2|V1", "s3|V1", "s4|V1", "s5|V3", "s6|V3", "s7|-"]
        )
    }

    private struct Earlier: StreamJob {
        static let name = "earlier"
        var transforms = true
        var topology: [Statement] {
            let rows = table(LookedUpTableTests.rows, store: "rows", history: .seconds(100))
            let made =
                transforms
                ? rows.transformValues(to: String.self) { _ in { _, row in row } }
                : rows.mapValues { (row: String) -> String in row }
            return [
                stream(LookedUpTableTests.stream)
                    .join(made) { (value: String, row: String) -> String in "\(value)|\(row)" }
                    .to(output),
                made.groupBy(via: "by-row", key: .utf8, value: .utf8) { _, row in (row, row) }
                    .count(store: "counts")
                    .to(counts),
            ]
        }
    }

    @Test(arguments: [false, true])
    func `what is made of a table with a history has it, and tells what is older`(
        transforms: Bool
    ) throws {
        let engine = try TestEngine(Earlier(transforms: transforms), partitions: 1)
        try engine.send("new", key: "k", to: Self.rows, at: Self.time(100))
        try engine.run()
        try engine.send("old", key: "k", to: Self.rows, at: Self.time(50))
        try engine.run()
        try engine.send("s", key: "k", to: Self.stream, at: Self.time(60))
        try engine.send("t", key: "k", to: Self.stream, at: Self.time(110))
        try engine.run()
        #expect(try engine.read(Self.output).map(\.value) == ["s|old", "t|new"])
        let counts = try engine.read(Self.counts)
        #expect(counts.map(\.key) == ["new"] && counts.map(\.value) == [1])
    }
}
