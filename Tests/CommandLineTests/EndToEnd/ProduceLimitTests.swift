import Foundation
import Testing

extension EndToEnd {
    /// What `produce` says of input that a topic does not take, and what helps.
    @Suite(.serialized) struct ProduceLimitTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder()
            try succeed("topic", "create", "t")
        }

        private func produce(_ words: [String], _ bytes: Data) throws -> Millrace.Outcome {
            let input = folder.url.appending(path: "bytes")
            try bytes.write(to: input)
            return try Millrace.tool(
                Millrace.executable,
                ["produce"] + words + ["--data", data],
                input: input
            )
        }

        private static func lengths(_ key: Int32, _ value: Int32) -> Data {
            Data(
                [key, value].flatMap { number in withUnsafeBytes(of: number.bigEndian) { Array($0) }
                }
            )
        }

        private static let raise = "next: millrace topic alter t --config max.message.bytes="

        @Test func `of a line of JSON the bound is told as what it is`() throws {
            let blanks = Data(repeating: 0x20, count: 7_000_000)
            let refused = try produce(["t", "--input", "json"], blanks)
            #expect(refused.status == 1)
            #expect(
                refused.errors.contains(
                    "more than 6,357,064 bytes, the most that JSON takes for the 1,048,588 that a "
                        + "batch can have in this topic"
                ),
                "\(refused.errors)"
            )
            #expect(refused.errors.contains(Self.raise))
        }

        @Test func `lengths that no record can have are told as such, and no option is named`()
            throws
        {
            for bytes in [Self.lengths(-1, .max), Self.lengths(.max, 0)] {
                let refused = try produce(["t", "--input", "length-prefixed"], bytes)
                #expect(refused.status == 1)
                #expect(
                    refused.errors.contains("record 1 has lengths that no record can have"),
                    "\(refused.errors)"
                )
                #expect(refused.errors.contains("2,147,483,647 bytes"))
                #expect(refused.errors.contains("an earlier length is wrong"))
                #expect(!refused.errors.contains("max.message.bytes"))
            }
            let large = try produce(["t", "--input", "length-prefixed"], Self.lengths(-1, 2 << 20))
            #expect(large.errors.contains("record 1 is too long for a record"), "\(large.errors)")
            #expect(large.errors.contains(Self.raise))
        }

        @Test(arguments: [false, true])
        func `the log's own topics take nothing`(isServed: Bool) throws {
            try succeed("produce", "t", input: "a\n")
            try succeed("consume", "t", "--group", "g", "--until-end")
            let owner = isServed ? try OwnerProcess.serve(data, folder) : nil
            let refused = try produce(["__consumer_offsets"], Data("x\n".utf8))
            try owner?.stop()
            #expect(refused.status == 1)
            let what = "error: '__consumer_offsets' takes no records but the log's own\n"
            #expect(refused.errors.contains(what), "\(refused.errors)")
            #expect(!refused.errors.contains(".;"))
        }

        @Test func `a batch that a server finds too large is told so, with what raises the limit`()
            throws
        {
            let owner = try OwnerProcess.serve(data, folder)
            // What stands around the value is too much for the topic.
            let refused = try produce(["t"], Data(repeating: 0x78, count: 1_048_580))
            #expect(refused.status == 1)
            #expect(!refused.errors.contains("takes no more"), "\(refused.errors)")
            #expect(refused.errors.contains(Self.raise), "\(refused.errors)")
            try succeed("topic", "alter", "t", "--config", "max.message.bytes=268435456")
            let taken = try produce(["t"], Data(repeating: 0x78, count: 1_048_580))
            #expect(taken.status == 0, "\(taken.errors)")
            try owner.stop()
        }

        @Test func `the number of records is grouped`() throws {
            let lines = String(repeating: "x\n", count: 1_234)
            let produced = try succeed("produce", "t", input: lines)
            #expect(produced.output == "produced 1,234 records to t\n")
        }
    }
}
