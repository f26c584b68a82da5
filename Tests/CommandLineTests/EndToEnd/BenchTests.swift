import Foundation
import Testing

extension EndToEnd {
    /// The benchmarks, small: that they run and check what they wrote.
    @Suite struct BenchTests {
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        @Test(arguments: [
            ["stateless"], ["count", "--keys", "40"], ["restore", "--keys", "400"], ["cold"],
            ["merge"], ["window", "--keys", "40"], ["table-join", "--keys", "40"], ["stream-join"],
            ["session", "--keys", "40"], ["dedup", "--keys", "200"], ["json"],
            ["json", "--record"],
            ["commit", "--partitions", "3", "--transactions", "4"],
            ["create", "--partitions", "5"],
            ["open", "--partitions", "5"],
            ["open", "--partitions", "3", "--bytes", "2MiB"],
            ["open", "--partitions", "3", "--bytes", "2MiB", "--after-kill"],
        ])
        func `a benchmark checks its output and leaves nothing behind`(
            words: [String]
        ) throws {
            let isJob = !["commit", "create", "open"].contains(words[0])
            let outcome = try Millrace.tool(
                Millrace.executable,
                ["bench"] + words + (isJob ? ["--records", "400"] : [])
                    + ["--json", "--directory", folder.path("")],
                input: nil
            )
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.lines.count == 1)
            #expect(outcome.output.contains("\"verified\":true"))
            #expect(outcome.errors == "")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [])
        }

        @Test(arguments: [["stateless"], ["count", "--keys", "40"], ["cold"]])
        func `figures for a person are rounded and counted in words`(words: [String]) throws {
            let place = ["--records", "400", "--directory", folder.path("")]
            let outcome = try Millrace.tool(
                Millrace.executable,
                ["bench"] + words + place,
                input: nil
            )
            #expect(outcome.status == 0, "\(outcome.errors)")
            let form =
                #/
                [-a-z]+:\ (?<records>[0-9,]+\ records?)\ in\ [0-9]+\.[0-9]{3}\ s,
                \ [0-9,]+\ records/s,\ cpu\ [0-9]+\.[0-9]{3}\ s,\ (?<commits>[0-9,]+\ commits?),
                \ (?<flushes>[0-9,]+\ fdatasyncs?),\ output\ checked\n
                /#
            let found = try #require(outcome.output.wholeMatch(of: form), "\(outcome.output)")
            for counted in [found.records, found.commits, found.flushes] {
                #expect(counted.hasPrefix("1 ") == !counted.hasSuffix("s"), "\(outcome.output)")
            }
        }

        @Test func `the figures of the log's benchmarks stand behind their names`() throws {
            let outcome = try Millrace.succeed(
                "bench",
                "create",
                "--partitions",
                "1",
                "--directory",
                folder.path("")
            )
            #expect(
                outcome.output.wholeMatch(
                    of: /partitions: 1, milliseconds: [0-9]+\.[0-9]{1,3}, verified: true\n/
                ) != nil,
                "\(outcome.output)"
            )
        }

        @Test(arguments: [
            ["commit", "--partitions", "2", "--transactions", "1000000"],
            ["open", "--partitions", "2", "--bytes", "1GiB"],
        ])
        func `a benchmark that a signal ends says where its folder stays`(words: [String]) throws {
            let place = folder.path("bench-\(words[0])-2")
            let errors = folder.url.appending(path: "errors")
            let process = try Millrace.start(
                Millrace.executable,
                ["bench"] + words + ["--directory", folder.url.path],
                input: nil,
                output: folder.url.appending(path: "output"),
                errors: errors
            )
            while !FileManager.default.fileExists(atPath: "\(place)/meta.properties"),
                process.isRunning
            {
                usleep(10_000)
            }
            process.terminate()
            process.waitUntilExit()
            #expect(process.terminationReason == .exit && process.terminationStatus == 143)
            let told = try String(contentsOf: errors, encoding: .utf8)
            #expect(told.contains("where: \(place)\n  next: rm -r \(place)\n"), "\(told)")
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
            #expect(left.sorted() == ["bench-\(words[0])-2", "errors", "output"])
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
