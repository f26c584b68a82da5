import Foundation
import Testing

extension EndToEnd {
    /// Topics that are made, grown, emptied and removed, alone and beside a server.
    @Suite(.serialized) struct TopicChangeTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        /// Whether another process serves the directory meanwhile.
        enum Way: CaseIterable { case alone, beside, bootstrap }

        init() throws { folder = try TemporaryFolder() }

        private func run(_ words: [String], input: String = "") throws -> Millrace.Outcome {
            try Millrace.tool(
                Millrace.executable,
                words,
                input: try folder.write("input", input)
            )
        }

        @discardableResult
        private func succeed(_ words: [String], input: String = "") throws -> Millrace.Outcome {
            let outcome = try run(words, input: input)
            #expect(outcome.status == 0, "\(words.joined(separator: " ")): \(outcome.errors)")
            return outcome
        }

        /// Does `body` with the words that name the log.
        private func with(_ way: Way, _ body: ([String]) throws -> Void) throws {
            guard way != .alone else { return try body(["--data", data]) }
            let owner = try OwnerProcess.serve(data, folder)
            try body(way == .beside ? ["--data", data] : ["--bootstrap", try owner.address])
            try owner.stop()
        }

        @Test(arguments: Way.allCases)
        func `what is refused of a change leaves all of the topic as it was`(way: Way) throws {
            try succeed(["topic", "create", "a", "--partitions", "2", "--data", data])
            try with(way) { log in
                let before = try succeed(["topic", "describe", "a"] + log).output
                let alter = ["topic", "alter", "a", "--partitions"]
                for words in [
                    alter + ["6", "--config", "retention.ms=oops"],
                    alter + ["6", "--config", "no.such=1"],
                    alter + ["1", "--config", "retention.ms=5"],
                ] {
                    let refused = try run(words + log)
                    #expect(refused.status == 1 && refused.output.isEmpty, "\(refused)")
                    #expect(try succeed(["topic", "describe", "a"] + log).output == before)
                }
                let both = try succeed(alter + ["6", "--config", "retention.ms=5"] + log)
                #expect(both.lines == ["changed a: 6 partitions", "changed a: retention.ms=5"])
            }
        }

        @Test func `an option has one value`() throws {
            let twice = ["--config", "retention.ms=1", "--config", "retention.ms=2"]
            for words in [["topic", "create", "a"], ["topic", "alter", "a"]] {
                let refused = try run(words + twice + ["--data", data])
                #expect(refused.status == 64, "\(refused)")
                #expect(refused.errors.contains("--config retention.ms is given twice"))
            }
            let settings = ["--config", "num.partitions=1", "--config", "num.partitions=2"]
            let refused = try run(["serve"] + settings + ["--data", data])
            #expect(refused.status == 64, "\(refused)")
            #expect(refused.errors.contains("--config num.partitions is given twice"))
            #expect(!FileManager.default.fileExists(atPath: data))
        }

        @Test(arguments: Way.allCases)
        func `several topics are made and removed, those that are there are left`(way: Way) throws {
            try succeed(["topic", "create", "first", "--data", data])
            try with(way) { log in
                let made = try succeed(["topic", "create", "a", "b", "--partitions", "2"] + log)
                #expect(
                    made.lines == ["created a with 2 partitions", "created b with 2 partitions"]
                )
                let again = try run(["topic", "create", "c", "a"] + log)
                #expect(again.status == 1)
                #expect(again.output == "" && again.errors.contains("'a' was not made"))
                for word in ["create", "delete"] {
                    let twice = try run(["topic", word, "c", "c"] + log)
                    #expect(twice.status == 64, "\(twice)")
                    #expect(twice.errors.contains("the topic 'c' is given twice"))
                }
                let alike = try run(["topic", "create", "x.y", "x_y"] + log)
                #expect(alike.status == 64 && alike.output.isEmpty, "\(alike)")
                try succeed(["topic", "create", "c", "c", "--if-not-exists"] + log)
                let kept = try succeed(["topic", "create", "a", "d", "--if-not-exists"] + log)
                #expect(
                    kept.lines == [
                        "a is there already, and stays as it is", "created d with 1 partition",
                    ]
                )
                let mistyped = try run(["topic", "delete", "a", "bb"] + log)
                #expect(mistyped.status == 1)
                #expect(mistyped.errors.contains("did you mean 'b'?"))
                #expect(mistyped.output == "")
                let gone = try succeed(["topic", "delete", "a", "b", "c", "d"] + log)
                #expect(gone.lines == ["a", "b", "c", "d"].map { "deleted \($0)" })
                #expect(try succeed(["topic", "list"] + log).lines.count == 2)
            }
        }

        @Test(arguments: Way.allCases)
        func `a topic gets more partitions, and never fewer`(way: Way) throws {
            try succeed(["topic", "create", "a", "--data", data])
            try with(way) { log in
                let grown = try succeed(
                    ["topic", "alter", "a", "--partitions", "3", "--config", "segment.ms=1000"]
                        + log
                )
                #expect(
                    grown.lines == ["changed a: 3 partitions", "changed a: segment.ms=1000"]
                )
                for count in ["3", "2"] {
                    let refused = try run(["topic", "alter", "a", "--partitions", count] + log)
                    #expect(refused.status == 1)
                    #expect(refused.errors.contains("was not given more partitions"))
                    #expect(refused.errors.contains("3 partition(s)"), "\(refused.errors)")
                }
                try succeed(["produce", "a", "--partition", "2"] + log, input: "x\n")
                let found = try succeed(["consume", "a", "--until-end", "--partition", "2"] + log)
                #expect(found.lines == ["x"])
            }
        }

        @Test func `what was not changed of a log that nobody else has is told for certain`() throws
        {
            try succeed(["topic", "create", "a", "--data", data])
            _ = try folder.write("data/a-1/notes.txt", "not a log's")
            let refused = try run(["topic", "alter", "a", "--partitions", "2", "--data", data])
            #expect(refused.status == 1)
            #expect(
                refused.errors.hasPrefix("error: the topic 'a' was not given more partitions\n"),
                "\(refused.errors)"
            )
            #expect(refused.errors.contains("a-1 holds files"), "\(refused.errors)")
            let shown = try succeed(["topic", "list", "--data", data]).lines.last
            #expect(shown?.split(separator: " ").map(String.init) == ["a", "1", "0"])
        }

        @Test(arguments: Way.allCases)
        func `old records are deleted once that is said`(way: Way) throws {
            try succeed(["topic", "create", "a", "--partitions", "2", "--data", data])
            let lines = (0..<10).map { number in
                "{\"partition\":\(number % 2),\"value\":\"\(number)\",\"timestamp\":"
                    + "\(1_000 * (number + 1))}\n"
            }
            try succeed(["produce", "a", "--input", "json", "--data", data], input: lines.joined())
            try with(way) { log in
                let delete = ["topic", "delete-records", "a"]
                let shown = try succeed(delete + ["--before", "1970-01-01T00:00:05Z"] + log)
                #expect(
                    shown.lines == [
                        "PART  START  NEW  OFFSETS", "   0      0    2        2",
                        "   1      0    2        2",
                        "nothing is deleted; --execute deletes it for ever",
                    ]
                )
                let all = ["consume", "a", "--until-end"] + log
                #expect(try succeed(all).lines.count == 10)
                // Asked for as 1970 it would be behind records that are later.
                for words in [
                    delete + ["--before", "1955-01-01T00:00:00Z", "--execute"],
                    ["group", "reset", "g", "--topic", "a", "--to", "1000-01-01T00:00:00Z"],
                ] {
                    let before = try run(words + log)
                    #expect(before.status == 1, "\(before)")
                    #expect(before.errors.contains("no times before 1970"), "\(before.errors)")
                }
                let several = try run(delete + ["--before", "3"] + log)
                #expect(several.status == 64)
                #expect(several.errors.contains("give --partition too"))
                let one = ["--partition", "0", "--execute"] + log
                let done = try succeed(delete + ["--before", "3"] + one)
                #expect(done.lines.last == "deleted a-0 before 3")
                #expect(try succeed(all).lines.sorted() == ["1", "3", "5", "6", "7", "8", "9"])
                let behind = try run(delete + ["--before", "6"] + one)
                #expect(behind.status == 1)
                #expect(behind.errors.contains("offset 6 lies behind the end of a-0"))
                let none = try succeed(delete + ["--before", "1"] + one)
                #expect(none.lines.last == "there was nothing to delete")
                try succeed(delete + ["--before", "2100-01-01", "--execute"] + log)
                #expect(try succeed(all).lines == [])
            }
        }

        @Test func `records that something counts on are not deleted`() throws {
            try succeed(["topic", "create", "lines", "word-counts", "--data", data])
            try succeed(
                ["topic", "create", "c", "--config", "cleanup.policy=compact", "--data", data]
            )
            let compacted = try run(
                ["topic", "delete-records", "c", "--before", "2100-01-01", "--data", data]
            )
            #expect(compacted.status == 1)
            #expect(compacted.errors.contains("it is compacted"), "\(compacted.errors)")
            // A job's own topic: its partitions stay, too.
            let owner = try OwnerProcess.job("WordCount", data, folder)
            try succeed(["produce", "lines", "--data", data], input: "a\n")
            // Once something is counted, the job has all its topics.
            try succeed(["consume", "word-counts", "--max", "1", "--data", data])
            let listed = try succeed(["topic", "list", "--json", "--data", data]).output
            let own = try #require(
                listed.firstMatch(of: /"topic":"(word-count-[^"]*changelog)"/).map { String($0.1) }
            )
            let records = try run(
                ["topic", "delete-records", own, "--before", "2100-01-01", "--data", data]
            )
            #expect(records.status == 1)
            #expect(records.errors.contains("it is that of word-count"), "\(records.errors)")
            for topic in [own, "lines"] {
                let grown = try run(["topic", "alter", topic, "--partitions", "5", "--data", data])
                #expect(grown.status == 1)
                #expect(grown.errors.contains("word-count"), "\(grown.errors)")
            }
            try owner.stop()
        }

        @Test(arguments: Way.allCases)
        func `records are counted where that is asked for`(way: Way) throws {
            try succeed(["topic", "create", "a", "--partitions", "2", "--data", data])
            try succeed(["produce", "a", "--partition", "1", "--data", data], input: "x\ny\nz\n")
            try with(way) { log in
                let describe = ["topic", "describe", "a"] + log
                #expect(try !succeed(describe).output.contains("record"))
                let counted = try succeed(describe + ["--records"]).lines
                #expect(counted.last == "3 records in 3 offsets")
                try succeed(
                    ["topic", "delete-records", "a", "--partition", "1", "--before", "2"] + log
                        + ["--execute"]
                )
                // The log start lies in the middle of the batch.
                let left = try succeed(describe + ["--records"]).lines
                #expect(left.last == "1 record in 1 offset")
                let json = try succeed(describe + ["--records", "--json"]).output
                #expect(json.contains("\"high_watermark\":3,\"records\":1,\"state\""))
            }
        }

        @Test(arguments: Way.allCases)
        func `the defaults stand beside what is set`(way: Way) throws {
            try succeed(
                ["topic", "create", "a", "--config", "retention.ms=60000", "--data", data]
            )
            try with(way) { log in
                let plain = try succeed(["topic", "describe", "a"] + log).output
                #expect(plain.hasPrefix("topic a\noptions\n  retention.ms=60000\n\n"), "\(plain)")
                let all = try succeed(["topic", "describe", "a", "--defaults"] + log).output
                #expect(all.contains("  retention.ms=60000 (default: 604800000)\n"), "\(all)")
                #expect(all.contains("\ndefaults\n  cleanup.policy=delete\n"), "\(all)")
                #expect(!all.contains("\n  retention.ms=604800000\n"))
                let json = try succeed(["topic", "describe", "a", "--json"] + log).output
                #expect(json.contains("\"options\":{\"retention.ms\":\"60000\"},\"defaults\":{"))
                #expect(json.contains("\"retention.ms\":\"604800000\""))
            }
        }
    }
}
