import Foundation
import Testing

extension EndToEnd {
    /// What `consume` says of partitions that it reads in part, or not at all.
    @Suite(.serialized) struct LeftOutPartitionTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        private func segment(_ partition: Int) -> URL {
            URL(filePath: "\(data)/lines-\(partition)/00000000000000000000.log")
        }

        /// Three partitions, each of several batches of 500 lines.
        private func fill() throws {
            try succeed("topic", "create", "lines", "--partitions", "3")
            let lines = (0..<500).map { "line \($0)\n" }.joined()
            for partition in ["0", "1", "2"] {
                for _ in 0..<3 {
                    try succeed("produce", "lines", "--partition", partition, input: lines)
                }
            }
        }

        /// Damages the second batch.
        private func flip(_ partition: Int) throws {
            var bytes = try Data(contentsOf: segment(partition))
            let length = bytes[8..<12].reduce(0) { $0 << 8 | Int($1) }
            bytes[length + 12 + 70] ^= 0x10
            try bytes.write(to: segment(partition))
        }

        @Test func `each damaged partition is named, the last one too`() throws {
            try fill()
            for partition in 0..<3 { try flip(partition) }
            let outcome = try run(["consume", "lines", "--until-end"])
            #expect(outcome.status == 1)
            #expect(outcome.lines.count == 1_500)
            for partition in 0..<3 {
                #expect(outcome.errors.contains("lines-\(partition) at or after offset 500"))
            }
            let claims = outcome.errors.split(separator: "\n").count {
                $0.contains("the other partitions are read on")
            }
            #expect(claims == 2, "\(outcome.errors)")
            let told = outcome.errors.components(separatedBy: "warning: ").dropFirst()
            for warning in told where warning.contains("are read on") {
                for words in ["  where: lines-", "  why: ", "  next: millrace log verify"] {
                    #expect(warning.contains(words), "\(warning)")
                }
            }
        }

        @Test func `a partition that lacks its begin is named beside a damaged one`() throws {
            try fill()
            try flip(0)
            try FileManager.default.removeItem(at: segment(1))
            let outcome = try run(["consume", "lines", "--until-end"])
            #expect(outcome.status == 1)
            #expect(outcome.lines.count == 2_000)
            #expect(outcome.errors.contains("lines-0 at or after offset 500"), "\(outcome.errors)")
            #expect(outcome.errors.contains("lines-1"), "\(outcome.errors)")
        }

        /// Nobody's position passes over it.
        @Test(arguments: ["0", "3", "beginning"])
        func `what is left of a partition without its begin is printed`(from: String) throws {
            try fill()
            try FileManager.default.removeItem(at: segment(1))
            try succeed("produce", "lines", "--partition", "0", input: "more\n")
            let outcome = try run(["consume", "lines", "--until-end", "--from", from])
            #expect(outcome.status == 1)
            #expect(outcome.lines.count == 3_001 - 2 * (Int(from) ?? 0), "\(outcome.errors)")
            #expect(!outcome.errors.contains("were deleted before"), "\(outcome.errors)")
        }

        @Test(arguments: [false, true])
        func `a group reads the others where one lacks its begin`(skips: Bool) throws {
            try fill()
            try FileManager.default.removeItem(at: segment(1))
            let read = ["consume", "lines", "--until-end", "--group", "g"]
            let outcome = try run(read + (skips ? ["--skip-damage"] : []))
            #expect(outcome.status == 1)
            #expect(outcome.lines.count == 3_000, "\(outcome.errors)")
            #expect(outcome.errors.contains("lines-1"), "\(outcome.errors)")
            #expect(outcome.errors.contains("where: "), "\(outcome.errors)")
            // What was printed is not printed again.
            #expect(try run(read).lines.isEmpty)
        }

        @Test(arguments: [false, true])
        func `what waits for an open transaction is told`(isServed: Bool) throws {
            try succeed("topic", "create", "lines")
            try succeed("produce", "lines", input: "before\n")
            try OpenTransaction.leave("hangs", in: data, timeout: .seconds(600))
            try succeed("produce", "lines", input: "a\nb\n")
            let owner = isServed ? try OwnerProcess.serve(data, folder) : nil
            let outcome = try run(["consume", "lines", "--until-end"])
            #expect(outcome.status == 0)
            #expect(outcome.lines == ["before"])
            #expect(
                outcome.errors.hasPrefix(
                    "note: lines-0: 3 offsets behind what was printed wait for a transaction that "
                        + "is open: millrace txn list --data "
                ),
                "\(outcome.errors)"
            )
            let all = try run(
                ["consume", "lines", "--until-end", "--isolation", "read_uncommitted"]
            )
            #expect(all.lines.count == 4 && all.errors.isEmpty, "\(all)")
            try owner?.stop()
        }
    }
}
