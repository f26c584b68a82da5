import Foundation
import Testing

extension EndToEnd {
    /// Topics, produce and consume through the real executable.
    @Suite(.serialized) struct RoundTripTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws { folder = try TemporaryFolder() }

        private func create(_ topic: String, partitions: Int = 1) throws {
            try Millrace.succeed(
                "topic",
                "create",
                topic,
                "--partitions",
                "\(partitions)",
                "--data",
                data
            )
        }

        private func produce(_ text: String, _ topic: String, _ options: String...) throws {
            let input = try folder.write("input", text)
            let words = ["produce", topic, "--data", data] + options
            let outcome = try Millrace.tool(Millrace.executable, words, input: input)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }

        private func consume(_ topic: String, _ options: String...) throws -> [String] {
            let words = ["consume", topic, "--data", data, "--until-end"] + options
            let outcome = try Millrace.tool(Millrace.executable, words, input: nil)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome.lines
        }

        @Test(arguments: ["none", "gzip", "snappy", "lz4", "zstd"])
        func `lines come back in their order under each codec`(codec: String) throws {
            try create("lines")
            let lines = (0..<5_000).map { "line \($0) of some text that compresses" }
            try produce(lines.joined(separator: "\n"), "lines", "--compression", codec)
            #expect(try consume("lines") == lines)
        }

        @Test func `keys stay in their partition, in order`() throws {
            try create("keyed", partitions: 3)
            let lines = (0..<300).map { "k\($0 % 7)\t\($0)" }
            try produce(lines.joined(separator: "\n") + "\n", "keyed", "--key-separator", "\\t")
            let found = try consume("keyed", "--format", "%k\\t%s %p\\n")
            #expect(found.count == 300)
            for key in 0..<7 {
                let own = found.filter { $0.hasPrefix("k\(key)\t") }.map {
                    $0.split(separator: " ")
                }
                #expect(Set(own.map { $0[1] }).count == 1)
                #expect(own.map { String($0[0]) } == lines.filter { $0.hasPrefix("k\(key)\t") })
            }
        }

        @Test func `lines without a key go to all partitions`() throws {
            try create("many", partitions: 4)
            let lines = (0..<4_000).map { "a line with the number \($0) and some more" }
            try produce(lines.joined(separator: "\n"), "many")
            let partitions = try consume("many", "--format", "%p\\n")
            #expect(Set(partitions) == ["0", "1", "2", "3"])
            #expect(partitions.count == 4_000)
        }

        @Test func `partition, headers, offsets and sizes are printed`() throws {
            try create("all", partitions: 2)
            try produce("v", "all", "--partition", "1", "--header", "a=1", "--header", "b=2")
            let format = "%t %p %o [%k] %s %h %K %S\\n"
            #expect(try consume("all", "--format", format) == ["all 1 0 [] v a=1,b=2 -1 1"])
            #expect(try consume("all", "--partition", "0") == [])
        }

        @Test func `reading begins where it is told to, and ends at the limit`() throws {
            try create("some")
            try produce("0\n1\n2\n3\n4\n", "some")
            #expect(try consume("some", "--from", "3") == ["3", "4"])
            #expect(try consume("some", "--from", "end") == [])
            #expect(try consume("some", "--from", "1", "--max", "2") == ["1", "2"])
            #expect(try consume("some", "--from", "2013-01-01").count == 5)
            #expect(try consume("some", "--from", "2100-01-01").isEmpty)
        }

        @Test func `a group goes on where it stopped`() throws {
            try create("some")
            try produce("0\n1\n2\n3\n", "some")
            #expect(try consume("some", "--group", "g", "--max", "3") == ["0", "1", "2"])
            #expect(try consume("some", "--group", "g") == ["3"])
            #expect(try consume("some", "--group", "g") == [])
            #expect(try consume("some", "--group", "other").count == 4)
        }

        @Test func `bytes are printed as hexadecimal digits and as base64`() throws {
            try create("some")
            try produce("foob", "some")
            #expect(try consume("some", "--value", "hex") == ["666f6f62"])
            #expect(try consume("some", "--value", "base64") == ["Zm9vYg=="])
            #expect(try consume("some", "--value", "int32") == ["1718579042"])
        }

        @Test func `a value of another length is named, not guessed`() throws {
            try create("some")
            try produce("seven b", "some")
            let outcome = try Millrace.run(
                "consume",
                "some",
                "--data",
                data,
                "--until-end",
                "--value",
                "int64"
            )
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("some-0 at offset 0"))
            #expect(outcome.errors.contains("--value hex"))
        }

        @Test func `topics are listed, described and deleted`() throws {
            try create("b")
            try create("a", partitions: 2)
            try produce("x\ny\n", "a")
            let list = try Millrace.succeed("topic", "list", "--data", data).lines
            #expect(
                list == [
                    "TOPIC  PARTITIONS  OFFSETS", "a               2        2",
                    "b               1        0",
                ]
            )
            let json = try Millrace.succeed("topic", "describe", "b", "--json", "--data", data)
            #expect(json.output.hasPrefix("{\"topic\":\"b\",\"internal\":false,\"options\":{}"))
            try Millrace.succeed("topic", "delete", "a", "--data", data)
            #expect(try Millrace.succeed("topic", "list", "--data", data).lines.count == 2)
        }

        @Test func `segments can be dumped`() throws {
            try create("some")
            try produce("0\n1\n", "some")
            let dump = try Millrace.succeed("log", "dump", "--records", "--data", data).output
            #expect(dump.contains("offsets 0-1 records 2 byte 0"))
            #expect(dump.contains("key null value '1'"))
        }
    }
}
