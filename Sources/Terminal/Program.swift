#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Runs a command line: help, errors in words, exit codes.
package struct Program: Sendable {
    package let root: Command
    /// What an error of the work says to a person, for errors that are not `CommandFailure`s.
    package let explain: @Sendable (any Error) -> CommandFailure

    package init(
        _ root: Command,
        explain: @escaping @Sendable (any Error) -> CommandFailure = { CommandFailure("\($0)") }
    ) {
        self.root = root
        self.explain = explain
    }

    /// Does what `words` (without the program's name) ask and returns how it ended.
    package func run(_ words: [String]) -> ExitStatus {
        let status = end(of: words)
        guard let reason = TextOutput.standardFailure else { return status }
        // Who gives it again because it failed would have its work done twice.
        let failure = CommandFailure(
            "the output could not be written: \(reason)",
            reason: status == .done
                ? "what was to be printed is cut off; what the command changed stays changed" : nil
        )
        TextOutput.error.write(failure.text + "\n")
        // What a command found out, or why it ended, stands: its status says it.
        return status == .done ? failure.status : status
    }

    private func end(of words: [String]) -> ExitStatus {
        // A reader that went away ends the output, not with a signal; a file that may not grow
        // further is like a full disk.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        // Swift's runtime would print where each thread is, and go on.
        signal(SIGQUIT, SIG_DFL)
        var quit = sigset_t()
        sigemptyset(&quit)
        sigaddset(&quit, SIGQUIT)
        pthread_sigmask(SIG_UNBLOCK, &quit, nil)
        do {
            switch try ArgumentParser(root).parse(words) {
            case .help(let command, let path):
                let output = TextOutput.standard
                let width = output.isTerminal ? output.columnCount : nil
                output.write(HelpText.page(of: command, path: path, width: width) + "\n")
                return .done
            case .run(let command, let invocation):
                return try run(command, invocation)
            }
        } catch let error as UsageError {
            TextOutput.error.write(Self.text(of: error, program: root.name) + "\n")
            return .usage
        } catch let failure as CommandFailure {
            TextOutput.error.write(failure.text + "\n")
            return failure.status
        } catch {
            let failure = explain(error)
            TextOutput.error.write(failure.text + "\n")
            return failure.status
        }
    }

    private func run(_ command: Command, _ invocation: Invocation) throws -> ExitStatus {
        guard let body = command.body else { return .usage }
        do { return try body(invocation) } catch var error as UsageError where error.path.isEmpty {
            error.path = invocation.path
            throw error
        }
    }

    /// Runs the process's own arguments and ends it.
    package func main() -> Never {
        TextOutput.takeStandardDescriptors()
        exit(run(Array(CommandLine.arguments.dropFirst())).rawValue)
    }

    /// The lines that a refused command line prints.
    package static func text(of error: UsageError, program: String) -> String {
        var lines = ["error: \(visible(error.message))"]
        if let suggestion = error.suggestion { lines.append("  \(visible(suggestion))") }
        let path = error.path.isEmpty ? [program] : error.path
        lines.append("  next: \(path.joined(separator: " ")) --help")
        return lines.joined(separator: "\n")
    }
}
