import Foundation
import Testing

extension EndToEnd {
    /// A job that died in the middle of a transaction: nobody lives who could end it.
    @Suite(.serialized) struct DeadOwnerTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }
        /// So many that their counts do not fit into the job's output buffer.
        private static let lineCount = 200_000

        init() throws { folder = try TemporaryFolder() }

        @Test func `a run after a kill does not wait for the dead run's transactions`() throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let text = String(repeating: "word\n", count: Self.lineCount)
            try Millrace.succeed(
                "produce",
                "lines",
                "--data",
                data,
                input: try folder.write("input", text)
            )
            // Built before, so that only the run itself is measured.
            try Millrace.succeed("describe", "Jobs/WordCount")
            try killRun(options: ["--threads", "2", "--commit-interval", "10m"])

            let begin = Date()
            try Millrace.countWords(in: data, "--threads", "1")
            // A transaction of the killed run would hold this one up for 20 minutes.
            #expect(Date().timeIntervalSince(begin) < 60)
            let counts = try Millrace.consumeCounts(of: data, "--value", "int64")
            #expect(counts.lines == (1...Self.lineCount).map { "\($0)" })
        }

        /// Whether the job has written to one of its own topics: nothing of it is committed yet.
        private func hasWritten() -> Bool {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: data)) ?? []
            return names.contains { name in
                var status = stat()
                let segment = "\(data)/\(name)/00000000000000000000.log"
                return name.hasPrefix("word-count-") && stat(segment, &status) == 0
                    && status.st_size > 0
            }
        }

        /// Runs the job until it has written something, and kills it.
        private func killRun(options: [String]) throws {
            let process = try Millrace.start(
                Millrace.executable,
                ["run", "Jobs/WordCount", "--data", data] + options,
                input: nil,
                output: folder.url.appending(path: "output"),
                errors: folder.url.appending(path: "errors")
            )
            let deadline = Date(timeIntervalSinceNow: 120)
            while process.isRunning, Date() < deadline, !hasWritten() { usleep(1000) }
            #expect(process.isRunning && Date() < deadline, "the job wrote nothing")
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }
}
