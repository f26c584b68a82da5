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
    func openLetters(of name: String) throws -> OpenLetters? {
        let topic = try requireTopic(name, canBeMade: false)
        guard try name.hasSuffix(LetterTopic.suffix) || isAudited(name) else { return nil }
        let letters = try letters(of: topic)
        let states = try states(of: letters)
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
        let audit = AuditRecord.topic(of: name)
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

extension OpenLog {
    func openLetters(of name: String) throws -> OpenLetters? {
        try ServedLog(inProcess: self).openLetters(of: name)
    }
}

extension TopicStore {
    /// Refuses a topic of which dead letters would be gone that nobody has dealt with.
    func refuseOpenLetters(of name: String) throws(CommandFailure) {
        let what = "the topic '\(name)' was not removed"
        let found: OpenLetters?
        do { found = try openLetters(of: name) } catch {
            var failure = CommandFailure(explaining: error, data: place.directory)
            failure.reason =
                "whether it holds dead letters that are open is not known: "
                + (failure.reason ?? failure.what)
            failure.what = what
            failure.next = "topic delete --force removes it all the same"
            throw failure
        }
        guard let words = found?.words else { return }
        throw CommandFailure(
            what,
            place: "\(place)",
            reason: words,
            next: "\(place.next("dlq list \(argument: name)")) shows them; topic delete --force "
                + "removes them with the topic"
        )
    }
}
