import Foundation
import Testing

extension EndToEnd {
    /// Dead letters and notes about them that no job and no command of ours wrote.
    @Suite struct StrangeLetterTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        private func write(_ value: String, to topic: String, time: String? = nil) throws {
            var words = ["produce", topic, "--header", "__streams.errors.topic=payments"]
            words += ["--header", "__streams.errors.partition=0"]
            words += ["--header", "__millrace.errors.reason=refused"]
            if let time { words += ["--header", "__millrace.errors.timestamp=\(time)"] }
            let outcome = try run(words, input: value + "\n")
            #expect(outcome.status == 0, "\(outcome.errors)")
        }

        @Test func `a strange note stops the list of its topic alone`() throws {
            for topic in ["a-dead-letters", "b-dead-letters", "c-dead-letters"] {
                try succeed("topic", "create", topic)
                try write("x", to: topic)
            }
            try succeed("topic", "create", "b-dead-letters-audit")
            try succeed("produce", "b-dead-letters-audit", input: "0-17\n")
            for words in [["dlq", "list"], ["dlq", "check", "--max-depth", "5"]] {
                let outcome = try run(words)
                #expect(outcome.status == 1)
                #expect(outcome.output.contains("a-dead-letters: 1"))
                #expect(outcome.output.contains("c-dead-letters: 1"))
                #expect(!outcome.output.contains("b-dead-letters"))
                #expect(outcome.errors.contains("b-dead-letters-audit-0 at offset 0"))
            }
            // What is too much in another topic is told by the status all the same.
            #expect(try run(["dlq", "check", "--max-depth", "0"]).status == 2)
        }

        @Test func `letters of times that their topic does not take are left open`() throws {
            try succeed("topic", "create", "payments")
            try succeed("topic", "create", "p-dead-letters")
            let now = Int64(Date().timeIntervalSince1970 * 1000)
            for (value, time) in [
                ("good", "\(now)"), ("max", "\(Int64.max)"), ("min", "\(Int64.min)"),
                ("tomorrow", "\(now + 86_400_000)"), ("also good", "\(now - 1000)"),
            ] {
                try write(value, to: "p-dead-letters", time: time)
            }
            let rehearsed = try succeed(
                "dlq",
                "replay",
                "p-dead-letters",
                "--all",
                "--dry-run"
            ).output
            let replayed = try succeed("dlq", "replay", "p-dead-letters", "--all").output
            for told in [rehearsed, replayed] {
                #expect(told.contains("left open: 3 dead letters, with a timestamp"), "\(told)")
            }
            #expect(replayed.contains("replayed 2 dead letters"))
            let back = try succeed("consume", "payments", "--until-end", "--format", "%s\\n").lines
            #expect(back.sorted() == ["also good", "good"])
        }

        @Test func `names in tables cannot act on a terminal`() throws {
            try succeed("topic", "create", "t")
            try succeed("produce", "t", input: "x\n")
            let name = "g\u{1B}[2J\nother"
            try succeed("consume", "t", "--until-end", "--group", name)
            let list = try succeed("group", "list").output
            #expect(list.contains("g\\u{1b}[2J\\u{a}other"), "\(list)")
            let described = try succeed("group", "describe", name).output
            for output in [list, described] {
                #expect(!output.unicodeScalars.contains("\u{1B}"), "\(output)")
            }
        }
    }
}
