extension Completions {
    static func fish(_ root: Command, _ names: [Names]) -> String {
        var lines: [String] = []
        func add(_ command: Command, _ path: [String]) {
            let begin =
                "complete -c \(root.name) -n '_\(root.name)_at \(path.joined(separator: " "))'"
            for child in command.shownSubcommands {
                lines.append("\(begin) -a \(child.name) -d \(quoted(child.summary))")
                add(child, path + [child.name])
            }
            for parameter in command.parameters where parameter.isArgument {
                for offered in fishWords(of: parameter, names) {
                    lines.append("\(begin) \(offered)")
                }
            }
            for parameter in command.parameters where !parameter.isArgument {
                let offered = fishWords(of: parameter, names).map { " \($0)" }.joined()
                lines.append(
                    "\(begin) -l \(parameter.name)\(kind(of: parameter))\(offered) "
                        + "-d \(quoted(parameter.help))"
                )
            }
        }
        // Files are offered where the value is one, and nowhere else.
        lines.append("complete -c \(root.name) -f")
        lines.append("complete -c \(root.name) -l help -d 'what the command does and takes'")
        add(root, [root.name])
        return (names.map(\.fish) + [place(root)] + lines).joined(separator: "\n") + "\n"
    }

    /// The function that tells whether the words so far are those of a command.
    private static func place(_ root: Command) -> String {
        let parents = parents(root, " ").map { "'\($0)'" }.joined(separator: " ")
        return """
            function _\(root.name)_at
                set -l at \(root.name)
                set -l words (commandline -opc)
                set -e words[1]
                for word in $words
                    string match -q -- '-*' $word; and break
                    contains -- "$at" \(parents); or break
                    set at "$at $word"
                end
                test "$at" = "$argv"
            end
            """
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }

    /// Whether a value follows, and whether that may be any file.
    private static func kind(of parameter: ParameterDeclaration) -> String {
        if parameter.kind == .flag { return "" }
        return parameter.paths == .file ? " -r" : " -x"
    }

    /// What fish is told of a parameter's value.
    private static func fishWords(of parameter: ParameterDeclaration, _ names: [Names]) -> [String]
    {
        let known = names.first { parameter.takes($0) }.map { "(\($0.function))" }
        let folders = parameter.paths == .folder ? "(__fish_complete_directories)" : nil
        let words = [known ?? parameter.choices.joined(separator: " "), folders ?? ""]
            .filter { !$0.isEmpty }
        return (words.isEmpty ? [] : ["-a '\(words.joined(separator: " "))'"])
            + (parameter.paths == .file ? ["-F"] : [])
    }
}
