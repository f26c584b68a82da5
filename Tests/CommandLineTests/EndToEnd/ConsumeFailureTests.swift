import Foundation
import Testing

extension EndToEnd {
    /// What `consume` prints, and what a group notes, where not all can be printed.
    @Suite(.serialized) struct ConsumeFailureTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }
        private var millrace: String { "'\(Millrace.executable.path)'" }
        private static let segment = "00000000000000000000.log"

        init() throws { folder = try TemporaryFolder() }

        private func create(partitions: Int = 1) throws {
            try Millrace.succeed(
                "topic",
                "create",
                "lines",
                "--partitions",
                "\(partitions)",
                "--data",
                data
            )
        }

        private func produce(_ lines: [String], to partition: Int = 0) throws {
            try Millrace.succeed(
                "produce",
                "lines",
                "--partition",
                "\(partition)",
                "--data",
                data,
                input: try folder.write("input", lines.map { $0 + "\n" }.joined())
            )
        }

        private func consume(_ options: String...) throws -> Millrace.Outcome {
            let words = ["consume", "lines", "--until-end", "--data", data] + options
            return try Millrace.tool(Millrace.executable, words, input: nil)
        }

        /// Changes a byte in the second batch of a partition. Opening looks at the last one.
        private func damageSecondBatch(of partition: Int) throws {
            let file = URL(filePath: "\(data)/lines-\(partition)/\(Self.segment)")
            var bytes = try Data(contentsOf: file)
            let first = bytes[8..<12].reduce(0) { $0 << 8 | Int($1) } + 12
            bytes[first + 80] ^= 0x10
            try bytes.write(to: file)
        }

        @Test func `everything in front of a damaged batch is printed, and noted for the group`()
            throws
        {
            try create()
            let first = (0..<1_000).map { "first \($0)" }
            try produce(first)
            try produce((0..<1_000).map { "second \($0)" })
            try produce(["third"])
            try damageSecondBatch(of: 0)
            let plain = try consume()
            #expect(plain.status == 1)
            #expect(plain.lines == first)
            let group = try consume("--group", "g")
            #expect(group.status == 1)
            #expect(group.lines == first)
            let again = try consume("--group", "g")
            #expect(again.status == 1)
            #expect(again.errors.contains("damaged"))
            #expect(again.lines == [])
        }

        @Test func `an offset behind damage is refused for the damage, not as one behind the end`()
            throws
        {
            try create()
            for _ in 0..<3 { try produce(["a", "b", "c", "d", "e"]) }
            let file = URL(filePath: "\(data)/lines-0/\(Self.segment)")
            var bytes = try Data(contentsOf: file)
            bytes[70] ^= 0x10
            try bytes.write(to: file)
            let outcome = try consume("--from", "5")
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("lines-0 is damaged"))
            #expect(!outcome.errors.contains("behind the end"))
        }

        @Test func `records in front of one that is no such value are printed, it is not begun`()
            throws
        {
            try create()
            try produce((0..<2_000).map { "1234567\($0 % 10)" } + ["bad", "12345678"])
            let outcome = try consume(
                "--value",
                "int64",
                "--format",
                "%o %s.\\n",
                "--group",
                "g"
            )
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("lines-0 at offset 2000"))
            #expect(outcome.lines.count == 2_000)
            #expect(outcome.output.hasSuffix(".\n"))
            #expect(try consume("--group", "g").lines == ["bad", "12345678"])
        }

        @Test
        func `a dump prints what lies in front of what cannot be read, a verification tells all`()
            throws
        {
            try create()
            try produce(["a", "b"])
            _ = try folder.write("data/lines-0/00000000000000000009.log/file", "")
            let dump = try Millrace.run("log", "dump", "--data", data)
            #expect(dump.status == 1)
            #expect(dump.output.contains("  it cannot be read: "), "\(dump.output)")
            #expect(dump.output.contains("offsets 0-1 records 2"))
            let verified = try Millrace.run("log", "verify", "--data", data)
            #expect(verified.status == 1)
            #expect(verified.output.contains("damage: \(data)/lines-0: it cannot be read: "))
            #expect(verified.output.contains("1 place is damaged\n"), "\(verified.output)")
        }

        @Test func `the others of an offline partition are printed, then it is named`() throws {
            try create(partitions: 3)
            for partition in 0..<3 { try produce(["\(partition)"], to: partition) }
            try FileManager.default.removeItem(atPath: "\(data)/lines-1")
            for rest in [["0", "2"], []] {
                let outcome = try consume("--group", "g")
                #expect(outcome.status == 1)
                #expect(outcome.lines.sorted() == rest)
                #expect(outcome.errors.contains("error: lines-1 is offline"))
                #expect(outcome.errors.contains("is missing"))
                #expect(outcome.errors.contains("next: millrace topic describe lines --data"))
            }
            for start in ["beginning", "end", "0", "2013-01-01"] {
                let outcome = try consume("--from", start)
                #expect(outcome.lines.count == (start == "end" ? 0 : 2))
                #expect(outcome.errors.contains("error: lines-1 is offline"))
            }
            let alone = try consume("--partition", "1")
            #expect(alone.status == 1)
            #expect(alone.errors.contains("error: lines-1 is offline"))
        }

        @Test func `the others of a partition in which damage is met are printed to their end`()
            throws
        {
            try create(partitions: 2)
            let some = (0..<1_000).map { "a line \($0)" }
            for _ in 0..<3 { try produce(some, to: 0) }
            // More than one fetch gives.
            let many = (0..<3_000).map { "other \($0) " + String(repeating: "x", count: 1_000) }
            try produce(many, to: 1)
            try damageSecondBatch(of: 0)
            let outcome = try consume()
            #expect(outcome.status == 1)
            #expect(outcome.lines.filter { $0.hasPrefix("a line") } == some)
            #expect(outcome.lines.filter { $0.hasPrefix("other") } == many)
            #expect(outcome.errors.contains("error: a batch is damaged"), "\(outcome.errors)")
            #expect(outcome.errors.contains("lines-0"))
        }

        @Test func `the position of a group wins over --from, and that is said`() throws {
            try create()
            try produce(["a", "b", "c"])
            let first = try consume("--group", "g", "--from", "1", "--max", "1")
            #expect(first.status == 0)
            #expect(first.lines == ["b"])
            #expect(first.errors == "")
            let second = try consume("--group", "g", "--from", "beginning")
            #expect(second.status == 0)
            #expect(second.lines == ["c"])
            #expect(second.errors.contains("--from"))
            #expect(second.errors.contains("lines-0 at 2"))
            #expect(try consume("--group", "g").errors == "")
        }

        /// Waits for the process `p` of a shell, which is killed should it not end.
        private static let waiting =
            "for i in $(seq 200); do kill -0 $p 2> /dev/null || break; sleep 0.1; done; "
            + "kill -KILL $p 2> /dev/null; wait $p"

        @Test(arguments: ["HUP", "INT", "TERM"])
        func `a signal ends a group's reader, and its position is noted`(signal: String) throws {
            try create()
            try produce(["a", "b"])
            let out = folder.path("out")
            let outcome = try Millrace.shell(
                "\(millrace) consume lines --group g --data '\(data)' > '\(out)' & "
                    + "p=$!; while ! [ -s '\(out)' ]; do sleep 0.05; done; "
                    + "kill -\(signal) $p; \(Self.waiting)"
            )
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try consume("--group", "g").lines == [])
        }

        @Test func `a reader that nohup started outlives the hangup`() throws {
            try create()
            try produce(["a", "b"])
            let out = folder.path("out")
            let outcome = try Millrace.shell(
                "trap '' HUP; \(millrace) consume lines --data '\(data)' > '\(out)' & "
                    + "p=$!; while ! [ -s '\(out)' ]; do sleep 0.05; done; "
                    + "ignored=$(awk '/SigIgn/ { print $2 }' /proc/$p/status); "
                    + "[ $((0x$ignored & 1)) = 1 ] || exit 9; "
                    + "kill -HUP $p; kill -TERM $p; \(Self.waiting)"
            )
            #expect(outcome.status == 0, "\(outcome.errors)")
        }

        @Test func `a signal is heard though the reader of the output stalls`() throws {
            try create()
            try produce((0..<20_000).map { "\($0) a line of some length, more than pipes hold" })
            let outcome = try Millrace.shell(
                """
                mkfifo '\(folder.path("output"))'
                exec 3<> '\(folder.path("output"))'
                \(millrace) consume lines --group g --data '\(data)' > '\(folder.path("output"))' &
                consumer=$!
                head -c 1 <&3 > /dev/null
                kill -TERM $consumer
                for i in $(seq 200); do kill -0 $consumer 2> /dev/null || break; sleep 0.1; done
                kill -KILL $consumer 2> /dev/null
                wait $consumer
                """
            )
            #expect(outcome.status == 143, "\(outcome.errors)")
            // Nobody has read it: it comes again.
            let again = try consume("--group", "g")
            #expect(again.output.hasPrefix("0 a line"))
        }
    }
}
