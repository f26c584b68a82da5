import Foundation
import Testing

extension EndToEnd {
    /// What a command says when it cannot say all, and of what it found on the way.
    @Suite(.serialized) struct OutputTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }
        private var millrace: String { "'\(Millrace.executable.path)'" }

        init() throws { folder = try TemporaryFolder() }

        private func fill(_ count: Int) throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let outcome = try Millrace.shell(
                "seq 1 \(count) | \(millrace) produce lines --data '\(data)'"
            )
            try #require(outcome.status == 0, "\(outcome.errors)")
        }

        @Test func `closed descriptors are no files of the log`() throws {
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let input = try folder.write("input", (1...20).map { "\($0)\n" }.joined())
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
            let millrace = "'\(Millrace.executable.path)'"
            let closed = try Millrace.shell(
                "\(millrace) consume lines --group g --max 3 --until-end --data '\(data)' "
                    + "<&- >&- 2>&-"
            )
            #expect(closed.status == 1)
            let lock = try String(
                contentsOf: URL(filePath: "\(data)/millrace.lock"),
                encoding: .utf8
            )
            #expect(!lock.contains("1\n2\n3"))
            let again = try Millrace.succeed(
                "consume",
                "lines",
                "--group",
                "g",
                "--max",
                "1",
                "--until-end",
                "--data",
                data
            )
            #expect(again.lines == ["1"])
            let reading = try Millrace.shell("\(millrace) produce lines --data '\(data)' <&-")
            #expect(reading.status == 1)
            #expect(reading.errors.contains("Bad file descriptor"))
            try Millrace.succeed("log", "verify", "--data", data)
        }

        @Test(arguments: ["consume lines --until-end", "topic list", "log verify", "log dump"])
        func `output that cannot be written is a failure`(words: String) throws {
            try fill(20_000)
            let full = try Millrace.shell("\(millrace) \(words) --data '\(data)' > /dev/full")
            #expect(full.status == 1)
            #expect(full.errors.contains("the output could not be written: No space left"))
            let gone = try Millrace.shell(
                "\(millrace) \(words) --data '\(data)' | head -n 1; exit ${PIPESTATUS[0]}"
            )
            #expect(gone.status == 0, "\(gone.errors)")
            #expect(gone.errors == "")
        }

        @Test func `output that cannot be written is told where a command finds something too`()
            throws
        {
            try fill(100)
            try Millrace.succeed(
                "consume",
                "lines",
                "--group",
                "g",
                "--max",
                "1",
                "--until-end",
                "--data",
                data
            )
            for (words, status) in [("lag g --slo 1ms", 2), ("lag g nobody", 1)] {
                let full = try Millrace.shell("\(millrace) \(words) --data '\(data)' > /dev/full")
                #expect(full.status == status, "\(words): \(full.errors)")
                let isTold = full.errors.contains("the output could not be written: No space left")
                #expect(isTold == (status == 2), "\(words): \(full.errors)")
            }
            try FileManager.default.removeItem(atPath: "\(data)/lines-0")
            let damaged = try Millrace.shell("\(millrace) log verify --data '\(data)' > /dev/full")
            #expect(damaged.status == 1)
            #expect(damaged.errors.contains("the output could not be written: No space left"))
        }

        @Test func `a limit of files' sizes is told at the first topic, and what helps`() throws {
            // What it says goes through a pipe: no file takes a byte.
            let full = try Millrace.shell(
                "(ulimit -f 0; \(millrace) topic create a --data '\(data)') 2>&1 | cat"
            )
            #expect(full.status == 1)
            #expect(full.output.contains("allows no larger file"), "\(full.output)")
            #expect(full.output.contains("next: allow larger files (ulimit -f unlimited)"))
            #expect(!full.output.contains("no space"), "\(full.output)")
            #expect(!full.output.contains("millrace.topics back"))
            try Millrace.succeed("topic", "create", "a", "--data", data)
        }

        @Test func `a file that may not grow loses nothing, and what helps is told`() throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let outcome = try Millrace.shell(
                """
                (ulimit -f 1500; yes abcdefghijklmnopqrstuvwxyz | head -n 2000000 \
                    | \(millrace) produce lines --data '\(data)')
                """
            )
            #expect(outcome.status == 1)
            #expect(outcome.errors.hasPrefix("error: "), "\(outcome.errors)")
            #expect(outcome.errors.contains("allows no larger file"), "\(outcome.errors)")
            #expect(outcome.errors.contains("next: allow larger files"), "\(outcome.errors)")
            #expect(!outcome.errors.contains("no space"), "\(outcome.errors)")
            let verified = try Millrace.run("log", "verify", "--data", data)
            #expect(verified.status == 0, "\(verified.output)")
        }

        @Test func `who opens a partition says what its recovery cut`() throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let killed = try Millrace.shell(
                """
                mkfifo '\(folder.path("input"))'
                \(millrace) produce lines --data '\(data)' < '\(folder.path("input"))' &
                producer=$!
                exec 3> '\(folder.path("input"))'
                until [ "$(stat -c %s '\(data)/lines-0/00000000000000000000.log' 2>/dev/null \
                    || echo 0)" -gt 0 ]; do seq 1 100000 >&3; done
                kill -KILL $producer
                wait $producer
                """
            )
            #expect(killed.status == 137)
            let next = try Millrace.run("topic", "describe", "lines", "--data", data)
            let words = "no one was told were stored"
            let opened = try Millrace.shell(
                "echo x | \(millrace) produce lines --data '\(data)'"
            )
            #expect(opened.output == "produced 1 record to lines\n")
            #expect((next.errors + opened.errors).components(separatedBy: words).count == 2)
        }

        @Test(arguments: ["meta.properties", "millrace.topics"])
        func `an emptied file of the directory is named, with what helps`(name: String) throws {
            try fill(10)
            try Data().write(to: URL(filePath: "\(data)/\(name)"))
            let outcome = try Millrace.run("consume", "lines", "--until-end", "--data", data)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains(name))
            let isTable = name == "millrace.topics"
            #expect(outcome.errors.contains(isTable ? "next: put" : "next: millrace log verify"))
            #expect(!outcome.errors.contains("did not write"))
            #expect(!outcome.errors.contains("version ,"))
        }
    }
}
