import Foundation
import LogModel
import Testing

extension EndToEnd {
    /// What `consume --last` prints.
    @Suite(.serialized) struct LastRecordTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        private func last(_ count: Int, _ options: String...) throws -> [String] {
            try succeed(["consume", "lines", "--until-end", "--last", "\(count)"] + options).lines
        }

        @Test(arguments: [false, true])
        func `the last records are those that a reader sees, whatever has offsets behind them`(
            isServed: Bool
        ) throws {
            try succeed("topic", "create", "lines")
            try succeed(["produce", "lines"], input: "a\nb\nc\n")
            try OpenTransaction.end(["d", "e"], in: data, .commit)
            try OpenTransaction.end((0..<100).map { "aborted \($0)" }, in: data, .abort)
            let owner = isServed ? try OwnerProcess.serve(data, folder) : nil
            #expect(try last(1) == ["e"])
            #expect(try last(2) == ["d", "e"])
            #expect(try last(4) == ["b", "c", "d", "e"])
            #expect(try last(5) == ["a", "b", "c", "d", "e"])
            #expect(try last(1_000) == ["a", "b", "c", "d", "e"])
            #expect(try last(3, "--max", "1") == ["c"])
            let all = ["--isolation", "read_uncommitted"]
            #expect(try last(2, all[0], all[1]) == ["aborted 98", "aborted 99"])
            #expect(try last(2, "--group", "g") == ["d", "e"])
            #expect(try succeed("consume", "lines", "--until-end", "--group", "g").lines == [])
            try owner?.stop()
        }

        @Test func `the last records of a batch, and behind a log start in it, are counted alone`()
            throws
        {
            try succeed("topic", "create", "lines")
            try succeed(["produce", "lines"], input: (0..<200).map { "\($0)\n" }.joined())
            try succeed(
                "topic",
                "delete-records",
                "lines",
                "--before",
                "150",
                "--execute"
            )
            #expect(try last(2) == ["198", "199"])
            #expect(try last(1_000) == (150..<200).map { "\($0)" })
        }

        @Test func `where damage lies in front of them, what is there is printed and it is told`()
            throws
        {
            try succeed("topic", "create", "lines")
            let filler = String(repeating: "x", count: 6_000)
            for line in ["a", filler, filler] { try succeed(["produce", "lines"], input: line) }
            try OpenTransaction.end(["b"], in: data, .commit)
            let segment = URL(filePath: "\(data)/lines-0/00000000000000000000.log")
            var bytes = try Data(contentsOf: segment)
            bytes[65] ^= 0x10
            try bytes.write(to: segment)
            #expect(try last(1) == ["b"])
            #expect(try last(3) == [filler, filler, "b"])
            let fewer = try run(["consume", "lines", "--until-end", "--last", "4"])
            #expect(fewer.status == 1)
            #expect(fewer.lines == [filler, filler, "b"])
            #expect(
                fewer.errors.contains("fewer records are printed than --last says"),
                "\(fewer.errors)"
            )
        }
    }
}
