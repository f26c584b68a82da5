import Foundation
import Terminal

/// A tool that runs as a child, and what it printed.
struct ToolProcess {
    let status: Int32
    let output: String

    /// Runs `words` to its end. Its output is kept, and with `shows` goes to standard error too,
    /// which is how a person sees a long build move.
    static func run(_ words: [String], shows: Bool) throws(CommandFailure) -> ToolProcess {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = words
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw CommandFailure(
                "cannot start \(words[0])",
                reason: "\(error)",
                next: "see that it is in PATH"
            )
        }
        var output = Data()
        while true {
            let part = pipe.fileHandleForReading.availableData
            if part.isEmpty { break }
            output.append(part)
            if shows { part.withUnsafeBytes { _ = TextOutput.error.write($0) } }
        }
        process.waitUntilExit()
        return ToolProcess(
            status: process.terminationStatus,
            output: String(decoding: output, as: UTF8.self)
        )
    }
}
