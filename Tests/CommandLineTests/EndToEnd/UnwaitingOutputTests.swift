import Foundation
import Terminal
import Testing

extension EndToEnd {
    /// Standard input and output that do not wait by themselves (O_NONBLOCK), as other programs
    /// hand them on.
    @Suite(.serialized) struct UnwaitingOutputTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        /// Runs a command into such a pipe, of which nothing is read before it is full.
        private func read(_ words: [String]) throws -> (status: Int32, text: String, error: String)
        {
            let pipe = Pipe()
            let writer = pipe.fileHandleForWriting
            let flags = fcntl(writer.fileDescriptor, F_GETFL)
            #expect(fcntl(writer.fileDescriptor, F_SETFL, flags | O_NONBLOCK) == 0)
            let errors = folder.url.appending(path: "errors")
            try Data().write(to: errors)
            let process = Process()
            process.executableURL = Millrace.executable
            process.arguments = words
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = writer
            process.standardError = try FileHandle(forWritingTo: errors)
            try process.run()
            let reader = pipe.fileHandleForReading.fileDescriptor
            let deadline = Date(timeIntervalSinceNow: 60)
            while !Self.isFull(writer.fileDescriptor), process.isRunning, Date() < deadline {
                usleep(1000)
            }
            try writer.close()
            var bytes: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 10_000)
            while true {
                let count = Glibc.read(reader, &piece, piece.count)
                guard count > 0 else { break }
                bytes += piece.prefix(count)
            }
            process.waitUntilExit()
            return (
                process.terminationStatus, String(decoding: bytes, as: UTF8.self),
                try String(contentsOf: errors, encoding: .utf8)
            )
        }

        private static func isFull(_ descriptor: Int32) -> Bool {
            var output = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            return poll(&output, 1, 0) == 0
        }

        @Test func `dumps and records are printed whole`() throws {
            try succeed("topic", "create", "lines")
            let lines = (1...20_000).map { "line \($0)\n" }.joined()
            try succeed("produce", "lines", input: lines)
            for words in [
                ["log", "dump", "--records", "--data", data],
                ["consume", "lines", "--until-end", "--data", data],
            ] {
                let whole = try Millrace.tool(Millrace.executable, words, input: nil)
                #expect(whole.output.utf8.count > 1 << 16, "\(words): the pipe takes all of it")
                let outcome = try read(words)
                #expect(outcome.status == 0 && outcome.error.isEmpty, "\(outcome.error)")
                #expect(outcome.text == whole.output, "\(words)")
            }
        }

        /// The rest of the password comes once the first half was read.
        @Test func `an input that has nothing yet is waited for`() throws {
            try succeed("topic", "create", "lines")
            let pipe = Pipe()
            let (reader, writer) = (pipe.fileHandleForReading, pipe.fileHandleForWriting)
            let flags = fcntl(reader.fileDescriptor, F_GETFL)
            #expect(fcntl(reader.fileDescriptor, F_SETFL, flags | O_NONBLOCK) == 0)
            try writer.write(contentsOf: Data("a-pass".utf8))
            let errors = folder.url.appending(path: "errors")
            try Data().write(to: errors)
            let process = Process()
            process.executableURL = Millrace.executable
            process.arguments = ["user", "set", "ada", "--data", data]
            process.standardInput = reader
            process.standardOutput = FileHandle.nullDevice
            process.standardError = try FileHandle(forWritingTo: errors)
            try process.run()
            let deadline = Date(timeIntervalSinceNow: 60)
            while Self.hasMore(reader.fileDescriptor), process.isRunning, Date() < deadline {
                usleep(1000)
            }
            try writer.write(contentsOf: Data("word-1\n".utf8))
            try writer.close()
            process.waitUntilExit()
            let said = try String(contentsOf: errors, encoding: .utf8)
            #expect(process.terminationStatus == 0, "\(said)")
        }

        private static func hasMore(_ descriptor: Int32) -> Bool {
            var input = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&input, 1, 0) > 0
        }
    }
}
