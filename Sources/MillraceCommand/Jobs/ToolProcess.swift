import Foundation
import Glibc
import Synchronization
import Terminal

/// The process id of the tool that runs, for a signal's handler; 0 for none.
private let runningTool = Atomic<Int32>(0)

/// A tool that runs as a child, and what it printed.
struct ToolProcess {
    let status: Int32
    let output: String

    /// Runs `words` to its end. Its output is kept, and with `shows` goes to standard error too,
    /// which is how a person sees a long build move. It has this process's environment and, over
    /// it, `environment`.
    static func run(
        _ words: [String],
        environment: [String: String] = [:],
        shows: Bool
    ) throws(CommandFailure) -> ToolProcess {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = words
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
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
        runningTool.store(process.processIdentifier, ordering: .sequentiallyConsistent)
        let former = Self.passSignalsOn()
        defer {
            runningTool.store(0, ordering: .sequentiallyConsistent)
            for (number, handler) in former { signal(number, handler) }
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

    /// A signal that ends this process ends the tool first, which would go on alone and hold the
    /// build's folder. Those that are ignored stay ignored.
    private static func passSignalsOn() -> [(Int32, sighandler_t?)] {
        [SIGHUP, SIGINT, SIGQUIT, SIGTERM].compactMap { number in
            let former = signal(number) { number in
                let tool = runningTool.load(ordering: .sequentiallyConsistent)
                if tool > 0 { kill(tool, number) }
                signal(number, SIG_DFL)
                raise(number)
            }
            // SAFETY: both stand for addresses of C functions; they are only compared.
            let isIgnored =
                unsafeBitCast(former, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
            if isIgnored { signal(number, SIG_IGN) }
            return (number, former)
        }
    }
}
