import DirectoryAccess
import KafkaClient
import LogModel
import Terminal

/// The dead letters of a topic about which nothing was done yet, as far as they were looked at.
struct OpenLetters: Equatable {
    /// So many open ones are enough to know.
    static let countLimit = 1_000
    /// So many records are looked at.
    static let recordLimit = 1_000_000

    let count: Int
    /// Whether there may be more.
    let isCutShort: Bool

    /// What there is to say of them; nil where there is none.
    var words: String? {
        guard count > 0 || isCutShort else { return nil }
        guard count > 0 else {
            return "it may hold dead letters that are open: the first "
                + "\(grouped(Self.recordLimit)) records were looked at"
        }
        return "it holds \(isCutShort ? "at least " : "")\(counted(count, "dead letter")) "
            + "about which nothing was done yet"
    }
}

extension ServedLog {
    /// What is open of a topic of dead letters, or of these offsets of it; nil for a topic that is
    /// none.
    func openLetters(
        of name: String,
        within ranges: [TopicPartition: Range<Int64>]? = nil
    ) throws -> OpenLetters? {
        let topic = try requireTopic(name, canBeMade: false)
        guard try name.hasSuffix(LetterTopic.suffix) || isAudited(name) else { return nil }
        var letters = try letters(of: topic)
        let states = try states(of: letters, isTold: false)
        if let ranges {
            letters = LetterTopic(
                topic: topic,
                bounds: letters.bounds.reduce(into: [:]) { bounds, known in
                    bounds[known.key] = ranges[known.key]?.clamped(to: known.value)
                }
            )
        }
        var count = 0
        var recordCount = 0
        let isCutShort = try scanLetters(
            of: letters,
            LetterConditions(),
            states,
            isStopped: {
                recordCount += 1
                return recordCount > OpenLetters.recordLimit
            }
        ) { _, _ in
            count += 1
            return count < OpenLetters.countLimit
        }
        return OpenLetters(
            count: count,
            isCutShort: isCutShort || count == OpenLetters.countLimit
        )
    }
}

extension ServedLog {
    /// Whether anything was noted about dead letters of a topic. Who may not know of the notes made
    /// none.
    private func isAudited(_ name: String) throws(CommandFailure) -> Bool {
        let audit = DeadLetterNoteName.auditTopic(of: name)
        return try asking("the topic '\(audit)' is not looked up") {
            cluster throws(KafkaClientError) in
            do throws(KafkaClientError) { return try !cluster.topics(named: [audit]).isEmpty } catch
            {
                guard error.code == .topicAuthorizationFailed else { throw error }
                return false
            }
        }
    }
}
