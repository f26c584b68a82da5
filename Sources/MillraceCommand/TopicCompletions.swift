import Terminal

/// The names of topics, as a shell completes them: those of the folders of partitions in the data
/// directory. Nothing is opened for it, and no cluster is asked.
enum TopicCompletions {
    static let names = Completions.Names(
        placeholder: "TOPIC",
        function: "_millrace_topics",
        bash: bash,
        fish: fish
    )

    private static let bash = """
        _millrace_topics() {
            local data="${MILLRACE_DATA:-./millrace-data}" index folder
            for ((index = 1; index < COMP_CWORD; index++)); do
                case "${COMP_WORDS[index]}" in
                    --bootstrap) return ;;
                    --data) data="${COMP_WORDS[index + 1]}" ;;
                esac
            done
            for folder in "$data"/*-[0-9]*/; do
                folder="${folder%/}"
                folder="${folder##*/}"
                case "${folder##*-}" in *[!0-9]*) continue ;; esac
                folder="${folder%-*}"
                case "$folder" in __* | *[!a-zA-Z0-9._-]*) ;; *) echo "$folder" ;; esac
            done | sort -u
        }

        """

    private static let fish = """
        function _millrace_topics
            set -l data ./millrace-data
            test -n "$MILLRACE_DATA"; and set data $MILLRACE_DATA
            set -l words (commandline -opc)
            contains -- --bootstrap $words; and return
            set -l at (contains -i -- --data $words); and set data $words[(math $at + 1)]
            for folder in $data/*-*/
                string match -q -r -- '-[0-9]+/$' $folder
                and string replace -r -- '^.*/(.+)-[0-9]+/$' '$1' $folder
            end | string match -v '__*' | sort -u
        end
        """
}
