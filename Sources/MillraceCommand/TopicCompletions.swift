import Terminal

/// The names of topics, as a shell completes them: those of the table in the data directory, which
/// is text. Nothing is opened for it, and no cluster is asked.
enum TopicCompletions {
    static let names = Completions.Names(
        placeholder: "TOPIC",
        function: "_millrace_topics",
        bash: bash,
        fish: fish
    )

    private static let bash = #"""
        _millrace_topics() {
            local data="${MILLRACE_DATA:-./millrace-data}" index
            for ((index = 1; index < COMP_CWORD; index++)); do
                case "${COMP_WORDS[index]}" in
                    --bootstrap) return ;;
                    --data) data="${COMP_WORDS[index + 1]}" ;;
                esac
            done
            [ -r "$data/millrace.topics" ] || return
            sed -n -e 1d -e '/^__/d' -e 's/^\([a-zA-Z0-9._-]*\) .*/\1/p' "$data/millrace.topics"
        }

        """#

    private static let fish = #"""
        function _millrace_topics
            set -l data ./millrace-data
            test -n "$MILLRACE_DATA"; and set data $MILLRACE_DATA
            set -l words (commandline -opc)
            contains -- --bootstrap $words; and return
            set -l at (contains -i -- --data $words); and set data $words[(math $at + 1)]
            test -r $data/millrace.topics; or return
            sed -n -e 1d -e '/^__/d' -e 's/^\([a-zA-Z0-9._-]*\) .*/\1/p' $data/millrace.topics
        end
        """#
}
