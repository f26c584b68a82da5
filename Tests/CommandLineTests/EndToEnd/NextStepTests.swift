import Foundation
import Testing

extension EndToEnd {
    /// The command that an error names next can be run as it stands.
    @Suite(.serialized) struct NextStepTests {
        private let folder: TemporaryFolder
        /// A shell would take it for two words.
        private var data: String { folder.path("my data") }
        private static let segment = "00000000000000000000.log"

        init() throws {
            folder = try TemporaryFolder()
            try Millrace.succeed("topic", "create", "lines", "--partitions", "2", "--data", data)
            let input = try folder.write("input", "a\n")
            for partition in ["0", "1"] {
                try Millrace.succeed(
                    "produce",
                    "lines",
                    "--partition",
                    partition,
                    "--data",
                    data,
                    input: input
                )
            }
        }

        private func expect(next: String, after words: String...) throws {
            let outcome = try Millrace.tool(
                Millrace.executable,
                words + ["--data", data],
                input: try folder.write("input", "a\n")
            )
            #expect(outcome.status == 1, "\(words)")
            let wanted = "next: millrace \(next) --data '\(data)'\n"
            #expect(outcome.errors.contains(wanted), "\(words): \(outcome.errors)")
        }

        private func truncate(_ path: String, to count: UInt64) throws {
            let handle = try FileHandle(forWritingTo: URL(filePath: path))
            try handle.truncate(atOffset: count)
            try handle.close()
        }

        @Test func `of a topic or a partition that is not there`() throws {
            try expect(next: "topic list", after: "consume", "linse")
            try expect(next: "topic create other --partitions N", after: "produce", "other")
            // No topic can have this name, so that making one would fail as well.
            try expect(next: "topic list", after: "produce", "an other")
            try expect(
                next: "topic describe lines",
                after: "consume",
                "lines",
                "--partition",
                "2"
            )
            try expect(next: "log dump", after: "log", "dump", "--topic", "linse")
            // Who deletes a topic, or looks into it, does not want to make one.
            try expect(next: "topic list", after: "topic", "delete", "nope")
            try expect(next: "topic list", after: "topic", "describe", "nope")
            try expect(next: "topic list", after: "topic", "alter", "nope", "--partitions", "9")
            try expect(
                next: "topic list",
                after: "topic",
                "delete-records",
                "nope",
                "--before",
                "1"
            )
            try expect(next: "topic list", after: "dlq", "list", "nope")
        }

        @Test func `of an offline partition`() throws {
            try FileManager.default.removeItem(atPath: "\(data)/lines-1")
            let describe = "topic describe lines"
            try expect(next: describe, after: "produce", "lines", "--partition", "1")
            try expect(next: describe, after: "consume", "lines", "--until-end")
        }

        @Test func `of a damaged partition`() throws {
            try truncate("\(data)/lines-0/\(Self.segment)", to: 20)
            try expect(next: "log verify", after: "produce", "lines", "--partition", "0")
            try expect(next: "log verify", after: "consume", "lines", "--until-end")
        }

        /// The folder that is moved away holds more than what the log knows of itself; and what a
        /// person gave up before is not to come back.
        @Test func `what gives up damage keeps users, rules and the cluster's id, each time`()
            throws
        {
            for (partition, user) in ["alice", "bob"].enumerated() {
                let password = try folder.write("password", "a good long password\n")
                try Millrace.succeed("user", "set", user, "--data", data, input: password)
                if user == "bob" {
                    try Millrace.succeed("user", "delete", "alice", "--data", data)
                }
                let more = try folder.write("more", "b\n")
                try Millrace.succeed(
                    "produce",
                    "lines",
                    "--partition",
                    "\(partition)",
                    "--data",
                    data,
                    input: more
                )
                let users = try listedUsers()
                #expect(users.contains(user))
                try truncate("\(data)/lines-\(partition)/\(Self.segment)", to: 20)
                let words = ["consume", "lines", "--partition", "\(partition)", "--until-end"]
                let damaged = try Millrace.tool(
                    Millrace.executable,
                    words + ["--data", data],
                    input: nil
                )
                #expect(damaged.status == 1)
                let found = try #require(damaged.errors.firstMatch(of: /be given up: (.*)\n/))
                #expect(try Millrace.shell(String(found.1)).status == 0, "\(found.1)")
                try Millrace.succeed("topic", "list", "--data", data)
                #expect(try listedUsers() == users)
            }
        }

        private func listedUsers() throws -> String {
            try Millrace.succeed("user", "list", "--json", "--data", data).output
        }

        @Test func `of damage that is met in reading`() throws {
            let input = try folder.write("many", String(repeating: "a line\n", count: 2_000))
            for _ in 0..<3 {
                try Millrace.succeed(
                    "produce",
                    "lines",
                    "--partition",
                    "0",
                    "--data",
                    data,
                    input: input
                )
            }
            // Opening looks at the last batch.
            let file = URL(filePath: "\(data)/lines-0/\(Self.segment)")
            var bytes = try Data(contentsOf: file)
            bytes[1_000] ^= 0x10
            try bytes.write(to: file)
            try expect(next: "log verify", after: "consume", "lines", "--until-end")
        }

        @Test func `of a directory that does not open`() throws {
            try truncate("\(data)/meta.properties", to: 0)
            try expect(next: "log verify", after: "topic", "list")
        }

        @Test(arguments: [["topic", "list"], ["consume", "lines"], ["log", "verify"]])
        func `of a directory whose topics are lost, what helps is named`(words: [String]) throws {
            try FileManager.default.removeItem(atPath: "\(data)/millrace.topics")
            let outcome = try Millrace.tool(
                Millrace.executable,
                words + ["--data", data],
                input: nil
            )
            #expect(outcome.status == 1)
            #expect(
                outcome.errors.contains(
                    "next: put '\(data)/millrace.topics' back from a copy of the directory; "
                        + "until then, what the partitions hold is printed by "
                        + "millrace log dump --records --data '\(data)'\n"
                ),
                "\(outcome.errors)"
            )
            let dump = try Millrace.succeed("log", "dump", "--records", "--data", data)
            #expect(dump.output.contains("value 'a'"))
        }

        @Test func `of names that begin as options do, or that a shell would divide`() throws {
            try Millrace.succeed("topic", "create", "--data", data, "--", "-dash")
            let consume = ["consume", "--until-end", "--data", data]
            for words in [
                consume + ["--partition", "7", "--", "-dash"],
                ["produce", "--partition", "7", "--data", data, "--", "-dash"],
                ["topic", "delete-records", "--before", "9", "--data", data, "--", "-dash"],
                ["topic", "describe", "--data", data, "--", "-d"],
            ] {
                let outcome = try Millrace.tool(
                    Millrace.executable,
                    words,
                    input: try folder.write("input", "a\n")
                )
                #expect(outcome.status == 1, "\(words)")
                let next = try #require(
                    outcome.errors.firstMatch(of: /next: millrace (.*)\n/),
                    "\(outcome.errors)"
                ).1.replacing(" N ", with: " 1 ")
                let pasted = try Millrace.shell("'\(Millrace.executable.path)' \(next)")
                #expect(pasted.status == 0, "\(next): \(pasted.errors)")
            }
        }

        @Test func `of options that are missing, the whole command is named`() throws {
            let outcome = try Millrace.run("topic", "alter", "lines", "--data", data)
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains("next: millrace topic alter --help\n"))
        }
    }
}
