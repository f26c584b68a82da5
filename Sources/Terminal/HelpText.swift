/// What `--help` prints.
package enum HelpText {
    /// The whole page of `command`, reached by `path`.
    package static func page(of command: Command, path: [String]) -> String {
        var sections = ["\(path.joined(separator: " ")): \(command.summary)"]
        sections.append("Usage:\n  " + usage(of: command, path: path))
        if !command.discussion.isEmpty { sections.append(command.discussion) }
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
        let examples = command.examples.map { "  \($0.line)\n      \($0.meaning)" }
        let title = examples.count == 1 ? "Example:\n" : "Examples:\n"
        sections.append(title + examples.joined(separator: "\n"))
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

    private static func columns(_ rows: [(String, String)]) -> String {
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { left, right in
            "  \(left)\(String(repeating: " ", count: width - left.count))  \(right)"
        }.joined(separator: "\n")
    }
}
