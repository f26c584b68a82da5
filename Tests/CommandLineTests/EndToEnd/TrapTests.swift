import Foundation
import Testing

extension EndToEnd {
    /// A job whose code traps, run as a person runs it.
    @Suite(.serialized) struct TrapTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder()
            for topic in ["numbers", "-others", "results", "answers"] {
                try withTopic(topic, "topic", "create", "--partitions", "2")
            }
        }

        /// A command about a topic, whose name may begin as options do.
        private func withTopic(
            _ topic: String,
            _ words: String...,
            input: String? = nil
        ) throws {
            let outcome = try Millrace.tool(
                Millrace.executable,
                words + ["--data", data, "--", topic],
                input: try input.map { try folder.write("input", $0) }
            )
            #expect(outcome.status == 0, "\(words): \(outcome.errors)")
        }

        private func produce(
            _ values: [String],
            to topic: String,
            partition: String
        ) throws {
            try withTopic(
                topic,
                "produce",
                "--partition",
                partition,
                "--key-separator",
                "|",
                input: values.map { "key|\($0)\n" }.joined()
            )
        }

        private func runJob(_ options: String...) throws -> Millrace.Outcome {
            let link = folder.path("Trapping")
            if !FileManager.default.fileExists(atPath: link) {
                try FileManager.default.createSymbolicLink(
                    at: URL(filePath: link),
                    withDestinationURL: Millrace.executable.deletingLastPathComponent()
                        .appending(path: "JobsUnderTest")
                )
            }
            return try run(["run", link, "--until-caught-up"] + options)
        }

        private func results() throws -> [String] {
            try succeed("consume", "results", "--until-end", "--format", "%s\\n").lines.sorted()
        }

        /// What it says of the trap, without the code's words before and the backtrace behind.
        private func lines(of outcome: Millrace.Outcome) -> [String] {
            let lines = outcome.errors.split(separator: "\n").map(String.init)
            guard let first = lines.firstIndex(where: { $0.hasPrefix("error: the job") }) else {
                return []
            }
            return Array(lines[first...].prefix { !$0.hasPrefix("*** ") })
        }

        @Test(arguments: ["1", "2"])
        func `the record is named at which code traps, and what steps over it does`(
            threads: String
        ) throws {
            try produce(["1", "2", "3"], to: "numbers", partition: "0")
            try produce(["4", "128", "5"], to: "numbers", partition: "1")
            let outcome = try runJob("--threads", threads)
            #expect(outcome.status == SIGILL || outcome.status == SIGTRAP)
            let lines = lines(of: outcome)
            let signal = outcome.status == SIGILL ? "SIGILL" : "SIGTRAP"
            #expect(
                lines.prefix(3) == [
                    "error: the job 'trapping' trapped (\(signal)) while it processed a record",
                    "  where: topic numbers, partition 1, offset 1",
                    "  why: its code broke off where the backtrace says; no error policy sees "
                        + "that, and nothing of the record is committed",
                ],
                "\(outcome.errors)"
            )
            #expect(outcome.errors.split(separator: "\n").count < 60, "\(outcome.errors)")

            // What it names shows the record, and what it names last steps over it.
            let commands = lines.compactMap { line in
                line.firstRange(of: "millrace ").map { String(line[$0.upperBound...]) }
            }
            try #require(commands.count == 2, "\(lines)")
            let shown = try Millrace.shell("'\(Millrace.executable.path)' \(commands[0])")
            #expect(shown.output == "128\n", "\(shown.errors)")
            let deleted = try Millrace.shell(
                "'\(Millrace.executable.path)' \(commands[1]) --execute"
            )
            #expect(deleted.status == 0, "\(deleted.errors)")
            let again = try runJob()
            #expect(again.status == 0, "\(again.errors)")
            #expect(try Set(results()).isSuperset(of: ["1", "2", "3", "5"]))
        }

        @Test func `of two inputs the one is named whose record traps`() throws {
            try produce(["1"], to: "numbers", partition: "0")
            try produce(["2", "3", "-129"], to: "-others", partition: "0")
            let lines = lines(of: try runJob())
            #expect(
                lines.dropFirst().first == "  where: topic -others, partition 0, offset 2",
                "\(lines)"
            )
            // The name of the topic begins as options do.
            let commands = lines.compactMap { line in
                line.firstRange(of: "millrace ").map { String(line[$0.upperBound...]) }
            }
            try #require(commands.count == 2, "\(lines)")
            #expect(commands.allSatisfy { $0.hasSuffix(" -- -others") }, "\(commands)")
            let shown = try Millrace.shell("'\(Millrace.executable.path)' \(commands[0])")
            #expect(shown.output == "-129\n", "\(shown.errors)")
            let deleted = try Millrace.shell("'\(Millrace.executable.path)' \(commands[1])")
            #expect(deleted.status == 0, "\(deleted.errors)")
        }

        @Test func `nobody is told to delete records of a topic that is the job's own`() throws {
            try produce(["behind"], to: "numbers", partition: "0")
            let lines = lines(of: try runJob())
            let place = "  where: topic trapping-by-value-repartition,"
            #expect(lines.dropFirst().first?.hasPrefix(place) == true, "\(lines)")
            #expect(lines.last == "  or: leave the record out with a filter in front of that code")
        }

        @Test(arguments: [
            ("timer", "in a timer", "partition 0, behind topic numbers, offset 0"),
            (
                "call", "in a call of mapAsync",
                "of a record up to topic numbers, partition 0, offset 0"
            ),
        ])
        func `a trap beside the records names what it is behind`(
            value: String,
            what: String,
            place: String
        ) throws {
            try produce([value], to: "numbers", partition: "0")
            let outcome = try runJob()
            let lines = lines(of: outcome)
            #expect(lines.first?.hasSuffix(") \(what)") == true, "\(outcome.errors)")
            #expect(lines.dropFirst().first == "  where: \(place)", "\(outcome.errors)")
        }

        @Test func `a wish for the whole backtrace is left alone`() throws {
            try produce(["128"], to: "numbers", partition: "0")
            _ = try runJob()
            let link = folder.path("Trapping")
            let outcome = try Millrace.shell(
                """
                SWIFT_BACKTRACE=enable=no '\(Millrace.executable.path)' run '\(link)' \
                    --until-caught-up --data '\(data)'
                """
            )
            #expect(outcome.errors.contains("  where: topic numbers, partition 0, offset 0"))
            #expect(!outcome.errors.contains("***"), "\(outcome.errors)")
        }
    }
}
