import DirectoryAccess
import LogModel
import Terminal

/// Which topics are meant: those that are named, or those whose names match expressions.
struct TopicChoice {
    private let words: [String]
    private let areExpressions: Bool

    /// Refuses what is no regular expression where expressions are meant.
    init(_ words: [String], areExpressions: Bool) throws(UsageError) {
        self.words = words
        self.areExpressions = areExpressions
        guard areExpressions else { return }
        for word in words { _ = try Self.expression(word) }
    }

    private static func expression(_ word: String) throws(UsageError) -> Regex<AnyRegexOutput> {
        do { return try Regex(word) } catch {
            throw UsageError("'\(word)' is no regular expression: \(error)")
        }
    }

    /// Their names, each once, in the order of the words.
    func topics(of log: any CommandLog) throws -> [String] {
        var chosen: [String] = []
        guard areExpressions else {
            for word in words where !chosen.contains(word) { chosen.append(word) }
            return chosen
        }
        let names = try log.topicNames().sorted()
        for word in words {
            let expression = try Self.expression(word)
            let found = try names.filter { try expression.wholeMatch(in: $0) != nil }
            guard !found.isEmpty else {
                throw CommandFailure(
                    "no topic's name matches '\(word)'",
                    place: "\(log.place)",
                    reason: "the whole name has to match, and internal topics are left out",
                    next: log.place.next("topic list")
                )
            }
            chosen += found.filter { !chosen.contains($0) }
        }
        return chosen
    }

    /// Their partitions, or of each that of one number; of topics that are not told, none.
    func partitions(of log: any CommandLog, numbered index: Int?) -> [TopicPartition] {
        // An expression that matches nothing any more keeps none of the others from it.
        let topics = words.flatMap { word in
            (try? TopicChoice([word], areExpressions: areExpressions).topics(of: log)) ?? []
        }
        var seen: Set<String> = []
        let all = topics.filter { seen.insert($0).inserted }
            .flatMap { (try? log.partitions(of: $0)) ?? [] }
        return all.filter { index == nil || $0.partition.rawValue == Int32(clamping: index ?? 0) }
    }
}
