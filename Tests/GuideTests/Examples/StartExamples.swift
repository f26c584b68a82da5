import Millrace
import MillraceTestKit
import Testing

enum Start {
    // begin: start-job
    enum Topics {
        static let lines = Topic("lines", value: .utf8)
        static let counts = Topic("word-counts", key: .utf8, value: .int64)
    }

    struct WordCount: StreamJob {
        static let name = "word-count"

        var topology: [Statement] {
            stream(Topics.lines)
                .flatMapValues { (line: String) -> [String] in
                    line.lowercased().split { !$0.isLetter }.map(String.init)
                }
                .groupBy({ $0 }, via: "by-word", key: .utf8)
                .count(store: "counts")
                .to(Topics.counts)
        }
    }
    // end: start-job

    // begin: start-test
    @Test static func `each word is counted`() throws {
        let engine = try TestEngine(WordCount(), partitions: 2)
        try engine.send("a rose is a rose", to: Topics.lines)
        try engine.run()
        let counts = try engine.read(Topics.counts)
        #expect(counts.filter { $0.key == "rose" }.map(\.value) == [1, 2])
    }
    // end: start-test
}
