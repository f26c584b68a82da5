import Terminal

/// The names that a shell looks up while a word is typed. The log is not opened for them, and no
/// cluster is asked.
enum NameCompletions {
    static let all = [topics, groups, jobs]

    /// Those of the table in the data directory, which is text.
    private static let topics = Completions.Names(
        placeholder: "TOPIC",
        function: "_millrace_topics",
        bash: #"""
            # A word as it was typed, without its quotes and with the home and variables in front:
            # nothing of it is run.
            _millrace_unquoted() {
                local word="$1" name
                case "$word" in
                    \'*) word="${word#\'}" word="${word%\'}"; printf '%s\n' "$word"; return ;;
                    \"*) word="${word#\"}" word="${word%\"}" ;;
                    '~' | '~/'*) word="$HOME${word#'~'}" ;;
                esac
                if [[ "$word" =~ ^\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?(.*)$ ]]; then
                    name="${BASH_REMATCH[1]}"
                    word="${!name}${BASH_REMATCH[2]}"
                fi
                printf '%s\n' "${word//\\/}"
            }
            _millrace_data() {
                local data="${MILLRACE_DATA:-./millrace-data}" index at
                for ((index = 1; index < COMP_CWORD; index++)); do
                    case "${COMP_WORDS[index]}" in
                        --bootstrap) return ;;
                        --data)
                            at=$((index + 1))
                            [ "${COMP_WORDS[at]}" != = ] || at=$((at + 1))
                            data="$(_millrace_unquoted "${COMP_WORDS[at]}")" ;;
                        --data=*) data="$(_millrace_unquoted "${COMP_WORDS[index]#--data=}")" ;;
                    esac
                done
                printf '%s\n' "$data"
            }
            _millrace_topics() {
                local table="$(_millrace_data)/millrace.topics"
                [ -r "$table" ] || return
                sed -n -e 1d -e '/^__/d' -e 's/^\([a-zA-Z0-9._-]*\) .*/\1/p' "$table"
            }

            """#,
        zsh: #"""
            # A word as it was typed, without its quotes and with the home and variables in front:
            # nothing of it is run.
            _millrace_unquoted() {
                emulate -L zsh
                local word="$1"
                case "$word" in
                    \'*) word="${word#\'}"; print -r -- "${word%\'}"; return ;;
                    \"*) word="${word#\"}"; word="${word%\"}" ;;
                    '~' | '~/'*) word="$HOME${word#'~'}" ;;
                esac
                if [[ "$word" =~ '^\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?(.*)$' ]]; then
                    word="${(P)match[1]}${match[2]}"
                fi
                print -r -- "${word//\\/}"
            }
            _millrace_data() {
                emulate -L zsh
                local data="${MILLRACE_DATA:-./millrace-data}" index
                for ((index = 2; index < CURRENT; index++)); do
                    case "${words[index]}" in
                        --bootstrap | --bootstrap=*) return ;;
                        --data) data="$(_millrace_unquoted "${words[index+1]}")" ;;
                        --data=*) data="$(_millrace_unquoted "${words[index]#--data=}")" ;;
                    esac
                done
                print -r -- "$data"
            }
            _millrace_topics() {
                emulate -L zsh
                local table="$(_millrace_data)/millrace.topics"
                [[ -r "$table" ]] || return
                sed -n -e 1d -e '/^__/d' -e 's/^\([a-zA-Z0-9._-]*\) .*/\1/p' "$table"
            }

            """#,
        fish: #"""
            function _millrace_data
                set -l data ./millrace-data
                test -n "$MILLRACE_DATA"; and set data $MILLRACE_DATA
                set -l words (commandline -opc)
                string match -q -- '--bootstrap*' $words; and return
                set -l at (contains -i -- --data $words); and set data $words[(math $at + 1)]
                set -l joined (string replace -f -- --data= '' $words); and set data $joined[-1]
                # What is still quoted is the home or a variable in front: nothing of it is run.
                set data (string replace -r '^~(?=/|$)' $HOME -- $data)
                set -l name (string match -r '^\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?(.*)$' -- $data)
                and set -q $name[2]; and set data $$name[2]$name[3]
                echo $data
            end
            function _millrace_topics
                set -l table (_millrace_data)/millrace.topics
                test -r "$table"; or return
                sed -n -e 1d -e '/^__/d' -e 's/^\([a-zA-Z0-9._-]*\) .*/\1/p' $table
            end
            """#
    )

    /// Those of the jobs that have state in the data directory, and where its owner can be asked,
    /// all that it knows.
    private static let groups = Completions.Names(
        placeholder: "GROUP",
        function: "_millrace_groups",
        bash: #"""
            _millrace_groups() {
                local data="$(_millrace_data)"
                [ -n "$data" ] || return
                {
                    ls "$data/.millrace/state" 2>/dev/null
                    [ ! -S "$data/.millrace/socket" ] ||
                        timeout 2 "${COMP_WORDS[0]}" group list --json --data "$data" 2>/dev/null |
                        sed -n 's/^{"group":"\([^"]*\)".*/\1/p'
                } | grep '^[a-zA-Z0-9._-]*$' | sort -u
            }

            """#,
        zsh: #"""
            _millrace_groups() {
                emulate -L zsh
                local data="$(_millrace_data)"
                [[ -n "$data" ]] || return
                {
                    ls "$data/.millrace/state" 2>/dev/null
                    [[ ! -S "$data/.millrace/socket" ]] ||
                        timeout 2 "${words[1]}" group list --json --data "$data" 2>/dev/null |
                        sed -n 's/^{"group":"\([^"]*\)".*/\1/p'
                } | grep '^[a-zA-Z0-9._-]*$' | sort -u
            }

            """#,
        fish: #"""
            function _millrace_groups
                set -l data (_millrace_data)
                test -n "$data"; or return
                set -l program (commandline -opc)[1]
                begin
                    ls $data/.millrace/state 2>/dev/null
                    test -S $data/.millrace/socket
                    and timeout 2 $program group list --json --data $data 2>/dev/null |
                        sed -n 's/^{"group":"\([^"]*\)".*/\1/p'
                end | grep '^[a-zA-Z0-9._-]*$' | sort -u
            end
            """#
    )

    /// Folders that begin as the word does, or lie in one that does, and have a job's manifest.
    private static let jobs = Completions.Names(
        placeholder: "JOB",
        function: "_millrace_jobs",
        bash: #"""
            _millrace_jobs() {
                local begun="${COMP_WORDS[COMP_CWORD]}" manifest
                for manifest in "$begun"*/Package.swift "$begun"*/*/Package.swift; do
                    case "$manifest" in *[[:space:]]*) continue ;; esac
                    grep -q '"Millrace"' "$manifest" 2>/dev/null || continue
                    printf '%s\n' "${manifest%/Package.swift}"
                done
            }

            """#,
        zsh: #"""
            _millrace_jobs() {
                emulate -L zsh
                local begun="${words[CURRENT]}" manifest
                for manifest in "$begun"*/Package.swift(N) "$begun"*/*/Package.swift(N); do
                    [[ "$manifest" == *[[:space:]]* ]] && continue
                    grep -q '"Millrace"' "$manifest" 2>/dev/null || continue
                    print -r -- "${manifest%/Package.swift}"
                done
            }

            """#,
        fish: #"""
            function _millrace_jobs
                set -l begun (commandline -ct)
                for manifest in $begun*/Package.swift $begun*/*/Package.swift
                    grep -q '"Millrace"' $manifest
                    and string replace -r '/Package.swift$' '' $manifest
                end
            end
            """#
    )
}
