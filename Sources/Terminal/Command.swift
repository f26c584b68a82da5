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
    /// How it may end, apart from what every command has, or in other words.
    package var exits: [Exit]
    /// Whether help and completions leave it out.
    package var isHidden: Bool
    package var body: (@Sendable (Invocation) throws -> ExitStatus)?

    package struct Example: Sendable {
        package var line: String
        package var meaning: String
        package init(_ line: String, _ meaning: String) {
            self.line = line
            self.meaning = meaning
        }
    }

    /// An exit code, or several, and what it means.
    package struct Exit: Sendable {
        package var code: String
        package var meaning: String
        package init(_ code: String, _ meaning: String) {
            self.code = code
            self.meaning = meaning
        }

        /// A command that ends before its work is done, where it does not end with 0.
        package static func signalled(_ meaning: String) -> Exit {
            Exit("129, 130, 143", "SIGHUP, SIGINT or SIGTERM \(meaning)")
        }

        /// What every command has.
        package static let common = [
            Exit("0", "done"), Exit("1", "the work failed"),
            Exit("64", "the command line makes no sense"),
        ]
    }

    /// A command that does something.
    package init(
        _ name: String,
        summary: String,
        discussion: String = "",
        parameters: [ParameterDeclaration],
        examples: [Example],
        exits: [Exit] = [],
        isHidden: Bool = false,
        body: @escaping @Sendable (Invocation) throws -> ExitStatus
    ) {
        precondition(!examples.isEmpty, "every command shows an example")
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.parameters = parameters
        self.examples = examples
        self.subcommands = []
        self.exits = exits
        self.isHidden = isHidden
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
        exits = []
        isHidden = false
        self.body = nil
    }

    /// Those that people are told of.
    package var shownSubcommands: [Command] { subcommands.filter { !$0.isHidden } }

    /// How it may end, in the order of the codes' first numbers.
    package var allExits: [Exit] {
        let common = Exit.common.filter { exit in !exits.contains { $0.code == exit.code } }
        return (exits + common).sorted { Self.number($0) < Self.number($1) }
    }

    private static func number(_ exit: Exit) -> Int {
        Int(exit.code.prefix { $0.isNumber }) ?? Int.max
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
    /// SIGHUP, SIGINT or SIGTERM ended the work before its end, or SIGQUIT at once: 128 and the
    /// signal's number, as shells have it.
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
        self.reason = reason.map(Self.withoutFullStop)
        self.next = next
        self.status = status
    }

    /// Others' words may be whole sentences; ours go on behind them, and have no full stop.
    private static func withoutFullStop(_ text: String) -> String {
        text.hasSuffix(".") && !text.hasSuffix("..") ? String(text.dropLast()) : text
    }

    /// The lines as they are printed: names in them may be anybody's.
    package var text: String { lines("error: \(visible(what))") }

    /// The same where the command goes on; `end` is what it does.
    package func warning(_ end: String = "") -> String { lines("warning: \(visible(what))\(end)") }

    private func lines(_ first: String) -> String {
        var lines = [first]
        if let place { lines.append("  where: \(visible(place))") }
        if let reason { lines.append("  why: \(shown(reason))") }
        if let next { lines.append("  next: \(next)") }
        return lines.joined(separator: "\n")
    }

    /// A reason may have several lines.
    private func shown(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { visible(String($0)) }
            .joined(separator: "\n")
    }
}
