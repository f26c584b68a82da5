import Foundation
import Testing

extension EndToEnd {
    /// Where dead letters may be replayed to, and where what was done about them is noted.
    @Suite struct LetterTargetTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        private func write(_ value: String, of source: String, to topic: String) throws {
            let words = [
                "produce", topic, "--header", "__streams.errors.topic=\(source)",
                "--header", "__streams.errors.partition=0",
                "--header", "__millrace.errors.reason=refused",
            ]
            let outcome = try run(words, input: value + "\n")
            #expect(outcome.status == 0, "\(outcome.errors)")
        }

        @Test func `notes are not written where they would be forgotten`() throws {
            try succeed("topic", "create", "payments")
            try succeed("topic", "create", "p-dead-letters")
            try write("x", of: "payments", to: "p-dead-letters")
            let audit = "p-dead-letters-audit"
            try succeed("topic", "create", audit)
            let refused = try run(["dlq", "replay", "p-dead-letters", "--all"])
            #expect(refused.status == 1)
            #expect(refused.errors.contains("it would forget that: retention.ms is 604800000"))
            let next = "topic alter \(audit) --config retention.ms=-1"
            #expect(refused.errors.contains(next), "\(refused.errors)")
            #expect(try succeed("consume", "payments", "--until-end").lines.isEmpty)
            try succeed("topic", "alter", audit, "--config", "retention.ms=-1")
            #expect(
                try succeed("dlq", "replay", "p-dead-letters", "--all").output
                    .contains("replayed 1 dead letter")
            )
        }

        @Test func `no letter becomes a note about another topic's`() throws {
            try succeed("topic", "create", "u-dead-letters")
            try succeed("topic", "create", "u-dead-letters-audit")
            try succeed("topic", "create", "v-dead-letters")
            try write("0-4", of: "u-dead-letters-audit", to: "v-dead-letters")
            let told = try succeed("dlq", "replay", "v-dead-letters", "--all").output
            #expect(told.contains("left open: 1 dead letter, from the topic that holds it, or an"))
            #expect(try succeed("consume", "u-dead-letters-audit", "--until-end").lines.isEmpty)
        }

        @Test func `a letter that its topic has no room for is left open, the others are replayed`()
            throws
        {
            try succeed("topic", "create", "small", "--config", "max.message.bytes=1000")
            try succeed("topic", "create", "s-dead-letters")
            for value in ["a", String(repeating: "b", count: 900), "c"] {
                try write(value, of: "small", to: "s-dead-letters")
            }
            // The rehearsal promises what the replay does.
            let rehearsed = try succeed(
                "dlq",
                "replay",
                "s-dead-letters",
                "--all",
                "--dry-run"
            ).output
            #expect(
                rehearsed
                    == "would be replayed to small: 2 dead letters\nleft open: 1 dead letter, "
                    + "larger than its topic takes: raise max.message.bytes there\n"
            )
            let told = try succeed("dlq", "replay", "s-dead-letters", "--all").output
            #expect(
                told.contains("left open: 1 dead letter, larger than its topic takes"),
                "\(told)"
            )
            let back = try succeed("consume", "small", "--until-end", "--format", "%s\\n").lines
            #expect(back.sorted() == ["a", "c"])
        }

        @Test func `a target that takes no letter at all is refused before any is looked at`()
            throws
        {
            try succeed("topic", "create", "own", "--config", "millrace.owner=wc/counts")
            try succeed("topic", "create", "p-dead-letters")
            try write("x", of: "payments", to: "p-dead-letters")
            try succeed("dlq", "park", "p-dead-letters", "--where", "offset=7")
            try succeed("topic", "create", "p-dead-letters-audit", "--config", "retention.ms=-1")
            for (target, words) in [
                ("own", "only a job, or the log itself, writes to it"),
                ("p-dead-letters", "it is the topic that holds these dead letters"),
                ("p-dead-letters-audit", "by its name it is where it is noted"),
                ("nowhere", "does not exist"),
            ] {
                for more in [[], ["--dry-run"]] {
                    let refused = try run(
                        ["dlq", "replay", "p-dead-letters", "--all", "--to", target] + more
                    )
                    #expect(refused.status == 1 && refused.output.isEmpty, "\(refused)")
                    #expect(refused.errors.contains(words), "\(target): \(refused.errors)")
                }
            }
        }
    }
}
