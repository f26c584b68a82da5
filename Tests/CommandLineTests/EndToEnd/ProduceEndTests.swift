import Foundation
import Testing

extension EndToEnd {
    /// What `produce` keeps and says where it does not come to the end of its input.
    @Suite(.serialized) struct ProduceEndTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }
        private var millrace: String { "'\(Millrace.executable.path)'" }

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

        /// The numbers that the lines of the topic begin with, ascending.
        private func numbers() throws -> [Int] {
            try Millrace.succeed("consume", "lines", "--until-end", "--data", data).lines
                .map { try #require(Int($0.prefix { $0.isNumber })) }.sorted()
        }

        @Test func `of a full disk it is said up to which line all is in the topic`() throws {
            try create(partitions: 2)
            let outcome = try Millrace.shell(
                """
                seq -f '%.0f abcdefghijklmnopqrstuvwxyz' 1 2000000 > '\(folder.path("input"))'
                ulimit -f 1500
                \(millrace) produce lines '\(folder.path("input"))' --data '\(data)'
                """
            )
            #expect(outcome.status == 1)
            let words = outcome.errors
            let all = try #require(
                words.firstMatch(of: /([0-9,]+) records of the input are in the topic;/)
            )
            let leading = try #require(
                words.firstMatch(of: /every line up to line ([0-9,]+) is among them/)
            )
            let count = Int(all.1.replacing(",", with: ""))
            let last = try #require(Int(leading.1.replacing(",", with: "")))
            let found = try numbers()
            #expect(found.count == count)
            #expect(Array(found.prefix(last)) == (0..<last).map { $0 + 1 })
            #expect(!found.contains(last + 1))
            #expect(found.count > last)
        }

        @Test func `of a line that is refused it is said which lines are in the topic`() throws {
            try create(partitions: 2)
            let long = String(repeating: "x", count: 1 << 21)
            let outcome = try Millrace.run(
                "produce",
                "lines",
                try folder.write("first", "1\n2\n").path,
                try folder.write("second", "3\n4\(long)\n5\n").path,
                "--data",
                data
            )
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("line 2 is too long for a record"))
            #expect(
                outcome.errors.contains(
                    "the first 3 lines of the input (up to line 1 of \(folder.path("second"))) "
                        + "are in the topic, and no more"
                ),
                "\(outcome.errors)"
            )
            #expect(try numbers() == [1, 2, 3])
        }

        /// The longest line that a batch of the topic's 1,048,588 bytes has room for has 1,048,516.
        @Test func `a record is too long as the log counts it, whatever form it comes in`() throws {
            try create()
            let room = 1_048_516
            let next = "next: millrace topic alter lines --config max.message.bytes=268435456 "
            let said = "error: line 2 is too long for a record\n"
            let why = "takes more than the 1,048,588 bytes that a batch can have in this topic"
            for length in [room + 1, 1_048_520, 1_048_588, 1_048_589, 3_000_000] {
                let long = String(repeating: "x", count: length)
                for (input, form) in [
                    ("a\n\(long)\n", "text"),
                    ("{\"value\":\"a\"}\n{\"value\":\"\(long)\"}\n", "json"),
                ] {
                    let outcome = try Millrace.run(
                        "produce",
                        "lines",
                        "--input",
                        form,
                        "--data",
                        data,
                        input: try folder.write("input", input)
                    )
                    #expect(outcome.status == 1)
                    for words in [said, why, next, "the first line of the input is in the topic"] {
                        #expect(outcome.errors.contains(words), "\(length): \(outcome.errors)")
                    }
                }
            }
            let fits = try folder.write("input", String(repeating: "x", count: room) + "\n")
            try Millrace.succeed("produce", "lines", "--data", data, input: fits)
        }

        @Test(arguments: ["producer", "topic"])
        func `a record that is too long once it is compressed is named as well`(
            who: String
        ) throws {
            try create()
            // Noise, which no codec makes shorter; or what the topic does not compress.
            let made = try Millrace.shell(
                who == "producer"
                    ? "echo a; head -c 1200000 /dev/urandom | base64 -w 0"
                    : "echo a; head -c 1200000 /dev/zero | tr '\\0' x"
            )
            if who == "topic" {
                let option = "compression.type=uncompressed"
                try Millrace.succeed("topic", "alter", "lines", "--config", option, "--data", data)
            }
            let outcome = try Millrace.run(
                "produce",
                "lines",
                "--compression",
                "gzip",
                "--data",
                data,
                input: try folder.write("input", made.output)
            )
            #expect(outcome.status == 1)
            let next = "next: millrace topic alter lines --config max.message.bytes=268435456 "
            #expect(outcome.errors.contains(next), "\(outcome.errors)")
            let isNamed = outcome.errors.contains("error: line 2 is too long for a record\n")
            #expect(isNamed == (who == "producer"), "\(outcome.errors)")
        }

        @Test func `lines that trickle in are stored before more come`() throws {
            try create()
            // Behind the head of a journal file: the first group.
            let groups = "tail -q -c +4097 '\(data)'/.millrace/journal/*.journal 2> /dev/null"
            let outcome = try Millrace.shell(
                """
                mkfifo '\(folder.path("input"))'
                \(millrace) produce lines --data '\(data)' < '\(folder.path("input"))' &
                producer=$!
                exec 3> '\(folder.path("input"))'
                printf '1\\n2\\n3' >&3
                for i in $(seq 200); do
                    [ "$(\(groups) | tr -d '\\0' | head -c 1 | wc -c)" -gt 0 ] && break
                    sleep 0.1
                done
                kill -KILL $producer
                wait $producer
                """
            )
            #expect(outcome.status == 137)
            #expect(try numbers() == [1, 2])
        }

        @Test func `a pipe that nobody writes to is left at a signal`() throws {
            try create()
            let outcome = try Millrace.shell(
                """
                mkfifo '\(folder.path("input"))'
                \(millrace) produce lines '\(folder.path("input"))' --data '\(data)' &
                producer=$!
                for i in $(seq 200); do
                    ls -l /proc/$producer/fd | grep -q '/input$' && break
                    sleep 0.1
                done
                kill -TERM $producer
                for i in $(seq 200); do kill -0 $producer 2> /dev/null || break; sleep 0.1; done
                kill -KILL $producer 2> /dev/null
                wait $producer
                """
            )
            #expect(outcome.status == 143, "\(outcome.errors)")
            #expect(outcome.errors.contains("no line of the input is in the topic"))
        }

        @Test(arguments: [("HUP", 129), ("INT", 130), ("TERM", 143)])
        func `a signal loses nothing that was read, and is the exit code`(
            signal: String,
            status: Int32
        ) throws {
            try create(partitions: 3)
            // More than a pipe holds: the last of it is written once most of it was read.
            let outcome = try Millrace.shell(
                """
                mkfifo '\(folder.path("input"))'
                \(millrace) produce lines --linger 1h --data '\(data)' < '\(folder.path("input"))' &
                producer=$!
                exec 3> '\(folder.path("input"))'
                seq 1 40000 >&3
                printf 'half a line' >&3
                kill -\(signal) $producer
                for i in $(seq 200); do kill -0 $producer 2> /dev/null || break; sleep 0.1; done
                kill -KILL $producer 2> /dev/null
                wait $producer
                """
            )
            #expect(outcome.status == status, "\(outcome.errors)")
            let found = try numbers()
            #expect(found.count > 20_000)
            #expect(found == (0..<found.count).map { $0 + 1 })
            let count = found.count == 40_000 ? "40,000" : "\(found.count / 1000),"
            #expect(outcome.errors.contains("stopped by SIG\(signal)"))
            #expect(outcome.errors.contains("the first \(count)"), "\(outcome.errors)")
        }

        /// What is stored would be there twice.
        @Test func `where some lines are stored nobody is told to give all of them again`() throws {
            let lines = try folder.write(
                "many",
                (0..<3_000).map { "\($0)\t\($0)\n" }.joined()
            )
            let produce =
                "'\(Millrace.executable.path)' produce many --key-separator '\\t' --data "
                + "'\(data)' '\(lines.path)'"
            try Millrace.succeed("topic", "create", "many", "--partitions", "60", "--data", data)
            #expect(try Millrace.shell(produce).status == 0)
            let outcome = try Millrace.shell("ulimit -n 20; \(produce)")
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("Too many open files"), "\(outcome.errors)")
            #expect(outcome.errors.contains("of the input are in the topic"), "\(outcome.errors)")
            #expect(
                outcome.errors.contains(
                    "next: allow more open files (ulimit -n 65536); given again, what is in "
                        + "the topic would be there twice\n"
                ),
                "\(outcome.errors)"
            )
        }
    }
}
