import DirectoryAccess
import KafkaClient
import LogModel
import Terminal

/// Options with which a topic of notes forgets them, and what would have it keep them.
struct NoteKeeping: Equatable {
    /// The options of a topic that keeps its records for ever, whatever the defaults of topics are.
    static let options = [
        "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1",
    ]

    /// The options that forget.
    let names: Set<String>
    /// What they are, in words.
    let found: String
    private let changes: String

    /// Nil where nothing is forgotten, or the options are not known.
    init?(_ options: [String: String]) {
        // An empty policy keeps everything too.
        let wanted = Self.options.filter { name, value in
            options[name] != value && !(name == "cleanup.policy" && options[name] == "")
        }
        guard !wanted.isEmpty, !options.isEmpty else { return nil }
        names = Set(wanted.keys)
        found = wanted.keys.sorted().map { "\($0) is \(options[$0] ?? "unset")" }
            .joined(separator: ", ")
        changes = wanted.sorted { $0.key < $1.key }.map { " --config \($0.key)=\($0.value)" }
            .joined()
    }

    /// The command that has the topic keep its notes.
    func next(_ audit: String, at place: LogPlace) -> String {
        place.next("topic alter \(argument: audit)\(changes)")
    }
}

extension ServedLog {
    /// How a topic of notes forgets; nil where it does not, or where this user may not see it, who
    /// relies on who made the topic.
    func noteKeeping(of audit: String) throws(CommandFailure) -> NoteKeeping? {
        let asked = Result { () throws(CommandFailure) in
            try asking("the options of '\(audit)' are not told") {
                cluster throws(KafkaClientError) in
                try cluster.options(of: [audit], withDefaults: true, allowsDenials: true)
            }
        }
        guard case .success(let all) = asked, let options = all[audit] else { return nil }
        return NoteKeeping(options)
    }
}
