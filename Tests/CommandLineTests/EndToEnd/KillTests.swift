import Foundation
import MillraceTestKit
import Testing

extension EndToEnd {
    /// `kill -9` of a running job, at moments by a printed seed.
    @Suite(.serialized) struct KillTests {
        private static let killCount = 20
        /// What a word adds to the output topic at least: key, value and the record's own fields.
        private static let bytesPerWord = 16

        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws { folder = try TemporaryFolder() }

        @Test func `a job killed at 20 moments counts every word exactly once`() throws {
            let seed =
                ProcessInfo.processInfo.environment["MILLRACE_SEED"].flatMap { UInt64($0) }
                ?? UInt64.random(in: 1...999_999)
            print("KILLS: seed \(seed); MILLRACE_SEED=\(seed) brings the same kills")
            var generator = SeededGenerator(seed: seed)
            let pieces = try self.pieces()
            try Millrace.succeed("topic", "create", "lines", "--partitions", "4", "--data", data)
            // Built once, so that each run begins at once.
            try Millrace.succeed("describe", "Jobs/WordCount")

            for (round, piece) in pieces.enumerated() {
                try Millrace.succeed("produce", "lines", "--data", data, input: piece.file)
                let surely = piece.wordCount * Self.bytesPerWord
                try killJob(round: round, afterOutput: generator.below(surely * 9 / 10))
            }
            let last = try Millrace.countWords(in: data, "--json")
            #expect(last.output.contains("\"stores_wiped\":0,"))
            try checkCounts(pieces)
            let verification = try Millrace.run("log", "verify", "--data", data)
            #expect(verification.status == 0, "\(verification.output)\(verification.errors)")
        }

        private struct Piece {
            var file: URL
            var text: String
            var wordCount: Int
        }

        /// A text in as many pieces as there are kills.
        private func pieces() throws -> [Piece] {
            let lines = try text().split(separator: "\n")
            let size = (lines.count + Self.killCount - 1) / Self.killCount
            return try (0..<Self.killCount).map { index in
                let start = min(index * size, lines.count)
                let text = lines[start..<min(start + size, lines.count)].joined(separator: "\n")
                return Piece(
                    file: try folder.write("piece-\(index)", text + "\n"),
                    text: text,
                    wordCount: Self.words(of: text).count
                )
            }
        }

        private func text() throws -> String {
            let source = Millrace.shared.appending(path: "data/kjv.txt.gz")
            guard FileManager.default.fileExists(atPath: source.path) else {
                print("SKIPPED: the King James text needs ../shared; the documents are counted")
                return try Millrace.shell("cat README.md docs/*.md docs/*/*.md").output
            }
            return try Millrace.shell("gzip -dc '\(source.path)'").output
        }

        /// Runs the job and kills it once its output topic has grown by so many bytes.
        private func killJob(round: Int, afterOutput byteCount: Int) throws {
            let before = outputByteCount()
            let errors = folder.url.appending(path: "errors-\(round)")
            let process = try Millrace.start(
                Millrace.executable,
                ["run", "Jobs/WordCount", "--data", data],
                input: nil,
                output: folder.url.appending(path: "output-\(round)"),
                errors: errors
            )
            let deadline = Date(timeIntervalSinceNow: 120)
            while process.isRunning, outputByteCount() - before < byteCount, Date() < deadline {
                usleep(500)
            }
            #expect(process.isRunning, "round \(round): the job ended by itself")
            #expect(Date() < deadline, "round \(round): the job came to a stop")
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            #expect(process.terminationReason == .uncaughtSignal)
            let said = try String(contentsOf: errors, encoding: .utf8)
            #expect(!said.contains("warning: the store"), "round \(round): \(said)")
        }

        /// Bytes in the output topic's segments.
        private func outputByteCount() -> Int {
            (0..<4).reduce(0) { sum, partition in
                let log = "\(data)/word-counts-\(partition)/00000000000000000000.log"
                var status = stat()
                return stat(log, &status) == 0 ? sum + Int(status.st_size) : sum
            }
        }

        private static func words(of text: String) -> [Substring.UTF8View.SubSequence] {
            text.utf8.split { byte in
                let lower = byte | 0x20
                return !(lower >= 0x61 && lower <= 0x7a && byte & 0x40 != 0) && byte != 0x27
            }
        }

        /// Every word's updates are 1 … n, and n is what the text says.
        private func checkCounts(_ pieces: [Piece]) throws {
            var expected: [String: Int] = [:]
            for word in pieces.lazy.flatMap({ Self.words(of: $0.text) }) {
                expected[
                    String(decoding: word.map { $0 == 0x27 ? $0 : $0 | 0x20 }, as: UTF8.self),
                    default: 0
                ] += 1
            }
            let consumed = try Millrace.consumeCounts(
                of: data,
                "--isolation",
                "read_committed",
                "--value",
                "int64",
                "--format",
                "%k\\t%s\\n"
            )
            var counts: [String: Int] = [:]
            for line in consumed.output.utf8.split(separator: 0x0a) {
                let fields = line.split(separator: 0x09)
                let word = String(decoding: fields.first ?? line, as: UTF8.self)
                let count = Int(String(decoding: fields.last ?? line, as: UTF8.self))
                let before = counts[word, default: 0]
                try #require(count == before + 1, "\(word): \(count ?? -1) after \(before)")
                counts[word] = before + 1
            }
            #expect(counts == expected)
        }
    }
}
