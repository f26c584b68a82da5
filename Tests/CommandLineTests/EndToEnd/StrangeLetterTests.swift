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

        @Test func `a note that cannot be read stops the list of its topic alone`() throws {
            for topic in ["a-dead-letters", "b-dead-letters", "c-dead-letters"] {
                try succeed("topic", "create", topic)
                try write("x", to: topic)
            }
            try succeed("topic", "create", "b-dead-letters-audit")
            try succeed(
                "produce",
                "b-dead-letters-audit",
                "--header",
                "__millrace.audit.version=2",
                input: "0-17\n"
            )
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

        @Test func `a record that is no note is told and passed over, what may be one stops`()
            throws
        {
            let (letters, audit) = ("a-dead-letters", "a-dead-letters-audit")
            try succeed("topic", "create", letters)
            try succeed("topic", "create", "payments")
            try write("first", to: letters)
            try succeed("dlq", "replay", letters, "--all")
            try write("second", to: letters)
            let foreign = ["hello\n", "0-17\n", "k:0-17\n", "0:0-17,\n"]
            for line in foreign {
                try succeed("produce", audit, "--key-separator", ":", input: line)
            }
            let told = try succeed("dlq", "list")
            #expect(told.output.contains("2 dead letters, 1 open"), "\(told.output)")
            #expect(
                told.errors.contains("warning: 4 records, the first at offset 2 of \(audit)-0"),
                "\(told.errors)"
            )
            let replayed = try succeed("dlq", "replay", letters, "--all")
            #expect(replayed.output.contains("replayed 1 dead letter"), "\(replayed.output)")
            #expect(replayed.errors.contains("passed over"))
            // A note that lost its headers on its way here.
            try succeed("produce", audit, "--key-separator", ":", input: "0:0-1\n")
            let refused = try run(["dlq", "replay", letters, "--all"])
            #expect(refused.status == 1)
            #expect(refused.errors.contains("the key and value of a note, and no headers"))
            let values = try succeed("consume", "payments", "--until-end").lines
            #expect(values == ["first", "second"])
        }

        @Test(arguments: [false, true])
        func `a topic of open dead letters is deleted by force alone`(isServed: Bool) throws {
            let letters = "a-dead-letters"
            try succeed("topic", "create", letters, "payments", "empty-dead-letters", "other")
            for value in ["first", "second"] { try write(value, to: letters) }
            // One of another name is known by the notes about it.
            for value in ["third", "fourth"] { try write(value, to: "other") }
            try succeed("dlq", "park", "other", "--where", "offset=0")
            let owner = isServed ? try OwnerProcess.serve(data, folder) : nil
            let refused = try run(["topic", "delete", "payments", letters])
            #expect(refused.status == 1 && refused.output.isEmpty, "\(refused)")
            for words in [
                "the topic 'a-dead-letters' was not removed",
                "it holds 2 dead letters about which nothing was done yet",
                "next: millrace dlq list a-dead-letters --data ", "topic delete --force removes",
            ] { #expect(refused.errors.contains(words), "\(refused.errors)") }
            try succeed("dlq", "drop", letters, "--where", "offset=0", "--reason", "old")
            for topic in [letters, "other"] {
                let one = try run(["topic", "delete", topic])
                #expect(one.status == 1)
                #expect(one.errors.contains("it holds 1 dead letter about"), "\(one.errors)")
            }
            try succeed("dlq", "park", letters, "--all")
            try succeed("topic", "delete", letters, "empty-dead-letters", "payments")
            try succeed("topic", "create", letters)
            try write("third", to: letters)
            // The notes are about the topic that was there before.
            #expect(try run(["topic", "delete", letters]).status == 1)
            try succeed("topic", "delete", letters, "--force")
            try owner?.stop()
        }

        @Test func `records without headers of a failure are no dead letters`() throws {
            try succeed("topic", "create", "payments", "empty")
            try succeed("produce", "payments", input: "a\nb\n")
            for words in [
                ["list", "payments"], ["check", "payments", "--max-depth", "5"],
                ["show", "payments"], ["replay", "payments", "--all"],
                ["park", "payments", "--all"], ["drop", "payments", "--all", "--reason", "x"],
            ] {
                let refused = try run(["dlq"] + words)
                #expect(refused.status == 1 && refused.output.isEmpty, "\(words): \(refused)")
                #expect(
                    refused.errors.contains("none of the 2 records there has one"),
                    "\(words): \(refused.errors)"
                )
            }
            #expect(try succeed("topic", "list").output.contains("payments-audit") == false)
            #expect(try succeed("dlq", "list", "empty").output == "empty: no dead letters\n")
            // Among others only letters count, and only they are dealt with.
            try succeed("topic", "create", "p-dead-letters")
            try succeed("produce", "p-dead-letters", input: "none\n")
            try write("letter", to: "p-dead-letters")
            try succeed("produce", "p-dead-letters", input: "none\n")
            let listed = try succeed("dlq", "list").output
            #expect(listed.contains("p-dead-letters: 1 dead letter, 1 open"), "\(listed)")
            let replayed = try succeed("dlq", "replay", "p-dead-letters", "--all").output
            #expect(replayed.contains("replayed 1 dead letter "), "\(replayed)")
            let values = try succeed("consume", "payments", "--until-end").lines
            #expect(values == ["a", "b", "letter"])
            // What was replayed is a record again, and no letter.
            #expect(try run(["dlq", "list", "payments"]).status == 1)
        }

        @Test func `JSON has texts as they are, and what is left out is said`() throws {
            let letters = "j-dead-letters"
            try succeed("topic", "create", letters)
            for reason in ["\"a\\u001b[2J\\nb\"", "\"-\"", "null"] {
                let header = "{\"key\":\"__millrace.errors.reason\",\"value\":\(reason)}"
                let topic = "{\"key\":\"__streams.errors.topic\",\"value\":\"p\"}"
                let headers = reason == "null" ? topic : "\(topic),\(header)"
                try succeed(
                    "produce",
                    letters,
                    "--input",
                    "json",
                    input: "{\"value\":\"x\",\"headers\":[\(headers)]}\n"
                )
            }
            let lines = try succeed("dlq", "list", "--group-by", "reason", "--json").lines
            let found = try lines.map { line -> String in
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
                let reason = (object as? [String: Any])?["reason"]
                return reason is NSNull ? "(null)" : reason as? String ?? "(none)"
            }
            #expect(found.sorted() == ["(null)", "-", "a\u{1b}[2J\nb"])

            let more = "there are more than the 2 dead letters shown here: --max N"
            let shown = try succeed("dlq", "show", letters, "--max", "2")
            #expect(shown.output.contains(more) && shown.errors.isEmpty, "\(shown)")
            let asJSON = try succeed("dlq", "show", letters, "--max", "2", "--json")
            #expect(asJSON.lines.count == 2 && asJSON.errors.contains(more), "\(asJSON)")
            let all = try succeed("dlq", "show", letters, "--max", "3")
            #expect(!all.output.contains("there are more") && all.errors.isEmpty, "\(all)")
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

        /// A record of this key and time.
        private func record(_ value: String, key: String, time: Int, in topic: String) throws {
            try succeed(
                "produce",
                topic,
                "--input",
                "json",
                input: #"{"value":"\#(value)","key":"\#(key)","timestamp":\#(time)}"# + "\n"
            )
        }

        /// A letter that left its record's value out, and the key where it tells of none.
        private func leaveOut(_ offset: Int, key: String?, time: Int, in topic: String) throws {
            let headers = [
                "__streams.errors.topic=payments", "__streams.errors.partition=0",
                "__streams.errors.offset=\(offset)", "__millrace.errors.timestamp=\(time)",
                "__millrace.errors.left-out=" + (key == nil ? "value,headers,key" : "value"),
            ]
            try succeed(
                ["produce", topic, "--key-separator", ":", "--null", "none"]
                    + headers.flatMap { ["--header", $0] },
                input: "\(key ?? "none"):none\n"
            )
        }

        @Test func `a letter takes no record of a topic that was made anew`() throws {
            let letters = "p-dead-letters"
            let now = Int(Date().timeIntervalSince1970 * 1000)
            try succeed("topic", "create", letters)
            try succeed("topic", "create", "payments")
            for offset in 0..<4 { try record("r\(offset)", key: "k", time: now, in: "payments") }
            // Of these four the first two know another time or key than what is there now.
            try leaveOut(0, key: "k", time: now - 1, in: letters)
            try leaveOut(1, key: "other", time: now, in: letters)
            try leaveOut(2, key: "k", time: now, in: letters)
            try leaveOut(3, key: nil, time: now, in: letters)
            let shown = try succeed("dlq", "show", letters).lines.filter { $0.contains("source ") }
            #expect(
                shown.map { String($0.split(separator: " ").last ?? "") }
                    == ["gone", "gone", "there", "there"],
                "\(shown)"
            )
            let rehearsed = try succeed("dlq", "replay", letters, "--all", "--dry-run").output
            let replayed = try succeed("dlq", "replay", letters, "--all").output
            for told in [rehearsed, replayed] {
                #expect(told.contains("left open: 2 dead letters, left out bytes"), "\(told)")
            }
            let values = try succeed("consume", "payments", "--until-end").lines
            #expect(values == ["r0", "r1", "r2", "r3", "r2", "r3"])
        }

        @Test func `a letter without a record goes nowhere, and one without a key into no table`()
            throws
        {
            let letters = "p-dead-letters"
            try succeed("topic", "create", letters)
            try succeed("topic", "create", "elsewhere")
            try succeed("topic", "create", "payments", "--config", "cleanup.policy=compact")
            try succeed("produce", letters, "--header", "__millrace.errors.job=j", input: "timer\n")
            try write("keyless", to: letters)
            try succeed(
                "produce",
                letters,
                "--key-separator",
                ":",
                "--header",
                "__streams.errors.topic=payments",
                "--header",
                "__streams.errors.partition=0",
                input: "k:good\n"
            )
            for words in [["--dry-run"], []] {
                let told = try succeed(["dlq", "replay", letters, "--all"] + words).output
                #expect(told.contains("left open: 1 dead letter, without the record"), "\(told)")
                #expect(told.contains("left open: 1 dead letter, without a key"), "\(told)")
            }
            #expect(try succeed("consume", "payments", "--until-end").lines == ["good"])
            let told = try succeed("dlq", "replay", letters, "--all", "--to", "elsewhere").output
            #expect(told.contains("left open: 1 dead letter, without the record"), "\(told)")
            #expect(try succeed("consume", "elsewhere", "--until-end").lines == ["keyless"])
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
