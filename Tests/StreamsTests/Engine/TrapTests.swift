import MillraceTestKit
import Streams
import Testing

/// A job that traps ends the tests' process: what is said before is read from another one.
@Suite struct TrapTests {
    private enum Topics {
        static let numbers = Topic("numbers", value: .utf8)
        static let results = Topic("results", value: .utf8)
    }

    private struct Halves: StreamJob {
        static let name = "halves"
        var topology: [Statement] {
            stream(Topics.numbers)
                .mapValues { text in "\(100 / (Int(text) ?? 0))" }
                .to(Topics.results)
        }
    }

    @Test func `a test says at which record its job trapped`() async throws {
        let result = try await #require(
            processExitsWith: .failure,
            observing: [\.standardErrorContent]
        ) {
            let engine = try TestEngine(Halves())
            for text in ["2", "4", "0"] { try engine.send(text, to: Topics.numbers) }
            try engine.run()
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("error: the job 'halves' trapped (SIG"), "\(text)")
        #expect(text.contains(") in a test, while it processed a record\n"), "\(text)")
        #expect(text.contains("\n  where: topic numbers, partition 0, offset 2\n"), "\(text)")
    }
}
