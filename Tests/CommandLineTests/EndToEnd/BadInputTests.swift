import Foundation
import Testing

extension EndToEnd {
    /// What cannot be done is said clearly, and nothing is lost.
    @Suite(.serialized) struct BadInputTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws { folder = try TemporaryFolder() }

        private func expectFailure(
            _ words: String...,
            status: Int32 = 1,
            input: URL? = nil,
            says texts: [String]
        ) throws {
            let outcome = try Millrace.tool(Millrace.executable, words, input: input)
            #expect(outcome.status == status, "\(outcome.output)\(outcome.errors)")
            #expect(outcome.errors.hasPrefix("error: ") || outcome.errors.contains("\nerror: "))
            for text in texts { #expect(outcome.errors.contains(text), "\(outcome.errors)") }
        }

        private func lines(_ texts: String...) throws {
            try Millrace.succeed("topic", "create", "lines", "--partitions", "2", "--data", data)
            let input = try folder.write("input", texts.map { $0 + "\n" }.joined())
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
        }

        @Test func `an unknown topic`() throws {
            try lines("a")
            try expectFailure(
                "consume",
                "linse",
                "--until-end",
                "--data",
                data,
                says: ["the topic 'linse' does not exist", "did you mean 'lines'?"]
            )
            try expectFailure(
                "produce",
                "other",
                "--data",
                data,
                says: ["millrace topic create other"]
            )
        }

        @Test func `an unknown partition`() throws {
            try lines("a")
            try expectFailure(
                "consume",
                "lines",
                "--partition",
                "2",
                "--data",
                data,
                says: ["has no partition 2", "it has 2, counted from 0"]
            )
        }

        @Test func `a data directory that is not there`() throws {
            try expectFailure(
                "topic",
                "list",
                "--data",
                data,
                says: ["there is no data directory", "millrace topic create"]
            )
            #expect(!FileManager.default.fileExists(atPath: data))
        }

        @Test(arguments: ["__consumer_offsets", "__transaction_state"])
        func `records for an internal topic`(topic: String) throws {
            try lines("a")
            try Millrace.succeed("consume", "lines", "--group", "g", "--until-end", "--data", data)
            try expectFailure(
                "produce",
                topic,
                "--data",
                data,
                input: try folder.write("record", "value\n"),
                says: [topic]
            )
            let left = try Millrace.succeed("consume", "lines", "--until-end", "--data", data)
            #expect(left.lines == ["a"])
        }

        @Test(arguments: ["a b", ".", "..", "a/b", "ü", String(repeating: "x", count: 250)])
        func `a topic name that Kafka refuses`(name: String) throws {
            try expectFailure(
                "topic",
                "create",
                name,
                "--data",
                data,
                says: ["Topic name is invalid"]
            )
        }

        @Test func `a topic that exists`() throws {
            try lines("a")
            try expectFailure(
                "topic",
                "create",
                "lines",
                "--data",
                data,
                says: ["already exists"]
            )
        }

        @Test func `an unknown topic option`() throws {
            try expectFailure(
                "topic",
                "create",
                "a",
                "--config",
                "no.such.option=1",
                "--data",
                data,
                says: ["no.such.option"]
            )
        }

        @Test(arguments: [
            ["topic", "create", "a", "--partitions", "0"], ["produce"], ["consume", "a", "--form"],
            ["run", "Jobs/WordCount", "--commit-interval", "100"], ["tpic"],
            ["produce", "a", "--x"],
            ["run", "Jobs/WordCount", "--guarantee", "at-least-once"],
            ["run", "Jobs/WordCount", "--commit-interval", "15m"], ["topic", "alter", "a"],
            ["consume", "a", "--group", ""], ["produce", "a", "--key-separator", ""],
        ])
        func `options that make no sense end with 64`(words: [String]) throws {
            let outcome = try Millrace.tool(Millrace.executable, words, input: nil)
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains("next: "))
        }

        @Test func `an unknown job folder, one that is no job, and a file that is no program`()
            throws
        {
            try expectFailure(
                "run",
                folder.path("nothing"),
                "--data",
                data,
                says: ["there is no job", "millrace new"]
            )
            try expectFailure(
                "run",
                folder.url.path,
                "--data",
                data,
                says: ["it has no Package.swift"]
            )
            let file = try folder.write("file", "text")
            try expectFailure(
                "describe",
                file.path,
                says: ["the job is not a program"]
            )
        }

        @Test func `a job that does not compile: the compiler's words, then ours`() throws {
            let job = folder.path("Broken")
            try Millrace.succeed("new", "Broken", "--path", job)
            _ = try folder.write(
                "Broken/Sources/Broken/Wrong.swift",
                "let number: Int = \"text\"\n"
            )
            try lines("a")
            try expectFailure(
                "run",
                job,
                "--data",
                data,
                "--until-caught-up",
                says: ["cannot convert value of type 'String'", "the job does not compile"]
            )
            let left = try Millrace.succeed("consume", "lines", "--until-end", "--data", data)
            #expect(left.lines == ["a"])
        }

        @Test func `a job whose input topic is missing names the command that makes it`() throws {
            try Millrace.succeed("topic", "create", "other", "--data", data)
            try expectFailure(
                "run",
                "Jobs/WordCount",
                "--data",
                data,
                "--until-caught-up",
                says: ["the input topic 'lines' does not exist", "millrace topic create lines"]
            )
        }

        @Test func `a job whose changelog has another partition count`() throws {
            try lines("a")
            try Millrace.succeed(
                "topic",
                "create",
                "word-count-counts-changelog",
                "--partitions",
                "3",
                "--data",
                data
            )
            try expectFailure(
                "run",
                "Jobs/WordCount",
                "--data",
                data,
                "--until-caught-up",
                says: ["word-count-counts-changelog", "3", "2"]
            )
        }

        @Test func `a record that the serde refuses stops the job, or is skipped and counted`()
            throws
        {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let input = folder.url.appending(path: "bytes")
            try Data([0x6F, 0x6B, 10, 0xFF, 0xFE, 10, 0x65, 0x6E, 0x64, 10]).write(to: input)
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
            try expectFailure(
                "run",
                "Jobs/WordCount",
                "--data",
                data,
                "--until-caught-up",
                says: ["lines", "partition 0", "offset 1", "UTF-8"]
            )
            let skipped = try Millrace.countWords(in: data, "--on-decode-error", "skip")
            #expect(skipped.output.contains("1 skipped"))
            let counts = try Millrace.consumeCounts(of: data, "--format", "%k\\n")
            #expect(counts.lines == ["ok", "end"])
        }

        @Test func `a data directory in use names its owner`() throws {
            try lines("a")
            let output = folder.url.appending(path: "output")
            let owner = try Millrace.start(
                Millrace.executable,
                ["consume", "lines", "--data", data],
                input: nil,
                output: output,
                errors: folder.url.appending(path: "errors")
            )
            defer {
                owner.terminate()
                owner.waitUntilExit()
            }
            // Once it has printed the record, it owns the directory.
            while try Data(contentsOf: output).isEmpty, owner.isRunning { usleep(10_000) }
            try expectFailure(
                "topic",
                "list",
                "--data",
                data,
                says: ["the data directory is in use", "\(owner.processIdentifier)"]
            )
        }

        @Test func `a data directory of a newer version`() throws {
            try lines("a")
            let file = folder.url.appending(path: "data/meta.properties")
            let text = try String(contentsOf: file, encoding: .utf8)
            let newer = text.replacing("format=2", with: "format=99")
                .replacing("reader=2", with: "reader=99")
            #expect(newer != text)
            try newer.write(to: file, atomically: true, encoding: .utf8)
            try expectFailure("topic", "list", "--data", data, says: ["99", "newer program"])
        }

        @Test func `a damaged record is told with its place and is not printed`() throws {
            try lines("a first line", "a second line")
            let dump = try Millrace.succeed("log", "dump", "--data", data).lines
            let segment = try #require(
                zip(dump, dump.dropFirst()).first { $1.contains("records 2") }?.0
            )
            var bytes = try Data(contentsOf: URL(filePath: segment))
            bytes[bytes.count - 4] ^= 0x10
            try bytes.write(to: URL(filePath: segment))
            let outcome = try Millrace.run("consume", "lines", "--until-end", "--data", data)
            #expect(outcome.status == 1)
            #expect(outcome.output == "")
            #expect(outcome.errors.contains("millrace log verify"))
            let damage = try Millrace.run("log", "dump", "--data", data)
            #expect(damage.status == 1)
            #expect(damage.output.contains("damaged at byte 0"))
        }

        @Test func `input that cannot be read loses nothing that was read before`() throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let input = try folder.write("good", "kept\n")
            try expectFailure(
                "produce",
                "lines",
                input.path,
                folder.path("absent"),
                "--data",
                data,
                says: ["cannot open a file", "absent", "the first line of the input"]
            )
            let left = try Millrace.succeed("consume", "lines", "--until-end", "--data", data)
            #expect(left.lines == ["kept"])
        }

        @Test func `an offset behind the end of everything`() throws {
            try lines("a", "b")
            func consume(_ words: String...) throws -> Millrace.Outcome {
                try Millrace.tool(
                    Millrace.executable,
                    ["consume", "lines", "--until-end", "--data", data] + words,
                    input: nil
                )
            }
            let refused = try consume("--from", "3")
            #expect(refused.status == 1)
            #expect(refused.errors.contains("offset 3 lies behind the end"))
            #expect(refused.errors.contains("ends at 2"))
            let atEnd = try consume("--from", "2")
            #expect(atEnd.status == 0 && atEnd.output == "")
            #expect(try consume("--from", "1").lines == ["b"])
        }

        @Test(arguments: [("INT", 0), ("QUIT", 131), ("TERM", 0)])
        func `a reader in the background ends at a signal`(
            signal: String,
            status: Int32
        ) throws {
            try lines("a")
            let outcome = try Millrace.shell(
                "trap '' INT QUIT; '\(Millrace.executable.path)' consume lines --data '\(data)' "
                    + "> '\(folder.path("out"))' & while ! [ -s '\(folder.path("out"))' ]; "
                    + "do sleep 0.05; done; kill -\(signal) $!; wait $!"
            )
            #expect(outcome.status == status, "\(outcome.errors)")
        }
    }
}
