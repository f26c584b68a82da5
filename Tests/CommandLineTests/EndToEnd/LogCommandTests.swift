import Foundation
import LogModel
import LogStorage
import Testing

extension EndToEnd {
    /// `millrace log …` on directories that are not as they should be.
    @Suite(.serialized) struct LogCommandTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }
        private static let segment = "00000000000000000000.log"

        init() throws { folder = try TemporaryFolder() }

        private func lines(_ text: String) throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let input = try folder.write("input", text)
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
        }

        @Test func `a directory whose properties are lost is verified, and they are told`() throws {
            try lines("a\nb\n")
            let path = "\(data)/meta.properties"
            let text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
            for left in [nil, "version=1\nnode.id=1\n", text + "more=1\n"] {
                try FileManager.default.removeItem(atPath: path)
                if let left { _ = try folder.write("data/meta.properties", left) }
                let outcome = try Millrace.run("log", "verify", "--data", data)
                #expect(outcome.status == 1)
                #expect(outcome.output.contains("damage: \(path): "))
                #expect(outcome.output.contains("2 records"))
                _ = try folder.write("data/meta.properties", text)
            }
            try Millrace.succeed("log", "verify", "--data", data)
        }

        @Test func `a dump of a folder that cannot be read says so, and goes on`() throws {
            try lines("a\n")
            try Millrace.succeed("topic", "create", "more", "--data", data)
            let input = try folder.write("input", "b\n")
            try Millrace.succeed("produce", "more", "--data", data, input: input)
            try FileManager.default.removeItem(atPath: "\(data)/lines-0")
            _ = try folder.write("data/lines-0", "no folder")
            let outcome = try Millrace.run("log", "dump", "--data", data)
            #expect(outcome.status == 1)
            #expect(outcome.output.contains("\(data)/lines-0: it cannot be read: "))
            #expect(outcome.output.contains("more-0"))
        }

        private func dump(_ words: String...) throws -> Millrace.Outcome {
            try Millrace.tool(
                Millrace.executable,
                ["log", "dump", "--records", "--data", data] + words,
                input: nil
            )
        }

        @Test func `a dump shows the headers of records`() throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let headers =
                #"[{"key":"a","value":"1"},{"key":"b","value":null}"#
                + #",{"key":"a=","value_base64":"/w=="}]"#
            let input = try folder.write(
                "input",
                "{\"value\":\"x\",\"headers\":\(headers)}\n{\"value\":\"y\"}\n"
            )
            try Millrace.succeed(
                "produce",
                "lines",
                "--input",
                "json",
                "--data",
                data,
                input: input
            )
            let output = try dump().output
            #expect(
                output.contains("value 'x' headers 'a'='1','b'=null,'a='=0xff\n"),
                "\(output)"
            )
            #expect(output.contains("value 'y'\n"))
        }

        @Test func `a dump of a range shows the batches and records in it`() throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            for text in ["a\nb\nc\n", "d\n", "e\nf\n"] {
                let input = try folder.write("input", text)
                try Millrace.succeed("produce", "lines", "--data", data, input: input)
            }
            let some = try dump("--from", "1", "--until", "4")
            #expect(some.status == 0)
            let values = some.lines.compactMap { $0.firstMatch(of: /value '(.)'/)?.1 }
            #expect(values == ["b", "c", "d"])
            #expect(some.lines.count { $0.hasPrefix("  offsets") } == 2)
            #expect(try dump("--from", "5").output.contains("value 'f'"))
            for words in [["--from", "6"], ["--from", "700", "--until", "800"]] {
                let outside = try Millrace.tool(
                    Millrace.executable,
                    ["log", "dump", "--data", data] + words,
                    input: nil
                )
                #expect(outside.status == 1)
                #expect(outside.errors.contains("no batch has an offset of this range"))
                #expect(outside.errors.contains("lines-0 has 0 to 5"), "\(outside.errors)")
            }
            let empty = try dump("--from", "4", "--until", "4")
            #expect(empty.status == 64)
            #expect(empty.errors.contains("next: millrace log dump --help"), "\(empty.errors)")
        }

        @Test func `damage behind a range is not the range's, and one bad offset hides nothing`()
            throws
        {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            var ends: [UInt64] = []
            let path = folder.path("data/lines-0/00000000000000000000.log")
            for text in ["a\n", "b\n", "c\n", "d\n", "e\n"] {
                let input = try folder.write("input", text)
                try Millrace.succeed("produce", "lines", "--data", data, input: input)
                ends.append(UInt64(try Data(contentsOf: URL(filePath: path)).count))
            }
            let whole = try Data(contentsOf: URL(filePath: path))
            let file = try FileHandle(forUpdating: URL(filePath: path))
            // A batch behind the range does not bear its checksum any more.
            for index in [4, 3, 2] {
                try file.seek(toOffset: ends[index] - 3)
                try file.write(contentsOf: Data([0xFF]))
                let some = try dump("--from", "0", "--until", "2")
                #expect(some.status == 0, "\(some)")
                #expect(some.lines.count { $0.contains("value '") } == 2, "\(some.output)")
                #expect(try dump("--from", "1").status == 1)
            }
            try file.seek(toOffset: 0)
            try file.write(contentsOf: whole)
            // The second batch says that it is behind all others; its offset has no checksum.
            try file.seek(toOffset: ends[0] + 6)
            try file.write(contentsOf: Data([0x7F]))
            let more = try dump("--from", "0", "--until", "3")
            #expect(more.output.contains("value 'c'"), "\(more.output)")
            try file.close()
        }

        /// Batches of ten records; the second one's checksum, or its length, is wrong.
        @Test(arguments: [false, true])
        func `a dump goes on behind a damaged batch`(isLength: Bool) throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let text = (0..<10).map { "\($0)\n" }.joined()
            for _ in 0..<4 {
                let input = try folder.write("input", text)
                try Millrace.succeed("produce", "lines", "--data", data, input: input)
            }
            let path = URL(filePath: "\(data)/lines-0/\(Self.segment)")
            var bytes = try Data(contentsOf: path)
            let first = 12 + bytes[8..<12].reduce(0) { $0 << 8 | Int($1) }
            bytes[first + (isLength ? 10 : 70)] ^= 0x7f
            try bytes.write(to: path)
            let all = try dump()
            #expect(all.status == 1)
            #expect(all.output.contains("damaged at byte \(first) of \(bytes.count): "))
            for offsets in ["0-9", "20-29", "30-39"] {
                #expect(all.output.contains("  offsets \(offsets) "), "\(all.output)")
            }
            #expect(!all.output.contains("  offsets 10-19 "))
            let later = try dump("--from", "25", "--until", "27")
            #expect(later.status == 1)
            #expect(later.output.contains("    offset 25 ") && later.output.contains("offset 26 "))
            #expect(!later.output.contains("offset 27 ") && !later.output.contains("offsets 30-"))
        }

        @Test func `a segment that is gone while its indexes lie there is no whole dump`() throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let input = try folder.write("input", "a\nb\n")
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
            try FileManager.default.removeItem(atPath: "\(data)/lines-0/\(Self.segment)")
            let whole = try Millrace.run("log", "dump", "--topic", "lines", "--data", data)
            #expect(whole.status == 1, "\(whole.output)")
            #expect(whole.output.contains("lines-0/\(Self.segment)\n  it is missing"))
            #expect(try Millrace.run("log", "verify", "--data", data).status == 1)
            #expect(try dump("--from", "1", "--until", "2").status == 1)
        }

        @Test func `indexes that a removed segment has left behind are a note, and hide nothing`()
            throws
        {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let input = try folder.write("input", "a\nb\nc\n")
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
            _ = try folder.write("data/lines-0/00000000000000000001.index", "")
            let some = try dump("--from", "2")
            #expect(some.status == 0, "\(some)")
            #expect(
                some.output.contains("value 'c'")
                    && some.output.contains("  note: only its indexes")
            )
        }

        @Test func `a partition that is in no topic has no topic's name as a hint`() throws {
            try lines("a\n")
            let outcome = try Millrace.run("log", "verify", "--partition", "99", "--data", data)
            #expect(outcome.status == 1)
            #expect(!outcome.errors.contains("did you mean"))
        }

        @Test func `the dump tells of a killed import as the verification does`() throws {
            try lines("a\n")
            try Millrace.succeed("topic", "create", "others", "--data", data)
            let topic = try #require(
                try DataDirectory.topics(disk: PosixDisk(), path: data).first { $0.name == "lines" }
            )
            try ImportLedger(disk: PosixDisk(), directory: data)
                .begin([.init(name: "lines", id: topic.id)])
            let note = "note: \(data)/millrace.import: lines is not whole: an import was killed"
            for command in ["verify", "dump"] {
                let outcome = try Millrace.run("log", command, "--data", data)
                #expect(outcome.status == 0, "\(outcome.errors)")
                #expect(outcome.output.contains(note), "\(command): \(outcome.output)")
            }
            let other = try Millrace.run("log", "dump", "--topic", "others", "--data", data)
            #expect(!other.output.contains("import"))
        }

        @Test func `a user who may not write verifies all the same`() throws {
            try lines("a\nb\n")
            let changed = try Millrace.shell("chmod -R a-w,a+rX '\(folder.url.path)'")
            defer { _ = try? Millrace.shell("chmod -R u+w '\(folder.url.path)'") }
            #expect(changed.status == 0)
            let verify = "'\(Millrace.executable.path)' log verify --data '\(data)'"
            // Whoever runs the tests as root may write everywhere.
            let other =
                geteuid() == 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups " : ""
            let outcome = try Millrace.shell(other + verify)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("2 records"))
        }

        @Test func `an import that fails leaves the target as it was`() throws {
            _ = try folder.write("kafka/meta.properties", "version=1\nnode.id=1\ncluster.id=a\n")
            // A folder where a segment should be: it opens and cannot be read.
            _ = try folder.write("kafka/t-0/\(Self.segment)/file", "")
            _ = try folder.write("mine/lost+found/file", "")
            for target in [folder.path("none"), folder.path("mine")] {
                let outcome = try Millrace.run(
                    "log",
                    "import",
                    folder.path("kafka"),
                    "--data",
                    target
                )
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains("the import failed"))
            }
            #expect(!FileManager.default.fileExists(atPath: folder.path("none")))
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.path("mine"))
            #expect(left == ["lost+found"])
        }

        @Test func `an import of Kafka's own topics alone says so`() throws {
            _ = try folder.write("kafka/meta.properties", "version=1\nnode.id=1\ncluster.id=a\n")
            _ = try folder.write("kafka/__consumer_offsets-0/\(Self.segment)", "")
            let outcome = try Millrace.run("log", "import", folder.path("kafka"), "--data", data)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("there is no topic to bring over"))
            #expect(outcome.errors.contains("__consumer_offsets"))
            #expect(!FileManager.default.fileExists(atPath: data))
        }
    }
}
