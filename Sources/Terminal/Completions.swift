/// Scripts that let a shell complete a program's commands and options.
package enum Completions {
    package enum Shell: String, CaseIterable, Sendable {
        case bash
        case zsh
        case fish
    }

    /// Names that are looked up while a word is typed: shell functions that print them.
    package struct Names: Sendable {
        /// The parameters whose values they are, by what stands for a value.
        package var placeholder: String
        /// The function for bash and zsh, in which `COMP_WORDS` are the words so far.
        package var bash: String
        /// The function for fish.
        package var fish: String
        /// What both are called.
        package var function: String

        package init(placeholder: String, function: String, bash: String, fish: String) {
            self.placeholder = placeholder
            self.function = function
            self.bash = bash
            self.fish = fish
        }
    }

    /// The script for `shell`.
    package static func script(for root: Command, shell: Shell, names: [Names] = []) -> String {
        switch shell {
        case .bash: bash(root, names)
        case .zsh:
            "#compdef \(root.name)\nautoload -U +X bashcompinit && bashcompinit\n"
                + bash(root, names)
        case .fish: fish(root, names)
        }
    }

    /// Each command's words with what may follow them.
    private static func words(
        of command: Command,
        path: [String],
        _ names: [Names]
    ) -> [(path: [String], next: String)] {
        var next = command.shownSubcommands.map(\.name)
        next += command.parameters.filter { !$0.isArgument }.map { "--\($0.name)" }
        next += command.parameters.filter(\.isArgument).flatMap(\.choices)
        next.append("--help")
        for names in names
        where command.parameters.contains(where: { $0.isArgument && $0.takes(names) }) {
            next.append(names.call)
        }
        let below = command.shownSubcommands.flatMap {
            words(of: $0, path: path + [$0.name], names)
        }
        return [(path, next.joined(separator: " "))] + below
    }

    /// The options whose values are few, or names, as the words before such a value, with those.
    private static func values(
        of command: Command,
        path: [String],
        _ names: [Names]
    ) -> [(path: [String], next: String)] {
        let options = command.parameters.filter { !$0.isArgument }
        let own = options.compactMap { option -> (path: [String], next: String)? in
            let next =
                names.first { option.takes($0) }?.call
                ?? option.choices.joined(separator: " ")
            return next.isEmpty ? nil : (path + ["--\(option.name)"], next)
        }
        let below = command.shownSubcommands.flatMap {
            values(of: $0, path: path + [$0.name], names)
        }
        return own + below
    }

    private static func bash(_ root: Command, _ names: [Names]) -> String {
        func lines(_ words: [(path: [String], next: String)]) -> String {
            words.map { path, next in
                "        '\(path.joined(separator: " "))') next=\"\(next)\" ;;"
            }.joined(separator: "\n")
        }
        return names.map(\.bash).joined() + """
            _\(root.name)() {
                local path='\(root.name)' next='' word
                local current="${COMP_WORDS[COMP_CWORD]}"
                for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                    case "$word" in -*) break ;; esac
                    case " \(parents(root)) " in *" ${path// /_} "*) path="$path $word" ;; esac
                done
                case "$path" in
            \(lines(words(of: root, path: [root.name], names)))
                esac
                case "$path ${COMP_WORDS[COMP_CWORD-1]}" in
            \(lines(values(of: root, path: [root.name], names)))
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
            guard !command.shownSubcommands.isEmpty else { return [] }
            return [path] + command.shownSubcommands.flatMap { collect($0, "\(path)_\($0.name)") }
        }
        return collect(root, root.name).joined(separator: " ")
    }

    private static func fish(_ root: Command, _ names: [Names]) -> String {
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
            for child in command.shownSubcommands {
                lines.append(
                    "complete -c \(root.name) -n '\(condition)' -a \(child.name) "
                        + "-d \(quoted(child.summary))"
                )
                add(child, seen + [child.name])
            }
            for names in names
            where command.parameters.contains(where: { $0.isArgument && $0.takes(names) }) {
                lines.append(
                    "complete -c \(root.name) -n '\(condition)' -a '(\(names.function))'"
                )
            }
            for parameter in command.parameters where !parameter.isArgument {
                let value = parameter.kind == .flag ? "" : " -r"
                let looked = names.first { parameter.takes($0) }.map { "(\($0.function))" }
                let words = looked ?? parameter.choices.joined(separator: " ")
                let choices = words.isEmpty ? "" : " -a \(quoted(words))"
                lines.append(
                    "complete -c \(root.name) -n '\(condition)' -l \(parameter.name)\(value)"
                        + "\(choices) -d \(quoted(parameter.help))"
                )
            }
        }
        add(root, [])
        lines.insert(contentsOf: names.map(\.fish), at: 0)
        return lines.joined(separator: "\n") + "\n"
    }
}

extension ParameterDeclaration {
    fileprivate func takes(_ names: Completions.Names) -> Bool { placeholder == names.placeholder }
}

extension Completions.Names {
    /// How bash has the names in place of the call.
    fileprivate var call: String { "$(\(function))" }
}
