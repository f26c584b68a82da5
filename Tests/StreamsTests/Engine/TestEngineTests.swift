import MillraceTestKit
import Streams
import Testing

@Suite struct TestEngineTests {
    private enum Topics {
        static let lines = Topic("lines", value: .utf8)
        static let counts = Topic("counts", key: .utf8, value: .int64)
    }

    private struct WordCount: StreamJob {
        static let name = "wc"
        var topology: [Statement] {
            stream(Topics.lines)
                .flatMapValues { line -> [String] in line.split(separator: " ").map(String.init) }
                .groupBy({ $0 }, via: "by-word", key: .utf8)
                .count(store: "counts")
                .to(Topics.counts)
        }
    }

    private static func counts(
        _ records: [(key: String, value: Int64)]
    ) -> [String: [Int64]] {
        Dictionary(grouping: records, by: \.key).mapValues { $0.map(\.value) }
    }

    @Test func `every update of a count comes out once and in order`() throws {
        let engine = try TestEngine(WordCount())
        try engine.send("a rose is a rose", to: Topics.lines)
        try engine.run()
        #expect(
            Self.counts(try engine.read(Topics.counts)) == [
                "a": [1, 2], "rose": [1, 2], "is": [1],
            ]
        )
        try engine.send("rose", to: Topics.lines)
        try engine.run()
        #expect(Self.counts(try engine.read(Topics.counts)) == ["rose": [3]])
    }

    @Test(arguments: 1...20)
    func `a crash between any steps changes no result`(seed: Int) throws {
        let engine = try TestEngine(WordCount(), seed: UInt64(seed))
        var all: [(key: String, value: Int64)] = []
        for round in 0..<6 {
            try engine.send("a b a", to: Topics.lines)
            for _ in 0..<(seed + round) % 4 { try engine.process() }
            if (seed + round) % 3 == 0 { try engine.commit() }
            try engine.crash()
            all += try engine.read(Topics.counts)
        }
        try engine.run()
        all += try engine.read(Topics.counts)
        #expect(Self.counts(all) == ["a": Array(1...12), "b": Array(1...6)])
    }

    @Test func `what is processed but not committed is not seen`() throws {
        let engine = try TestEngine(WordCount())
        try engine.send("a", to: Topics.lines)
        try engine.process()
        #expect(try engine.read(Topics.counts).isEmpty)
        try engine.kill()
        #expect(try engine.read(Topics.counts).isEmpty)
        try engine.run()
        #expect(Self.counts(try engine.read(Topics.counts)) == ["a": [1]])
    }
}
