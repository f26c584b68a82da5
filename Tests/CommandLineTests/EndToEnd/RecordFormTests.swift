import Foundation
import Testing

extension EndToEnd {
    /// Records in every form that `produce` and `consume` have, alone and beside a server.
    @Suite(.serialized) struct RecordFormTests: DirectorySuite {
        let folder: TemporaryFolder
        private var millrace: String { "'\(Millrace.executable.path)'" }

        init() throws { folder = try TemporaryFolder() }

        private func consume(_ words: String...) throws -> [String] {
            try succeed(["consume"] + words + ["--until-end"]).lines
        }

        private func create(_ topics: String..., partitions: Int = 1) throws {
            try succeed(["topic", "create"] + topics + ["--partitions", "\(partitions)"])
        }

        /// Records with all that is hard: null, empty, no UTF-8, control characters, headers of one
        /// name, times in no order.
        private static let hostile = [
            #"{"partition":2,"timestamp":1700000000000,"key":"k","value":"v"}"#,
            #"{"partition":2,"timestamp":5,"key":null,"value":""}"#,
            #"{"partition":0,"timestamp":1600000000001,"key":"","value":null}"#,
            #"{"partition":1,"timestamp":0,"key_base64":"/wA=","value_base64":"gIE="}"#,
            #"{"partition":1,"timestamp":7,"value":"\u0000\n\r\t\"\\é𝄞","headers":"#
                + #"[{"key":"h","value":"1"},{"key":"h","value":null},{"key":"","value":""},"#
                + #"{"key_base64":"/w==","value_base64":"/g=="}]}"#,
        ]

        @Test(arguments: [false, true])
        func `a topic that is consumed as JSON and produced again is the same`(
            isServed: Bool
        ) throws {
            try create("a", "b", partitions: 3)
            try succeed(
                ["produce", "a", "--input", "json"],
                input: Self.hostile.joined(separator: "\n") + "\n"
            )
            let owner = isServed ? try OwnerProcess.serve(data, folder) : nil
            // One after the other: a directory that nobody serves has one owner at a time.
            let file = folder.path("copy")
            let copied = try Millrace.shell(
                "\(millrace) consume a --until-end --output json --data '\(data)' > '\(file)'"
                    + " && \(millrace) produce b --input json --data '\(data)' < '\(file)'"
            )
            #expect(copied.status == 0, "\(copied.errors)")
            let first = try succeed(["consume", "a", "--until-end", "--output", "json"]).output
            let second = try succeed(["consume", "b", "--until-end", "--output", "json"]).output
            #expect(first.split(separator: "\n").count == Self.hostile.count)
            #expect(first.replacing(#""topic":"a""#, with: #""topic":"b""#) == second)
            #expect(first.contains(#""key":null,"value":"""#))
            #expect(first.contains(#""key":"","value":null"#))
            #expect(first.contains(#""key_base64":"/wA=","value_base64":"gIE=""#))
            #expect(first.contains(#"[{"key":"h","value":"1"},{"key":"h","value":null}"#))
            try owner?.stop()
        }

        @Test func `keys and values with their lengths come back byte for byte`() throws {
            try create("a", "b")
            try succeed(
                ["produce", "a", "--input", "json", "--ignore-partitions"],
                input: Self.hostile.joined(separator: "\n") + "\n"
            )
            let (first, second) = (folder.path("first"), folder.path("second"))
            let form = "--until-end --output length-prefixed --data '\(data)'"
            let copied = try Millrace.shell(
                "\(millrace) consume a \(form) > '\(first)' && "
                    + "\(millrace) produce b '\(first)' --input length-prefixed --data '\(data)' "
                    + "&& "
                    + "\(millrace) consume b \(form) > '\(second)'"
            )
            #expect(copied.status == 0, "\(copied.errors)")
            let bytes = try Data(contentsOf: URL(filePath: first))
            #expect(bytes == (try Data(contentsOf: URL(filePath: second))))
            let expected: [(key: [UInt8]?, value: [UInt8]?)] = [
                (Array("k".utf8), Array("v".utf8)), (nil, []), ([], nil),
                ([0xFF, 0], [0x80, 0x81]), (nil, Array("\0\n\r\t\"\\é𝄞".utf8)),
            ]
            #expect(
                Array(bytes)
                    == expected.flatMap { Self.prefixed($0.key) + Self.prefixed($0.value) }
            )
        }

        private static func prefixed(_ part: [UInt8]?) -> [UInt8] {
            let length = Int32(part?.count ?? -1)
            return withUnsafeBytes(of: length.bigEndian) { Array($0) } + (part ?? [])
        }

        @Test func `input that is cut off or has no lengths is refused, what came before is kept`()
            throws
        {
            try create("a")
            let whole = Self.prefixed(nil) + Self.prefixed([65])
            for (rest, words) in [
                (Array(whole.dropLast()), "record 2 is cut off"),
                ([0xFF, 0xFF, 0xFF, 0xFE], "record 2 has a length of -2"),
                ([0x7F, 0xFF, 0xFF, 0xFF], "record 2 has lengths that no record can have"),
            ] {
                let file = folder.url.appending(path: "input")
                try Data(whole + rest).write(to: file)
                let outcome = try run(["produce", "a", "--input", "length-prefixed", file.path])
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains("error: \(words)\n"), "\(outcome.errors)")
                #expect(outcome.errors.contains("the first record of the input is in the topic"))
            }
            #expect(try consume("a") == ["A", "A", "A"])
        }

        @Test func `a line that is no record is named, and what came before it is there`() throws {
            try create("a")
            let outcome = try run(
                ["produce", "a", "--input", "json"],
                input: "{\"value\":\"1\"}\n{\"vlaue\":\"2\"}\n"
            )
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("line 2 of standard input"), "\(outcome.errors)")
            #expect(outcome.errors.contains("did you mean value?"))
            #expect(outcome.errors.contains("the first line of the input is in the topic"))
            #expect(try consume("a") == ["1"])
        }

        @Test func `a partition that is not there is refused, or left to the key`() throws {
            try create("a")
            let line = "{\"partition\":1,\"value\":\"v\"}\n"
            let outcome = try run(["produce", "a", "--input", "json"], input: line)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("no partition 1"))
            #expect(outcome.errors.contains("next: --ignore-partitions"))
            try succeed(["produce", "a", "--input", "json", "--ignore-partitions"], input: line)
            try succeed(["produce", "a", "--input", "json", "--partition", "0"], input: line)
            #expect(try consume("a") == ["v", "v"])
        }

        @Test func `a byte order mark in front of JSON is passed over, in each file`() throws {
            try create("a")
            let mark = "\u{FEFF}"
            let first = try folder.write("first", mark + "{\"value\":\"1\"}\n{\"value\":\"2\"}\n")
            let second = try folder.write("second", mark + "{\"value\":\"3\"}")
            let empty = try folder.write("empty", mark)
            try succeed(
                ["produce", "a", "--input", "json", first.path, empty.path, second.path]
            )
            #expect(try consume("a") == ["1", "2", "3"])
            let inside = try run(
                ["produce", "a", "--input", "json"],
                input: "{\"value\":\"4\"}\n\(mark){\"value\":\"5\"}\n"
            )
            #expect(inside.status == 1)
            #expect(inside.errors.contains("line 2 of standard input"), "\(inside.errors)")
            // A line of text is its bytes.
            try create("b")
            try succeed(["produce", "b"], input: mark + "x\n")
            #expect(try consume("b", "--value", "hex") == ["efbbbf78"])
        }

        @Test(arguments: [false, true])
        func `records that retention deletes soon are counted in a warning`(
            isServed: Bool
        ) throws {
            try create("a", "b", "c")
            try succeed("topic", "alter", "b", "--config", "retention.ms=-1")
            try succeed("topic", "alter", "c", "--config", "message.timestamp.type=LogAppendTime")
            let lines =
                "{\"value\":\"1\",\"timestamp\":5}\n{\"value\":\"2\"}\n"
                + "{\"value\":\"3\",\"timestamp\":6}\n"
            let owner = isServed ? try OwnerProcess.serve(data, folder) : nil
            let old = try succeed(["produce", "a", "--input", "json"], input: lines)
            for words in [
                "warning: 2 records are older than 'a' keeps records",
                "the oldest is of 1970-01-01T00:00:00.005Z",
                "next: millrace topic alter a --config retention.ms=-1 --data ",
                "message.timestamp.type=LogAppendTime",
            ] { #expect(old.errors.contains(words), "\(old.errors)") }
            let more = try run(["produce", "a", "--input", "json"], input: lines + "{}\n")
            #expect(more.status == 1)
            #expect(more.errors.contains("warning: 2 records are older"), "\(more.errors)")
            for topic in ["b", "c"] {
                let kept = try succeed(["produce", topic, "--input", "json"], input: lines)
                #expect(kept.errors.isEmpty, "\(kept.errors)")
            }
            try owner?.stop()
        }

        @Test func `JSON in another encoding is told as that`() throws {
            try create("a")
            let file = folder.url.appending(path: "input")
            try Data([0xFF, 0xFE, 0x7B, 0, 0x7D, 0, 0x0A, 0]).write(to: file)
            let outcome = try run(["produce", "a", "--input", "json", file.path])
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("error: the input is UTF-16"), "\(outcome.errors)")
            #expect(outcome.errors.contains("next: iconv -f UTF-16 -t UTF-8"))
        }

        @Test(arguments: [
            ["produce", "a", "--delimiter", "\\q"], ["produce", "a", "--key-separator", "\\e"],
            ["produce", "a", "--null", "\\x1"], ["consume", "a", "--format", "%s\\q"],
            ["consume", "a", "--null", "\\N"],
        ])
        func `an unknown escape is refused with those that there are`(words: [String]) throws {
            let outcome = try run(words)
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains(#"\n, \r, \t, \0, \xHH or \\"#), "\(outcome.errors)")
            #expect(outcome.errors.contains("--" + words[2].drop { $0 == "-" } + " takes"))
        }

        @Test func `headers of the command line stand behind a record's own`() throws {
            try create("a")
            try succeed(
                ["produce", "a", "--input", "json", "--header", "x=1"],
                input: "{\"value\":\"v\",\"headers\":[{\"key\":\"x\",\"value\":\"0\"}]}\n"
            )
            #expect(try consume("a", "--format", "%h\\n") == ["x=0,x=1"])
        }

        @Test(arguments: [
            (["produce", "a", "--input", "json", "--null", "x"], "--null is for lines of text"),
            (["produce", "a", "--input", "json", "--delimiter", "x"], "--delimiter is for lines"),
            (["produce", "a", "--ignore-partitions"], "--ignore-partitions is for --input json"),
            (["consume", "a", "--output", "json", "--format", "%s"], "--format is for --output"),
            (["consume", "a", "--output", "json", "--null", "x"], "--null is for --output text"),
            (["consume", "a", "--last", "1", "--from", "0"], "give either --from or --last"),
            (["consume", "a", "--regex", "("], "is no regular expression"),
            (["consume"], "TOPIC is missing"),
            (["topic", "delete-records", "a"], "give what stays"),
        ])
        func `options that mean nothing together are refused`(
            words: [String],
            said: String
        ) throws {
            let outcome = try run(words)
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains(said), "\(outcome.errors)")
        }

        @Test func `null is told from empty, in and out`() throws {
            try create("a")
            try succeed(
                ["produce", "a", "--key-separator", ":", "--null", "NULL"],
                input: "NULL:v\nk:NULL\n:\nNULLX:NULL\nNULL\n"
            )
            let format = ["--format", "[%k|%s] %K %S\\n"]
            #expect(
                try consume(["a", "--null", "-"] + format) == [
                    "[-|v] -1 1", "[k|-] 1 -1", "[|] 0 0", "[NULLX|-] 5 -1", "[-|-] -1 -1",
                ]
            )
            #expect(try consume(["a"] + format).first == "[|v] -1 1")
            try succeed(["produce", "a", "--null", ""], input: "\n")
            #expect(
                try consume("a", "--from", "5", "--null", "~", "--value", "int64") == ["~"]
            )
        }

        private func consume(_ words: [String]) throws -> [String] {
            try succeed(["consume"] + words + ["--until-end"]).lines
        }

        @Test func `records end where the delimiter says`() throws {
            try create("zero", "long")
            try succeed(["produce", "zero", "--delimiter", "\\0"], input: "a\nb\0\0c")
            #expect(
                try consume("zero", "--format", "%S:%s;", "--value", "hex")
                    == ["3:610a62;0:;1:63;"]
            )
            try succeed(
                ["produce", "long", "--delimiter", "--8<--"],
                input: "a--8<----8<----8<-b"
            )
            #expect(try consume("long", "--format", "[%s]") == ["[a][][--8<-b]"])
        }

        @Test func `times are printed in milliseconds or as ISO 8601`() throws {
            try create("a")
            try succeed(
                ["produce", "a", "--input", "json"],
                input: "{\"value\":\"v\",\"timestamp\":1359608400250}\n"
            )
            #expect(try consume("a", "--format", "%T\\n") == ["1359608400250"])
            #expect(
                try consume("a", "--format", "%T\\n", "--time", "iso")
                    == ["2013-01-31T05:00:00.250Z"]
            )
        }

        @Test func `reading begins some offsets before the end, and ends where it is told to`()
            throws
        {
            try create("a", partitions: 2)
            let lines = (0..<10).map { number in
                "{\"partition\":\(number % 2),\"value\":\"\(number)\",\"timestamp\":"
                    + "\(1_000 * (number + 1))}\n"
            }
            try succeed(["produce", "a", "--input", "json"], input: lines.joined())
            #expect(try consume("a", "--last", "2").sorted() == ["6", "7", "8", "9"])
            #expect(try consume("a", "--last", "100").count == 10)
            #expect(try consume("a", "--until", "2").sorted() == ["0", "1", "2", "3"])
            // Without --until-end: what is asked for is there, so nothing is waited for.
            let times = ["consume", "a", "--until", "1970-01-01T00:00:04Z"]
            #expect(try succeed(times).lines.sorted() == ["0", "1", "2"])
            let past = try succeed(["consume", "a", "--until", "2001-01-01"])
            #expect(past.lines.count == 10, "the time has passed: the end is the end")
            #expect(try succeed(["consume", "a", "--until", "5"]).lines.count == 10)
            #expect(
                try consume("a", "--group", "g", "--until", "3", "--partition", "1")
                    == ["1", "3", "5"]
            )
            #expect(try consume("a", "--group", "g", "--partition", "1") == ["7", "9"])
        }

        @Test func `several topics are read, by their names or by an expression`() throws {
            try create("orders-eu", "orders-us", "users")
            for topic in ["orders-eu", "orders-us", "users"] {
                try succeed(["produce", topic], input: "1\n")
            }
            let format = ["--format", "%t\\n"]
            #expect(
                try consume(["users", "orders-us"] + format).sorted() == ["orders-us", "users"]
            )
            #expect(try consume(["users", "users"] + format) == ["users"])
            #expect(
                try consume(["--regex", "orders-.*"] + format).sorted()
                    == ["orders-eu", "orders-us"]
            )
            // The whole name is meant.
            let none = try run(["consume", "--regex", "orders", "--until-end"])
            #expect(none.status == 1)
            #expect(none.errors.contains("no topic's name matches 'orders'"))
        }

        @Test func `small inputs without keys do not all go to one partition`() throws {
            try create("a", partitions: 8)
            for number in 0..<12 { try succeed(["produce", "a"], input: "\(number)\n") }
            let partitions = Set(try consume("a", "--format", "%p\\n"))
            // All twelve by chance in one of eight: once in 8 to the power of 11.
            #expect(partitions.count > 1)
        }

        @Test func `a folder of the environment is taken where none is given`() throws {
            try create("a")
            let listed = try Millrace.shell("MILLRACE_DATA='\(data)' \(millrace) topic list")
            #expect(listed.lines.last?.hasPrefix("a ") == true, "\(listed.errors)")
            let other = try Millrace.shell(
                "MILLRACE_DATA=/nowhere \(millrace) topic list --data '\(data)'"
            )
            #expect(other.output == listed.output)
        }
    }
}
