/// Scripts that let a shell complete a program's commands and options.
package enum Completions {
    package enum Shell: String, CaseIterable, Sendable {
        case bash
        case zsh
        case fish
    }

    /// The script for `shell`.
    package static func script(for root: Command, shell: Shell) -> String {
        switch shell {
        case .bash: bash(root)
        case .zsh:
            "#compdef \(root.name)\nautoload -U +X bashcompinit && bashcompinit\n" + bash(root)
        case .fish: fish(root)
        }
    }

    /// Each command's words with what may follow them.
    private static func words(
        of command: Command,
        path: [String]
    ) -> [(path: [String], next: String)] {
        var next = command.subcommands.map(\.name)
        next += command.parameters.filter { !$0.isArgument }.map { "--\($0.name)" }
        next += command.parameters.filter(\.isArgument).flatMap(\.choices)
        next.append("--help")
        let below = command.subcommands.flatMap { words(of: $0, path: path + [$0.name]) }
        return [(path, next.joined(separator: " "))] + below
    }

    /// The options whose values are few, as the words before such a value, with those values.
    private static func values(
        of command: Command,
        path: [String]
    ) -> [(path: [String], next: String)] {
        let own = command.parameters.filter { !$0.isArgument && !$0.choices.isEmpty }
            .map { (path + ["--\($0.name)"], $0.choices.joined(separator: " ")) }
        return own + command.subcommands.flatMap { values(of: $0, path: path + [$0.name]) }
    }

    private static func bash(_ root: Command) -> String {
        func lines(_ words: [(path: [String], next: String)]) -> String {
            words.map { path, next in
                "        '\(path.joined(separator: " "))') next='\(next)' ;;"
            }.joined(separator: "\n")
        }
        return """
            _\(root.name)() {
                local path='\(root.name)' next='' word
                local current="${COMP_WORDS[COMP_CWORD]}"
                for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                    case "$word" in -*) break ;; esac
                    case " \(parents(root)) " in *" ${path// /_} "*) path="$path $word" ;; esac
                done
                case "$path" in
            \(lines(words(of: root, path: [root.name])))
                esac
                case "$path ${COMP_WORDS[COMP_CWORD-1]}" in
            \(lines(values(of: root, path: [root.name])))
                esac
                COMPREPLY=($(compgen -W "$next" -- "$current"))
                [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
            }
            complete -o filenames -F _\(root.name) \(root.name)

            """
    }

    /// The commands that have subcommands, their words joined by `_`.
    private static func parents(_ root: Command) -> String {
        func collect(_ command: Command, _ path: String) -> [String] {
            guard !command.subcommands.isEmpty else { return [] }
            return [path] + command.subcommands.flatMap { collect($0, "\(path)_\($0.name)") }
        }
        return collect(root, root.name).joined(separator: " ")
    }

    private static func fish(_ root: Command) -> String {
        var lines: [String] = []
        func quoted(_ text: String) -> String {
            "'"
                + text.split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: "\\'") + "'"
        }
        func add(_ command: Command, _ seen: [String]) {
            let condition =
                seen.isEmpty
                ? "__fish_use_subcommand"
                : seen.map { "__fish_seen_subcommand_from \($0)" }.joined(separator: "; and ")
            for child in command.subcommands {
                lines.append(
                    "complete -c \(root.name) -n '\(condition)' -a \(child.name) "
                        + "-d \(quoted(child.summary))"
                )
                add(child, seen + [child.name])
            }
            for parameter in command.parameters where !parameter.isArgument {
                let value = parameter.kind == .flag ? "" : " -r"
                let choices =
                    parameter.choices.isEmpty
                    ? "" : " -a \(quoted(parameter.choices.joined(separator: " ")))"
                lines.append(
                    "complete -c \(root.name) -n '\(condition)' -l \(parameter.name)\(value)"
                        + "\(choices) -d \(quoted(parameter.help))"
                )
            }
        }
        add(root, [])
        return lines.joined(separator: "\n") + "\n"
    }
}
