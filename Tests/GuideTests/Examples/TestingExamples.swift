import Millrace
import MillraceTestKit
import Testing

/// The examples of docs/guide/testing.md.
@Suite struct TestingExamples {
    struct Job: StreamJob {
        static let name = "minutes"
        static let counts = Topic(
            "minutes",
            key: .windowed(.utf8, size: .seconds(60)),
            value: .int64
        )

        var topology: [Statement] {
            stream(Topics.orders)
                .groupByKey()
                .windowed(by: .tumbling(.seconds(60)))
                .count(store: "minutes", emit: .onClose(idleAfter: .seconds(5)))
                .to(Self.counts)
        }
    }

    // begin: testing-crash
    @Test(arguments: 1...10)
    func `a crash at any step changes no result`(seed: UInt64) throws {
        let engine = try TestEngine(Start.WordCount(), partitions: 2, seed: seed)
        var counts: [(key: String, value: Int64)] = []
        for step in 0..<4 {
            try engine.send("rose", to: Start.Topics.lines)
            for _ in 0..<(Int(seed) + step) % 3 { try engine.process() }
            if step == 2 { try engine.commit() }
            try engine.crash()
            counts += try engine.read(Start.Topics.counts)
        }
        try engine.run()
        counts += try engine.read(Start.Topics.counts)
        #expect(counts.map(\.value) == [1, 2, 3, 4])
    }
    // end: testing-crash

    // begin: testing-clock
    @Test func `the window of a quiet partition closes by the clock`() throws {
        let engine = try TestEngine(Job(), partitions: 1)
        let start = Duration.seconds(1_767_225_600)
        try engine.send(.example("o-1"), key: "o-1", to: Topics.orders, at: start)
        try engine.run()
        #expect(try engine.read(Job.counts).isEmpty)
        try engine.advance(by: .seconds(70))
        #expect(try engine.read(Job.counts).map(\.value) == [1])
    }
    // end: testing-clock
}
