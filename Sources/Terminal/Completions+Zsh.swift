extension Completions {
    /// Works sourced, and as a file of `fpath`.
    static func zsh(_ root: Command, _ names: [Names]) -> String {
        func lines(_ offers: [Offer]) -> String {
            offers.map { offer in
                "        '\(offer.path.joined(separator: " "))') "
                    + "next=(\(offer.next.joined(separator: " "))) "
                    + "files='\(offer.files.rawValue)' ;;"
            }.joined(separator: "\n")
        }
        return "#compdef \(root.name)\n" + names.map(\.zsh).joined() + """
            _\(root.name)() {
                emulate -L zsh
                local at='\(root.name)' files='' word
                local current="${words[CURRENT]}" before="${words[CURRENT-1]}"
                local -a next
                if [[ "$current" == --*=* ]]; then
                    before="${current%%=*}" current="${current#*=}"
                    compset -P '*='
                fi
                for word in "${(@)words[2,CURRENT-1]}"; do
                    [[ "$word" == -* ]] && break
                    case " \(parents(root, "_").joined(separator: " ")) " in
                        *" ${at// /_} "*) at="$at $word" ;;
                    esac
                done
                case "$at" in
            \(lines(words(of: root, path: [root.name], names)))
                esac
                case "$at $before" in
            \(lines(values(of: root, path: [root.name], names)))
                esac
                compadd -a next
                [[ -z "$files" || "$current" == -* ]] && return 0
                # Where a name is found, no file is looked for.
                if [[ "$files" == '?'* ]] && (( ${#${(@M)next:#${(b)current}*}} )); then
                    return 0
                fi
                case "${files#'?'}" in
                    -d) _files -/ ;;
                    *) _files ;;
                esac
            }
            if [[ "${funcstack[1]}" == _\(root.name) ]]; then
                _\(root.name) "$@"
            else
                compdef _\(root.name) \(root.name)
            fi

            """
    }
}
