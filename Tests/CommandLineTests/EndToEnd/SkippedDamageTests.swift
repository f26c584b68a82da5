import Foundation
import Testing

extension EndToEnd {
    /// What `consume --skip-damage` prints and leaves out, and what a killed reader repeats.
    @Suite(.serialized) struct SkippedDamageTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws { folder = try TemporaryFolder() }

        private var segment: URL { URL(filePath: "\(data)/lines-0/00000000000000000000.log") }

        /// Batches of so many lines, with where each begins in the file.
        private func fill(_ counts: [Int]) throws -> [Int] {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            var number = 0
            for count in counts {
                let lines = (number..<(number + count)).map { "line \($0)\n" }.joined()
                let input = try folder.write("input", lines)
                try Millrace.succeed("produce", "lines", "--data", data, input: input)
                number += count
            }
            let bytes = try Data(contentsOf: segment)
            var begins: [Int] = []
            var position = 0
            while begins.count < counts.count {
                begins.append(position)
                let length = bytes[(position + 8)..<(position + 12)].reduce(0) { $0 << 8 | Int($1) }
                position += length + 12
            }
            return begins
        }

        private func flip(_ position: Int) throws {
            var bytes = try Data(contentsOf: segment)
            bytes[position] ^= 0x10
            try bytes.write(to: segment)
        }

        private func consume(_ options: String...) throws -> Millrace.Outcome {
            let words = ["consume", "lines", "--until-end", "--data", data] + options
            return try Millrace.tool(Millrace.executable, words, input: nil)
        }

        @Test(arguments: [false, true])
        func `a damaged batch is left out and told, what lies behind it is printed`(
            isServed: Bool
        ) throws {
            // Opening looks at what lies behind the last index entry, so not at the second batch.
            let begins = try fill([500, 500, 500, 2])
            try flip(begins[1] + 70)
            let owner = isServed ? try OwnerProcess.serve(data, folder) : nil
            let plain = try consume()
            #expect(plain.status == 1)
            #expect(plain.lines == (0..<500).map { "line \($0)" })
            let skipped = try consume("--skip-damage", "--group", "g")
            #expect(skipped.status == 1)
            #expect(
                skipped.lines == (Array(0..<500) + Array(1_000..<1_502)).map { "line \($0)" }
            )
            #expect(
                skipped.errors.contains("offsets 500 to 999 are damaged and were left out"),
                "\(skipped.errors)"
            )
            // The group has passed it: that is what was asked for.
            #expect(try consume("--group", "g").lines == [])
            try owner?.stop()
        }

        @Test(arguments: [false, true])
        func `records are counted as far as they are whole, and damage is told as damage`(
            isServed: Bool
        ) throws {
            let begins = try fill([500, 500, 500, 2])
            try Millrace.succeed("topic", "alter", "lines", "--partitions", "2", "--data", data)
            let more = try folder.write("more", "a\nb\nc\n")
            try Millrace.succeed(
                "produce",
                "lines",
                "--partition",
                "1",
                "--data",
                data,
                input: more
            )
            try flip(begins[1] + 70)
            let owner = isServed ? try OwnerProcess.serve(data, folder) : nil
            let shown = try Millrace.run("topic", "describe", "lines", "--records", "--data", data)
            #expect(shown.status == 1)
            #expect(shown.output.contains("   0      0    1502  1502"), "\(shown.output)")
            #expect(shown.output.contains("the records of partition 0 are not counted: "))
            #expect(shown.output.contains("offset 500"), "\(shown.output)")
            #expect(
                shown.output.hasSuffix(
                    "3 records in 3 offsets, without 1 partition that cannot be read whole\n"
                ),
                "\(shown.output)"
            )
            let json = try Millrace.run(
                "topic",
                "describe",
                "lines",
                "--records",
                "--json",
                "--data",
                data
            )
            #expect(json.status == 1)
            #expect(json.output.contains("\"records\":null,\"records_reason\":\""))
            #expect(json.output.contains("\"records\":3,"), "\(json.output)")
            let read = try consume()
            for errors in [shown.errors, json.errors] {
                #expect(errors.contains("log verify --topic lines --data "), "\(errors)")
            }
            for errors in [shown.errors, json.errors, read.errors] {
                #expect(!errors.contains("offline"), "\(errors)")
            }
            let words = isServed ? "lines-0 is damaged" : "a batch is damaged"
            #expect(read.errors.contains("error: \(words)"), "\(read.errors)")
            #expect(read.errors.contains("log verify"), "\(read.errors)")
            #expect(read.status == 1)
            try owner?.stop()
        }

        @Test func `a batch whose header is damaged is left out, up to what can be read again`()
            throws
        {
            // An index entry every 4,096 bytes leads behind it.
            let begins = try fill([100, 700, 700, 700])
            // The length of the second: nothing says where the third begins.
            try flip(begins[1] + 9)
            let skipped = try consume("--skip-damage")
            #expect(skipped.status == 1)
            let numbers = skipped.lines.compactMap { Int($0.dropFirst("line ".count)) }
            #expect(numbers.starts(with: 0..<100), "\(skipped.errors)")
            let told = try #require(
                skipped.errors.firstMatch(of: /offsets ([0-9]+) to ([0-9]+) are damaged/),
                "\(skipped.errors)"
            )
            let first = try #require(Int(told.1))
            let last = try #require(Int(told.2))
            #expect(first == 100)
            // What is printed and what is told to be left out are all there is.
            #expect(numbers == Array(0..<first) + Array((last + 1)..<2_200))
            // The third batch is whole, and an index entry leads to it.
            #expect(last == 799)
        }

        @Test func `a group's reader that is killed repeats no more than its interval`() throws {
            _ = try fill([3])
            let owner = try OwnerProcess.serve(data, folder)
            let reader = try Millrace.start(
                Millrace.executable,
                ["consume", "lines", "--group", "g", "--data", data],
                input: nil,
                output: folder.url.appending(path: "reader-output"),
                errors: folder.url.appending(path: "reader-errors")
            )
            let deadline = Date(timeIntervalSinceNow: 60)
            var described = ""
            while Date() < deadline, !described.contains("\"position\":3") {
                described = try Millrace.run("group", "describe", "g", "--json", "--data", data)
                    .output
                usleep(200_000)
            }
            kill(reader.processIdentifier, SIGKILL)
            reader.waitUntilExit()
            #expect(described.contains("\"position\":3"), "\(described)")
            #expect(try consume("--group", "g").lines == [])
            try owner.stop()
        }
    }
}
