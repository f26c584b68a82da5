import Terminal

/// What a run that was to end at the end of its input left, because somebody ended it first.
struct JobRemainder: Equatable {
    /// The offsets that are left of each topic: records, and the ends of transactions.
    let topics: [Part]

    struct Part: Equatable {
        let name: String
        let count: Int64
    }

    /// Nil where nothing is left of any topic.
    init?(_ left: [String: Int64]) {
        topics = left.filter { $0.value > 0 }.sorted { $0.key < $1.key }
            .map { Part(name: $0.key, count: $0.value) }
        guard !topics.isEmpty else { return nil }
    }

    var count: Int64 { topics.reduce(0) { $0 + $1.count } }

    /// `stopped before the end of its input: 7 offsets of lines are left; the next run goes on`.
    var text: String {
        let parts = topics.map { "\(counted(Int($0.count), "offset")) of \($0.name)" }
        let verb = topics.count == 1 && count == 1 ? "is" : "are"
        return "stopped before the end of its input: \(parts.joined(separator: ", ")) "
            + "\(verb) left; the next run goes on"
    }
}
