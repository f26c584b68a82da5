import Foundation
import Testing

extension EndToEnd {
    /// The benchmarks of the log, small: that they run and check what they wrote.
    @Suite struct LogBenchTests {
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        @Test(arguments: [
            ["commit", "--partitions", "3", "--transactions", "4"],
            ["create", "--partitions", "5"],
            ["open", "--partitions", "5"],
            ["open", "--partitions", "3", "--bytes", "2MiB"],
            ["open", "--partitions", "3", "--bytes", "2MiB", "--after-kill"],
        ])
        func `a benchmark of the log checks its output and leaves nothing behind`(
            words: [String]
        ) throws {
            let outcome = try Millrace.tool(
                Millrace.executable,
                ["bench"] + words + ["--json", "--directory", folder.path("")],
                input: nil
            )
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.lines.count == 1)
            #expect(outcome.output.contains("\"verified\":true"))
            #expect(outcome.errors == "")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [])
        }
    }
}
