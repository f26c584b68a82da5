import Foundation
import Testing

extension EndToEnd {
    /// What was done about dead letters is not forgotten without a word.
    @Suite(.serialized) struct NoteGuardTests: DirectorySuite {
        private static let letters = "p-dead-letters"
        private static let audit = "p-dead-letters-audit"

        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        private func write(_ values: [String], to topic: String = Self.letters) throws {
            try succeed(
                "produce",
                topic,
                "--header",
                "__streams.errors.topic=p",
                "--header",
                "__streams.errors.partition=0",
                "--header",
                "__millrace.errors.reason=refused",
                input: values.map { "\($0)\n" }.joined()
            )
        }

        /// Three dead letters, of which two are replayed.
        private func fill() throws {
            try succeed("topic", "create", "p", Self.letters)
            try write(["a", "b", "c"])
            try succeed("dlq", "replay", Self.letters, "--where", "offset=0..1")
        }

        private func expect(_ words: [String], refusedWith said: [String]) throws {
            let refused = try run(words)
            #expect(refused.status == 1, "\(words): \(refused)")
            for text in said {
                #expect(refused.errors.contains(text), "\(words): \(refused.errors)")
            }
        }

        @Test(arguments: [false, true])
        func `notes about dead letters are taken away by force alone`(isServed: Bool) throws {
            try fill()
            let owner = isServed ? try OwnerProcess.serve(data, folder) : nil
            let about = [
                "it notes what was done about 2 dead letters of 'p-dead-letters'",
                "next: millrace dlq list p-dead-letters --data ", "--force",
            ]
            try expect(
                ["topic", "delete", Self.audit],
                refusedWith: ["the topic '\(Self.audit)' was not removed"] + about
            )
            let records = ["topic", "delete-records", Self.audit, "--before", "1"]
            #expect(try succeed(records).output.contains("that needs --force as well: it notes"))
            try expect(records + ["--execute"], refusedWith: about)
            for option in ["retention.ms=1", "retention.ms=", "cleanup.policy=compact"] {
                try expect(
                    ["topic", "alter", Self.audit, "--config", option],
                    refusedWith: ["the topic '\(Self.audit)' was not changed", "would forget"]
                )
            }
            try succeed("topic", "alter", Self.audit, "--config", "segment.ms=100000000")
            #expect(try succeed("dlq", "list").output.contains("3 dead letters, 1 open"))

            try forget(records)
            // Both at once, in whichever order, leave nothing open.
            try succeed("dlq", "park", Self.letters, "--all")
            let gone = try succeed("topic", "delete", Self.audit, Self.letters).output
            #expect(gone == "deleted \(Self.letters)\ndeleted \(Self.audit)\n")
            try owner?.stop()
        }

        /// Goes on with notes that are taken away.
        private func forget(_ records: [String]) throws {
            let short = ["topic", "alter", Self.audit, "--config", "retention.ms=900000000"]
            try succeed(short + ["--force"])
            let warned = try succeed("dlq", "list").errors
            #expect(warned.contains("will be forgotten"), "\(warned)")
            #expect(warned.contains("retention.ms is 900000000"), "\(warned)")
            #expect(
                warned.contains("next: millrace topic alter \(Self.audit) --config retention.ms=-1")
            )
            try succeed("topic", "alter", Self.audit, "--config", "retention.ms=-1")
            try succeed(records + ["--execute", "--force"])
            for words in [["list"], ["check", "--max-depth", "5"]] {
                let errors = try succeed(["dlq"] + words).errors
                #expect(errors.contains("before offset 1 are gone"), "\(errors)")
            }
            let replay = ["dlq", "replay", Self.letters, "--all"]
            for words in [replay, replay + ["--dry-run"]] {
                try expect(
                    words,
                    refusedWith: [
                        "3 of these dead letters may have been replayed before: nothing was done",
                        "before offset 1 are gone", "--force",
                    ]
                )
            }
            #expect(try succeed("consume", "p", "--until-end").lines == ["a", "b"])
            let forced = try succeed(replay + ["--max", "1", "--force"])
            #expect(forced.output.contains("replayed"))
        }

        @Test func `open dead letters are deleted as records by force alone`() throws {
            try fill()
            let dealtWith = ["topic", "delete-records", Self.letters, "--before", "2"]
            try succeed(dealtWith + ["--execute"])
            let open = ["topic", "delete-records", Self.letters, "--before", "3", "--execute"]
            try expect(
                open,
                refusedWith: [
                    "no records of '\(Self.letters)' were deleted",
                    "it holds 1 dead letter about which nothing was done yet",
                ]
            )
            #expect(try succeed("dlq", "list").output.contains("1 dead letter, 1 open"))
            try succeed(open + ["--force"])
            #expect(try succeed("dlq", "list").output.contains("no dead letters"))
        }

        @Test func `notes that were copied count for nothing, and that is said`() throws {
            try fill()
            let copy = folder.path("copy")
            for topic in ["p", Self.letters, Self.audit] {
                let made = ["topic", "create", topic, "--config", "retention.ms=-1"]
                _ = try Millrace.tool(Millrace.executable, made + ["--data", copy], input: nil)
                let lines = try succeed(
                    "consume",
                    topic,
                    "--until-end",
                    "--output",
                    "json"
                ).output
                let written = try Millrace.tool(
                    Millrace.executable,
                    ["produce", topic, "--input", "json", "--data", copy],
                    input: try folder.write("lines", lines)
                )
                #expect(written.status == 0, "\(written.errors)")
            }
            func inCopy(_ words: String...) throws -> Millrace.Outcome {
                try Millrace.tool(Millrace.executable, words + ["--data", copy], input: nil)
            }
            let listed = try inCopy("dlq", "list")
            #expect(listed.status == 0)
            #expect(
                listed.errors.contains(
                    "1 note in \(Self.audit) is about another topic of that name"
                ),
                "\(listed.errors)"
            )
            let refused = try inCopy("dlq", "replay", Self.letters, "--all")
            #expect(refused.status == 1)
            #expect(
                refused.errors.contains("3 of these dead letters may have been replayed before"),
                "\(refused.errors)"
            )
            #expect(try inCopy("consume", "p", "--until-end").lines == ["a", "b"])
            #expect(try inCopy("dlq", "drop", Self.letters, "--all", "--reason", "x").status == 0)
            #expect(try inCopy("dlq", "replay", Self.letters, "--all").status == 0)
        }

        @Test func `a topic that was made anew is replayed by force`() throws {
            try fill()
            try succeed("topic", "delete", Self.letters, "--force")
            try succeed("topic", "create", Self.letters)
            try write(["new"])
            #expect(try run(["dlq", "replay", Self.letters, "--all"]).status == 1)
            let forced = try succeed("dlq", "replay", Self.letters, "--all", "--force").output
            #expect(forced.contains("replayed 1 dead letter in"), "\(forced)")
            #expect(try succeed("consume", "p", "--until-end").lines == ["a", "b", "new"])
        }

        @Test func `a note that lost its headers is told as such, with the way on`() throws {
            try fill()
            try succeed("produce", Self.audit, "--key-separator", ":", input: "0:0-1\n")
            try expect(
                ["dlq", "list"],
                refusedWith: [
                    "has the key and value of a note, and no headers", "topic delete \(Self.audit)",
                ]
            )
        }
    }
}
