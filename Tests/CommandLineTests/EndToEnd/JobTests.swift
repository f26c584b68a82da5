import Foundation
import Testing

extension EndToEnd {
    /// Jobs, built and run by the real executable, checked against what awk computes.
    @Suite(.serialized) struct JobTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws { folder = try TemporaryFolder() }

        @Test func `word counts equal those of awk, and each word's outputs are 1 to n`() throws {
            let check = WordCountCheck(data: data, folder: folder)
            let text = try check.makeText()
            try Millrace.succeed("topic", "create", "lines", "--partitions", "4", "--data", data)
            try Millrace.succeed("produce", "lines", "--data", data, input: text)
            let run = try Millrace.countWords(in: data, "--json")
            let lineCount = try Millrace.shell("awk 'END { print NR }' '\(text.path)'").lines
            #expect(run.output.contains("\"records_in\":\(lineCount.first ?? ""),"))

            try check.expectCounts(of: text)

            // Nothing is left to do, and nothing is done twice.
            let again = try Millrace.countWords(in: data, "--json")
            #expect(again.output.contains("\"records_in\":0,\"records_out\":0,"))
        }

        @Test func `flight delays equal those of awk`() throws {
            let flights = folder.url.appending(path: "flights.csv")
            _ = try Millrace.shell(
                "gzip -dc Jobs/FlightDelays/Data/flights.csv.gz > '\(flights.path)'"
            )
            try Millrace.succeed("topic", "create", "flights", "--partitions", "4", "--data", data)
            try Millrace.succeed("produce", "flights", "--data", data, input: flights)
            let run = try Millrace.succeed(
                "run",
                "Jobs/FlightDelays",
                "--data",
                data,
                "--until-caught-up"
            )
            #expect(run.output.hasPrefix("flight-delays: 336,777 records in, 327,346 out"))

            let report = try Millrace.shell(
                "scripts/report-flights '\(Millrace.executable.path)' '\(data)'"
            )
            let expected = try Millrace.shell(
                """
                awk -F , 'NR > 1 && $3 != "NA" {
                        n[$6]++; s[$6] += $3; if (!($6 in m) || $3 > m[$6]) m[$6] = $3 }
                    END { for (d in n) if (n[d] > 100) print d, n[d], s[d], m[d], s[d] / n[d] }' \
                    '\(flights.path)' | sort -k 5,5nr | head -n 10 | cut -d ' ' -f 1-4
                """
            )
            let found = report.lines.dropFirst().map { line in
                line.split(separator: " ").prefix(4).joined(separator: " ")
            }
            #expect(found == expected.lines)
            #expect(found.count == 10)
        }

        @Test func `a topology is described as text, Mermaid and JSON`() throws {
            let text = try Millrace.succeed("describe", "Jobs/WordCount")
            #expect(text.output.hasPrefix("job word-count\n"))
            #expect(text.output.contains("changelog word-count-counts-changelog"))
            let chart = try Millrace.succeed("describe", "Jobs/WordCount", "--format", "mermaid")
            #expect(chart.output.hasPrefix("flowchart TD\n"))
            let json = try Millrace.succeed("describe", "Jobs/WordCount", "--format", "json")
            let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
            #expect((object as? [String: Any])?["job"] as? String == "word-count")
        }

        @Test func `a new job builds, passes its tests and runs`() throws {
            let path = folder.path("Mine")
            try Millrace.succeed("new", "Mine", "--path", path)
            let tests = try Millrace.shell(
                "swift test --package-path '\(path)' --scratch-path .build-jobs 2>&1"
            )
            #expect(tests.status == 0, "\(tests.output.suffix(2000))")
            #expect(tests.output.contains("Test run with 2 tests"))

            let input = try folder.write("input", "to be or not to be\n")
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
            try Millrace.succeed("run", path, "--data", data, "--until-caught-up")
            let counts = try Millrace.succeed(
                "consume",
                "mine-counts",
                "--data",
                data,
                "--until-end",
                "--value",
                "int64",
                "--format",
                "%k%s\\n"
            )
            #expect(counts.lines == ["to1", "be1", "or1", "not1", "to2", "be2"])
        }

        @Test func `a reset starts a job over`() throws {
            let input = try folder.write("input", "a rose is a rose\n")
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
            for _ in 0..<2 {
                try Millrace.countWords(in: data, "--reset")
            }
            let counts = try Millrace.consumeCounts(
                of: data,
                "--value",
                "int64",
                "--format",
                "%k%s\\n"
            )
            let once = ["a1", "rose1", "is1", "a2", "rose2"]
            #expect(counts.lines == once + once)
        }

        @Test(arguments: [SIGINT, SIGTERM])
        func `a signal commits and leaves with 0`(signal: Int32) throws {
            let input = try folder.write("input", "a rose is a rose\n")
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
            try Millrace.succeed("describe", "Jobs/WordCount")
            let output = folder.url.appending(path: "output")
            let process = try Millrace.start(
                Millrace.executable,
                ["run", "Jobs/WordCount", "--data", data],
                input: nil,
                output: output,
                errors: folder.url.appending(path: "errors")
            )
            // The output topic is there once the job is at work; the signal comes after that.
            let sign = folder.path("data/word-counts-0")
            while !FileManager.default.fileExists(atPath: sign), process.isRunning {
                usleep(10_000)
            }
            kill(process.processIdentifier, signal)
            process.waitUntilExit()
            #expect(process.terminationReason == .exit)
            #expect(process.terminationStatus == 0)
            #expect(try String(contentsOf: output, encoding: .utf8).hasPrefix("word-count: "))
            // The log was closed: the next command finds it free.
            try Millrace.countWords(in: data)
            let counts = try Millrace.consumeCounts(
                of: data,
                "--value",
                "int64",
                "--format",
                "%k%s\\n"
            )
            #expect(counts.lines == ["a1", "rose1", "is1", "a2", "rose2"])
        }
    }
}
