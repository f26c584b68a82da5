import DirectoryAccess
import Foundation
import LogModel
import Testing

@testable import ClientCommands

extension EndToEnd {
    /// What a signal, and the want of anything to do, mean to the commands of dead letters.
    @Suite(.serialized) struct LetterSignalTests: DirectorySuite {
        private static let letters = "p-dead-letters"

        let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder()
            try succeed("topic", "create", "payments")
            try succeed("topic", "create", Self.letters)
        }

        private func write(_ count: Int, of source: String = "payments") throws {
            try succeed(
                "produce",
                Self.letters,
                "--header",
                "__streams.errors.topic=\(source)",
                "--header",
                "__streams.errors.partition=0",
                "--header",
                "__millrace.errors.reason=refused",
                input: (0..<count).map { "\($0)\n" }.joined()
            )
        }

        private static let commands = [
            ["dlq", "replay", letters, "--all"], ["dlq", "park", letters, "--all"],
            ["dlq", "drop", letters, "--all", "--reason", "old"],
        ]

        @Test(arguments: commands)
        func `a look at what would be done ends at a signal, and says so`(
            words: [String]
        ) throws {
            let count = 200_000
            try write(count)
            let output = folder.url.appending(path: "output")
            let process = try Millrace.start(
                Millrace.executable,
                words + ["--dry-run", "--data", data],
                input: nil,
                output: output,
                errors: folder.url.appending(path: "errors")
            )
            let deadline = Date(timeIntervalSinceNow: 60)
            while !isOwner(process.processIdentifier), process.isRunning, Date() < deadline {
                usleep(500)
            }
            process.interrupt()
            process.waitUntilExit()
            let said = try String(contentsOf: output, encoding: .utf8)
            #expect(process.terminationStatus == 130, "\(said)")
            #expect(said.contains("stopped by a signal: there may be more"), "\(said)")
            #expect(!said.contains("200,000"), "\(said)")
        }

        @Test(arguments: commands)
        func `nothing is made where there is nothing to note`(words: [String]) throws {
            let isReplay = words[1] == "replay"
            // Of a topic that is not there, so that it is left open.
            if isReplay { try write(1, of: "nowhere") }
            let outcome = try succeed(words)
            #expect(outcome.output.contains(" 0 dead letters"), "\(outcome.output)")
            #expect(outcome.output.contains("left open: 1 dead letter") == isReplay)
            let topics = try succeed("topic", "list", "--internal").output
            #expect(!topics.contains("-audit") && !topics.contains("__transaction"), "\(topics)")
            try write(1)
            try succeed(words)
            #expect(try succeed("topic", "list").output.contains("\(Self.letters)-audit"))
        }

        /// The signal is there before the first record is looked at, or a note of what was done.
        @Test func `looking for dead letters, and for what was done about them, can be stopped`()
            throws
        {
            try write(10)
            try succeed("dlq", "park", Self.letters, "--where", "offset=3")
            let log = try OpenLog(data, creates: false)
            defer { #expect(throws: Never.self) { try log.close() } }
            let served = ServedLog(inProcess: log)
            #expect(throws: ScanStopped.self) {
                try served.letterTopic(Self.letters) { true }
            }
            let letters = try served.letterTopic(Self.letters) { false }
            #expect(throws: ScanStopped.self) {
                _ = try served.states(of: letters, isStopped: { true })
            }
            let states = try served.states(of: letters, isStopped: { false })
            let all = try LetterConditions([], now: Timestamp(0))
            var count = 0
            let isCutShort = try served.scanLetters(of: letters, all, states, isStopped: { true }) {
                _,
                _ in
                count += 1
                return true
            }
            #expect(isCutShort && count == 0)
        }

        /// Records that are no dead letters are all looked at before that is said.
        @Test(arguments: commands)
        func `the first look at a topic ends at a signal`(words: [String]) throws {
            let text = (0..<400_000).map { "\($0)\n" }.joined()
            try succeed("produce", Self.letters, input: text)
            try write(1)
            let output = folder.url.appending(path: "output")
            let errors = folder.url.appending(path: "errors")
            let process = try Millrace.start(
                Millrace.executable,
                words + ["--data", data],
                input: nil,
                output: output,
                errors: errors
            )
            let deadline = Date(timeIntervalSinceNow: 60)
            while !isOwner(process.processIdentifier), process.isRunning, Date() < deadline {
                usleep(500)
            }
            process.terminate()
            process.waitUntilExit()
            let said = try String(contentsOf: output, encoding: .utf8)
            #expect(process.terminationStatus == 143, "\(said)")
            #expect(said.contains("ed 0 dead letters\nstopped by a signal: "), "\(said)")
            #expect(try String(contentsOf: errors, encoding: .utf8) == "")
            #expect(!(try succeed("topic", "list").output.contains("-audit")))
            #expect(try succeed("dlq", "list").output.contains("1 dead letter, 1 open"))
        }

        @Test func `a scan that is stopped says so, one that comes to its end does not`() throws {
            try write(10)
            let log = try OpenLog(data, creates: false)
            defer { #expect(throws: Never.self) { try log.close() } }
            let served = ServedLog(inProcess: log)
            let letters = try served.letterTopic(Self.letters)
            let states = try served.states(of: letters)
            let all = try LetterConditions([], now: Timestamp(0))
            var count = 0
            let isCutShort = try served.scanLetters(
                of: letters,
                all,
                states,
                isStopped: { count == 3 }
            ) { _, _ in
                count += 1
                return true
            }
            #expect(isCutShort && count == 3)
            #expect(
                try !served.scanLetters(of: letters, all, states, isStopped: { false }) { _, _ in
                    count += 1
                    return count < 8
                }
            )
            #expect(count == 8)
        }
    }
}
