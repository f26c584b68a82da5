/// What `--help` prints.
package enum HelpText {
    /// The least room beside names for what they mean; with less it stands below them.
    private static let leastRoom = 24

    /// The whole page of `command`, reached by `path`.
    ///
    /// - Parameter width: how many characters fit into a line; longer ones break between words,
    ///   but for what is there to be copied. Nil for lines of any length.
    package static func page(of command: Command, path: [String], width: Int? = nil) -> String {
        let width = width ?? .max
        let columns = { (rows: [(String, String)]) -> String in Self.columns(rows, width) }
        let title = "\(path.joined(separator: " ")): \(command.summary)"
        var sections = [wrapped(title, width, indent: 0)]
        sections.append("Usage:\n  " + usage(of: command, path: path))
        if !command.discussion.isEmpty {
            sections.append(wrapped(command.discussion, width, indent: 0))
        }
        if !command.subcommands.isEmpty {
            let rows = command.shownSubcommands.map { ($0.name, $0.summary) }
            sections.append("Commands:\n" + columns(rows))
        }
        let arguments = command.parameters.filter(\.isArgument)
        if !arguments.isEmpty {
            sections.append("Arguments:\n" + columns(arguments.map { ($0.spelling, line($0)) }))
        }
        let options = command.parameters.filter { !$0.isArgument }
        var rows = options.map { ($0.spelling, line($0)) }
        rows.append(("--help", "this page"))
        sections.append("Options:\n" + columns(rows))
        if !command.exits.isEmpty {
            let rows = command.allExits.map { ($0.code, $0.meaning) }
            sections.append("Exit codes:\n" + columns(rows))
        }
        let examples = command.examples.map {
            "  \($0.line)\n      " + wrapped($0.meaning, width, indent: 6)
        }
        let heading = examples.count == 1 ? "Example:\n" : "Examples:\n"
        sections.append(heading + examples.joined(separator: "\n"))
        return sections.joined(separator: "\n\n")
    }

    /// One line: `millrace topic create NAME [options]`.
    package static func usage(of command: Command, path: [String]) -> String {
        var words = path
        if !command.subcommands.isEmpty { words.append("COMMAND") }
        words += command.parameters.filter(\.isArgument).map(\.spelling)
        if command.parameters.contains(where: { !$0.isArgument }) { words.append("[options]") }
        return words.joined(separator: " ")
    }

    private static func line(_ parameter: ParameterDeclaration) -> String {
        var text = parameter.meaning
        if let shown = parameter.defaultText, !shown.isEmpty { text += " (default: \(shown))" }
        return text
    }

    private static func columns(_ rows: [(String, String)], _ width: Int) -> String {
        let names = rows.map(\.0.count).max() ?? 0
        let isBeside = width >= names + 4 + leastRoom
        return rows.map { left, right in
            guard isBeside else { return "  \(left)\n      " + wrapped(right, width, indent: 6) }
            return "  \(left)\(String(repeating: " ", count: names - left.count))  "
                + wrapped(right, width, indent: names + 4)
        }.joined(separator: "\n")
    }

    /// The text with its lines broken between words, those behind a break moved to `indent`, where
    /// the first begins already.
    private static func wrapped(_ text: String, _ width: Int, indent: Int) -> String {
        let room = max(width == .max ? .max : width - indent, 1)
        let space = "\n" + String(repeating: " ", count: indent)
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            guard line.count > room else { return String(line) }
            var lines: [String] = []
            for word in line.split(separator: " ", omittingEmptySubsequences: false) {
                if let last = lines.last, last.count + 1 + word.count <= room {
                    lines[lines.count - 1] = last + " " + word
                } else {
                    lines.append(String(word))
                }
            }
            return lines.joined(separator: space)
        }.joined(separator: "\n")
    }
}
