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
        /// The function for bash, in which `COMP_WORDS` are the words so far.
        package var bash: String
        /// The function for zsh, in which `words` are.
        package var zsh: String
        /// The function for fish.
        package var fish: String
        /// What they are called.
        package var function: String

        package init(
            placeholder: String,
            function: String,
            bash: String,
            zsh: String,
            fish: String
        ) {
            self.placeholder = placeholder
            self.function = function
            self.bash = bash
            self.zsh = zsh
            self.fish = fish
        }
    }

    /// The script for `shell`.
    package static func script(for root: Command, shell: Shell, names: [Names] = []) -> String {
        switch shell {
        case .bash: bash(root, names)
        case .zsh: zsh(root, names)
        case .fish: fish(root, names)
        }
    }

    /// What is offered behind words of the command line.
    struct Offer {
        let path: [String]
        /// Words, and calls that print some.
        var next: [String] = []
        var files = Files.none

        enum Files: String {
            case none = ""
            /// As well.
            case file = "-f"
            case folder = "-d"
            /// Where nothing else begins so.
            case fileOtherwise = "?-f"
            case folderOtherwise = "?-d"
        }

        /// Files for the value of a parameter, as names are found for it otherwise or not.
        static func files(_ parameter: ParameterDeclaration, hasNames: Bool) -> Files {
            switch parameter.paths {
            case nil: .none
            case .file: hasNames ? .fileOtherwise : .file
            case .folder: hasNames ? .folderOtherwise : .folder
            }
        }
    }

    /// What may follow each command's words.
    static func words(
        of command: Command,
        path: [String],
        _ names: [Names]
    ) -> [Offer] {
        let arguments = command.parameters.filter(\.isArgument)
        var offer = Offer(path: path, next: command.shownSubcommands.map(\.name))
        offer.next += command.parameters.filter { !$0.isArgument }.map { "--\($0.name)" }
        offer.next += arguments.flatMap(\.choices)
        offer.next.append("--help")
        for names in names where arguments.contains(where: { $0.takes(names) }) {
            offer.next.append(names.call)
        }
        for argument in arguments where argument.paths != nil {
            offer.files = Offer.files(argument, hasNames: names.contains { argument.takes($0) })
        }
        let below = command.shownSubcommands.flatMap {
            words(of: $0, path: path + [$0.name], names)
        }
        return [offer] + below
    }

    /// What may follow an option that has a value: its few words, names or files, and nothing where
    /// it is none of those.
    static func values(
        of command: Command,
        path: [String],
        _ names: [Names]
    ) -> [Offer] {
        let options = command.parameters.filter { !$0.isArgument && $0.kind != .flag }
        let own = options.map { option -> Offer in
            let known = names.first { option.takes($0) }
            return Offer(
                path: path + ["--\(option.name)"],
                next: known.map { [$0.call] } ?? option.choices,
                files: Offer.files(option, hasNames: known != nil)
            )
        }
        let below = command.shownSubcommands.flatMap {
            values(of: $0, path: path + [$0.name], names)
        }
        return own + below
    }

    private static func bash(_ root: Command, _ names: [Names]) -> String {
        func lines(_ offers: [Offer]) -> String {
            offers.map { offer in
                "        '\(offer.path.joined(separator: " "))') "
                    + "next=\"\(offer.next.joined(separator: " "))\" "
                    + "files='\(offer.files.rawValue)' ;;"
            }.joined(separator: "\n")
        }
        let parents = parents(root, "_").joined(separator: " ")
        return names.map(\.bash).joined() + """
            _\(root.name)() {
                local path='\(root.name)' next='' files='' word
                local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
                # --option=value comes as three words.
                if [ "$current" = = ]; then
                    current=''
                elif [ "$before" = = ]; then
                    before="${COMP_WORDS[COMP_CWORD-2]}"
                fi
                for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                    case "$word" in -*) break ;; esac
                    case " \(parents) " in *" ${path// /_} "*) path="$path $word" ;; esac
                done
                case "$path" in
            \(lines(words(of: root, path: [root.name], names)))
                esac
                case "$path $before" in
            \(lines(values(of: root, path: [root.name], names)))
                esac
                COMPREPLY=($(compgen -W "$next" -- "$current")) || :
                case "$files$current" in
                    -[fd]-* | [?]-[fd]-*) return 0 ;;
                    [?]*) [ ${#COMPREPLY[@]} -eq 0 ] || return 0; files="${files#?}" ;;
                esac
                [ -n "$files" ] || return 0
                # A path gets a slash and quotes; a command or a name beside a folder of that name
                # does not.
                compopt -o filenames 2>/dev/null || :
                while IFS= read -r word; do
                    COMPREPLY+=("$word")
                done < <(compgen "$files" -- "$current")
            }
            complete -F _\(root.name) \(root.name)

            """
    }

    /// The commands that have subcommands, their words joined by `separator`.
    static func parents(_ root: Command, _ separator: String) -> [String] {
        func collect(_ command: Command, _ path: String) -> [String] {
            guard !command.shownSubcommands.isEmpty else { return [] }
            return [path]
                + command.shownSubcommands.flatMap { collect($0, path + separator + $0.name) }
        }
        return collect(root, root.name)
    }
}

extension ParameterDeclaration {
    func takes(_ names: Completions.Names) -> Bool { placeholder == names.placeholder }
}

extension Completions.Names {
    /// How bash and zsh have the names in place of the call.
    var call: String { "$(\(function))" }
}
