import Foundation
import Testing

extension EndToEnd {
    /// A run over stores that were damaged on disk.
    @Suite(.serialized) struct DamagedStoreTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws { folder = try TemporaryFolder() }

        @Test func `a damaged store is rebuilt from its changelog, which a warning says`() throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            _ = try count("a rose is a rose\n")
            let store = folder.path("data/.millrace/state/word-count/counts-0")
            let current = try String(contentsOfFile: "\(store)/CURRENT", encoding: .utf8)
            let manifest = "\(store)/\(current.trimmingCharacters(in: .newlines))"
            try Data("no manifest".utf8).write(to: URL(filePath: manifest))

            let rebuilt = try count("is a rose\n")
            let lines = rebuilt.errors.split(separator: "\n").filter { $0.contains("counts-0") }
            #expect(lines.count == 1, "\(rebuilt.errors)")
            #expect(
                lines.first?.hasPrefix(
                    "warning: the store \(store) is rebuilt from its changelog: Corruption: "
                ) == true,
                "\(rebuilt.errors)"
            )
            let again = try count("rose\n")
            #expect(!again.errors.contains("counts-0"), "\(again.errors)")

            let counts = try Millrace.consumeCounts(
                of: data,
                "--value",
                "int64",
                "--format",
                "%k%s\\n"
            )
            #expect(
                counts.lines == [
                    "a1", "rose1", "is1", "a2", "rose2", "is2", "a3", "rose3", "rose4",
                ]
            )
        }

        /// Produces a text and counts its words.
        private func count(_ text: String) throws -> Millrace.Outcome {
            let input = try folder.write("input", text)
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
            return try Millrace.countWords(in: data)
        }
    }
}
