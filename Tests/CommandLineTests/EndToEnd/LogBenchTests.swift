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

        @Test(arguments: [
            ["count", "--records", "10"], ["commit"], ["create"], ["open"],
        ])
        func `a folder that is not there, and too few open files, are told before the begin`(
            words: [String]
        ) throws {
            let file = try folder.write("file", "text")
            let places = [(folder.path("none"), "does not exist"), (file.path, "a file")]
            for (place, reason) in places {
                let outcome = try Millrace.tool(
                    Millrace.executable,
                    ["bench"] + words + ["--directory", place],
                    input: nil
                )
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains("the benchmark has no folder to run in"))
                #expect(outcome.errors.contains(reason))
            }
            let outcome = try Millrace.shell(
                "ulimit -n 60; '\(Millrace.executable.path)' bench \(words.joined(separator: " "))"
                    + " --directory '\(folder.url.path)'"
            )
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("this process may have 60 open at once"))
            #expect(outcome.errors.contains("next: ulimit -n 256"))
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
            #expect(left == ["file"])
        }
    }
}
