import Foundation
import MillraceTestKit
import Testing

extension EndToEnd {
    /// `kill -9` of a running job with 40 output partitions, at moments by a printed seed: at work,
    /// and while it opens the log that the kill before left.
    @Suite(.serialized) struct KillTests {
        private static let inputPartitionCount = 4
        private static let outputPartitionCount = 40
        private static let pieceCount = 20
        /// Lines of a piece: some commits' worth at this interval.
        private static let pieceLineCount = 300
        private static let commitInterval = "10ms"
        /// What a word adds to the output topic at least: key, value and the record's own fields.
        private static let bytesPerWord = 16
        /// Longer than the log takes to open: the rest meets restores and first commits.
        private static let openingMicroseconds = 40_000

        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws { folder = try TemporaryFolder() }

        /// When a job is killed.
        private enum Moment {
            /// Once the output topic has grown by so many bytes.
            case afterOutput(byteCount: Int)
            /// So long after it became the owner of the directory.
            case afterLock(microseconds: Int)
        }

        private struct Piece {
            var file: URL
            var wordCount: Int
        }

        @Test func `a job killed again and again counts every word exactly once`() throws {
            let environment = ProcessInfo.processInfo.environment
            let killCount = environment["MILLRACE_KILLS"].flatMap { Int($0) } ?? 20
            let seed =
                environment["MILLRACE_SEED"].flatMap { UInt64($0) }
                ?? UInt64.random(in: 1...999_999)
            print("KILLS: \(killCount), seed \(seed); MILLRACE_SEED=\(seed) brings the same kills")
            var generator = SeededGenerator(seed: seed)
            let check = WordCountCheck(data: data, folder: folder)
            let pieces = try self.pieces(of: try check.makeText())
            let produced = try folder.write("produced", "")
            try createTopic("lines", Self.inputPartitionCount)
            try createTopic("word-counts", Self.outputPartitionCount)
            // Built once, so that each run begins at once.
            try Millrace.succeed("describe", "Jobs/WordCount")

            var round = 0
            while round < killCount {
                let piece = pieces[round % pieces.count]
                try Millrace.succeed("produce", "lines", "--data", data, input: piece.file)
                _ = try Millrace.shell("cat '\(piece.file.path)' >> '\(produced.path)'")
                let surely = piece.wordCount * Self.bytesPerWord
                try killJob(.afterOutput(byteCount: generator.below(surely * 9 / 10)), round)
                round += 1
                // What opens next finds an opening that was cut short.
                while round < killCount, generator.oneIn(3) {
                    let delay = generator.below(Self.openingMicroseconds)
                    try killJob(.afterLock(microseconds: delay), round)
                    round += 1
                }
            }
            let last = try Millrace.countWords(in: data, "--json")
            #expect(last.output.contains("\"stores_wiped\":0,"))
            try check.expectCounts(of: produced)
            let verification = try Millrace.run("log", "verify", "--data", data)
            #expect(verification.status == 0, "\(verification.output)\(verification.errors)")
        }

        private func createTopic(_ name: String, _ partitions: Int) throws {
            try Millrace.succeed(
                "topic",
                "create",
                name,
                "--partitions",
                "\(partitions)",
                "--data",
                data
            )
        }

        /// The text's first pieces, which are used again where there are more kills.
        private func pieces(of text: URL) throws -> [Piece] {
            let lines = try String(contentsOf: text, encoding: .utf8).split(separator: "\n")
            let size = min(lines.count / Self.pieceCount, Self.pieceLineCount)
            return try (0..<Self.pieceCount).map { index in
                let piece = lines[index * size..<(index + 1) * size].joined(separator: "\n")
                let file = try folder.write("piece-\(index)", piece + "\n")
                let words = try Millrace.shell(
                    "LC_ALL=C grep -oiE \"[a-z']+\" '\(file.path)' | wc -l"
                )
                return Piece(
                    file: file,
                    wordCount: try #require(words.lines.first.flatMap { Int($0) })
                )
            }
        }

        /// Runs the job and kills it at its moment.
        private func killJob(_ moment: Moment, _ round: Int) throws {
            let before = outputByteCount()
            let errors = folder.url.appending(path: "errors-\(round)")
            let process = try Millrace.start(
                Millrace.jobBinary("WordCount"),
                ["run", "--data", data, "--commit-interval", Self.commitInterval],
                input: nil,
                output: folder.url.appending(path: "output-\(round)"),
                errors: errors
            )
            let deadline = Date(timeIntervalSinceNow: 120)
            var isReached: Bool {
                switch moment {
                case .afterOutput(let byteCount): outputByteCount() - before >= byteCount
                case .afterLock: lockNames(process.processIdentifier)
                }
            }
            while process.isRunning, !isReached, Date() < deadline { usleep(500) }
            if case .afterLock(let microseconds) = moment { usleep(UInt32(microseconds)) }
            #expect(process.isRunning, "round \(round): the job ended by itself")
            #expect(Date() < deadline, "round \(round): the job came to a stop")
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            #expect(process.terminationReason == .uncaughtSignal)
            let said = try String(contentsOf: errors, encoding: .utf8)
            #expect(!said.contains("warning: the store"), "round \(round): \(said)")
        }

        /// Whether this process owns the directory.
        private func lockNames(_ process: Int32) -> Bool {
            guard let bytes = FileManager.default.contents(atPath: "\(data)/millrace.lock") else {
                return false
            }
            return String(decoding: bytes, as: UTF8.self)
                .split { !$0.isNumber }.contains { $0 == "\(process)" }
        }

        /// Bytes in the output topic's segments.
        private func outputByteCount() -> Int {
            (0..<Self.outputPartitionCount).reduce(0) { sum, partition in
                let log = "\(data)/word-counts-\(partition)/00000000000000000000.log"
                var status = stat()
                return stat(log, &status) == 0 ? sum + Int(status.st_size) : sum
            }
        }
    }
}
