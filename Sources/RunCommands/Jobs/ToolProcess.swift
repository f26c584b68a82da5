import Foundation
import FoundationErrors
import Glibc
import Synchronization
import Terminal

/// The process id of the tool that runs, for a signal's handler; 0 for none.
private let runningTool = Atomic<Int32>(0)

/// How long the tool may take for an interrupt, in steps of ten milliseconds.
private let interruptSteps = 30

/// Ends the tool, in a signal's handler. An interrupt brings it to end its compilers too; where it
/// ignores one, or does not listen yet, it is ended without.
private func endTool(_ tool: Int32, beforeIt number: Int32) {
    kill(tool, SIGINT)
    for _ in 0..<interruptSteps {
        // Whoever has waited for it already has seen its end as well.
        if waitpid(tool, nil, WNOHANG) != 0 { return }
        usleep(10_000)
    }
    kill(tool, number == SIGHUP ? SIGHUP : SIGTERM)
}

/// Swift, run as a child, and what it printed.
struct ToolProcess {
    let status: Int32
    let output: String

    /// The signal that ended a compiler, as the package manager tells; nil where none did.
    var compilerSignal: Int32? {
        output.matches(of: /failed due to signal(?: ([0-9]+))?/).last.map { found in
            found.1.flatMap { Int32($0) } ?? SIGKILL
        }
    }

    /// Runs `swift` with `words` to its end. Its output is kept, and with `shows` goes to standard
    /// error too, which is how a person sees a long build move; without it, that it waits for
    /// another one is told, and now and then that `work` goes on. It has this process's environment
    /// and, over it, `environment`.
    static func run(
        _ words: [String],
        of work: String,
        environment: [String: String] = [:],
        shows: Bool
    ) throws(CommandFailure) -> ToolProcess {
        let process = try make(words, environment)
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        let output = try running(process) {
            read(pipe.fileHandleForReading, of: work, shows: shows)
        }
        return ToolProcess(
            status: process.terminationStatus,
            output: String(decoding: output, as: UTF8.self)
        )
    }

    /// Runs `swift` with `words` to its end, its output being this process's own; its exit code, or
    /// the number of the signal that ended it.
    static func run(
        _ words: [String],
        environment: [String: String]
    ) throws(CommandFailure) -> Int32 {
        let process = try make(words, environment)
        try running(process) {}
        return process.terminationStatus
    }

    private static func make(
        _ words: [String],
        _ environment: [String: String]
    ) throws(CommandFailure) -> Process {
        let own = ProcessInfo.processInfo.environment
        let process = Process()
        process.executableURL = URL(filePath: try swift(in: own["PATH"]))
        process.arguments = words
        process.environment = own.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        return process
    }

    /// Does something while the tool runs, then waits for its end.
    private static func running<Result>(
        _ process: Process,
        _ body: () -> Result
    ) throws(CommandFailure) -> Result {
        let blocked = letSignalsThrough()
        defer { restore(blocked) }
        do {
            try process.run()
        } catch {
            throw CommandFailure(
                "Swift does not start",
                place: process.executableURL?.path,
                reason: systemWords(of: error),
                next: "see that 'swift --version' works"
            )
        }
        runningTool.store(process.processIdentifier, ordering: .sequentiallyConsistent)
        let former = passSignalsOn()
        defer {
            runningTool.store(0, ordering: .sequentiallyConsistent)
            for (number, handler) in former { signal(number, handler) }
        }
        let result = body()
        process.waitUntilExit()
        return result
    }

    /// The program that a shell would start for the word `swift`.
    private static func swift(in path: String?) throws(CommandFailure) -> String {
        // As execvp has it where nothing is said.
        let folders = (path ?? "/bin:/usr/bin").split(separator: ":")
        let places = folders.map { "\($0)/swift" }
        let found = places.first { place in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: place, isDirectory: &isFolder)
                && !isFolder.boolValue && FileManager.default.isExecutableFile(atPath: place)
        }
        guard let found else {
            throw CommandFailure(
                "Swift was not found, and a job is built with it",
                reason: "no folder of PATH has a program 'swift'",
                next: "install Swift from https://www.swift.org/install, or put the folder of its "
                    + "programs into PATH, then the same command"
            )
        }
        return found
    }

    /// What the tool prints, to its end.
    private static func read(_ handle: FileHandle, of work: String, shows: Bool) -> Data {
        var output = Data()
        var hasToldOfWait = false
        let clock = ContinuousClock()
        var progress = BuildProgress(of: work, from: clock.now)
        while true {
            if !shows {
                while !hasMore(handle, within: progress.deadline - clock.now) {
                    if let line = progress.line(at: clock.now) { TextOutput.error.write(line) }
                }
            }
            let part = handle.availableData
            if part.isEmpty { return output }
            output.append(part)
            if shows {
                part.withUnsafeBytes { _ = TextOutput.error.write($0) }
                continue
            }
            progress.note(part)
            if !hasToldOfWait, let wait = BuildWait(part), !hasMore(handle, within: waitLimit) {
                TextOutput.error.write("note: \(wait.words)\n")
                hasToldOfWait = true
            }
            if let line = progress.line(at: clock.now) { TextOutput.error.write(line) }
        }
    }

    /// The tool prints more, or ends, within this time where no words about its waiting are needed.
    private static let waitLimit = Duration.milliseconds(1_500)

    /// Whether the tool prints more, or ends, within `limit`.
    private static func hasMore(_ handle: FileHandle, within limit: Duration) -> Bool {
        var state = pollfd(fd: handle.fileDescriptor, events: Int16(POLLIN), revents: 0)
        let milliseconds = (max(.zero, limit).seconds * 1000).rounded(.up)
        return poll(&state, 1, Int32(clamping: Int64(milliseconds))) != 0
    }

    private static let endings = [SIGHUP, SIGINT, SIGQUIT, SIGTERM]

    /// Who starts this process may have blocked signals, which it and the tool would inherit; the
    /// set that was blocked.
    private static func letSignalsThrough() -> sigset_t {
        var signals = sigset_t()
        var former = sigset_t()
        sigemptyset(&signals)
        for number in endings { sigaddset(&signals, number) }
        pthread_sigmask(SIG_UNBLOCK, &signals, &former)
        return former
    }

    private static func restore(_ blocked: sigset_t) {
        var blocked = blocked
        pthread_sigmask(SIG_SETMASK, &blocked, nil)
    }

    /// A signal that ends this process ends the tool first, which would go on alone and hold the
    /// build's folder. The tool gets an interrupt whatever came: of it alone it ends its compilers
    /// as well, each a process group of its own. Signals that are ignored stay ignored.
    private static func passSignalsOn() -> [(Int32, sighandler_t?)] {
        endings.map { number in
            let former = signal(number) { number in
                let tool = runningTool.load(ordering: .sequentiallyConsistent)
                if tool > 0 { endTool(tool, beforeIt: number) }
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

/// The package manager waits for another process of its kind, as its own line says.
struct BuildWait: Equatable {
    /// The process that is waited for, and the folder that it builds in, where the line has them.
    let process: String?
    let folder: String?

    /// Nil where what was printed says no such thing.
    init?(_ output: Data) {
        let text = String(decoding: output, as: UTF8.self)
        guard let line = text.split(separator: "\n").last(where: { $0.contains(Self.sign) }) else {
            return nil
        }
        process = line.firstMatch(of: /PID: ([0-9]+)/).map { String($0.1) }
        folder = line.firstMatch(of: /using '([^']*)'/).map { String($0.1) }
    }

    private static let sign = "Another instance of SwiftPM"

    var words: String {
        "the build waits for another one"
            + (process.map { ", of process \($0)" } ?? "")
            + (folder.map { ", in \($0)" } ?? "")
    }
}
