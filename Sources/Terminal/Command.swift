/// A command as a value: what it is called, takes and does. One with subcommands does nothing
/// itself.
package struct Command: Sendable {
    package var name: String
    /// One line, lower case, without a full stop.
    package var summary: String
    /// What is worth knowing beyond the options; shown by `--help`.
    package var discussion: String
    package var parameters: [ParameterDeclaration]
    /// Whole command lines, with what they do.
    package var examples: [Example]
    package var subcommands: [Command]
    package var body: (@Sendable (Invocation) throws -> ExitStatus)?

    package struct Example: Sendable {
        package var line: String
        package var meaning: String
        package init(_ line: String, _ meaning: String) {
            self.line = line
            self.meaning = meaning
        }
    }

    /// A command that does something.
    package init(
        _ name: String,
        summary: String,
        discussion: String = "",
        parameters: [ParameterDeclaration],
        examples: [Example],
        body: @escaping @Sendable (Invocation) throws -> ExitStatus
    ) {
        precondition(!examples.isEmpty, "every command shows an example")
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.parameters = parameters
        self.examples = examples
        self.subcommands = []
        self.body = body
    }

    /// A command that only holds others.
    package init(
        _ name: String,
        summary: String,
        discussion: String = "",
        examples: [Example],
        subcommands: [Command]
    ) {
        precondition(!examples.isEmpty && !subcommands.isEmpty)
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.parameters = []
        self.examples = examples
        self.subcommands = subcommands
        self.body = nil
    }
}

/// How a command ended, as the shell sees it.
package enum ExitStatus: Int32, Sendable {
    /// Done.
    case done = 0
    /// The work failed.
    case failed = 1
    /// The work was to find something out, and what it found is not good.
    case found = 2
    /// The command line makes no sense.
    case usage = 64
    /// SIGHUP, SIGINT, SIGQUIT or SIGTERM ended the work before its end: 128 and the signal's
    /// number, as shells have it.
    case hangup = 129
    case interrupt = 130
    case quit = 131
    case terminate = 143
}

/// A command line that makes no sense.
package struct UsageError: Error, Equatable {
    package var message: String
    package var suggestion: String?
    /// The words of the command whose help would tell more, the program's name first. What a
    /// command's own body refuses gets the command's.
    package var path: [String]

    package init(_ message: String, suggestion: String? = nil, path: [String] = []) {
        self.message = message
        self.suggestion = suggestion
        self.path = path
    }
}

/// Work that failed, told to a person: what, where, why, and the command that helps next.
package struct CommandFailure: Error, Equatable {
    package var what: String
    package var place: String?
    package var reason: String?
    package var next: String?
    package var status: ExitStatus

    package init(
        _ what: String,
        place: String? = nil,
        reason: String? = nil,
        next: String? = nil,
        status: ExitStatus = .failed
    ) {
        self.what = what
        self.place = place
        self.reason = reason
        self.next = next
        self.status = status
    }

    /// The lines as they are printed.
    package var text: String {
        var lines = ["error: \(what)"]
        if let place { lines.append("  where: \(place)") }
        if let reason { lines.append("  why: \(reason)") }
        if let next { lines.append("  next: \(next)") }
        return lines.joined(separator: "\n")
    }
}
