import DirectoryAccess
import KafkaClient
import LogModel
import Terminal

/// What a change of topics would do to dead letters: some that are open would be gone, or some
/// that were dealt with open again. Only who says so with --force has it.
extension TopicStore {
    /// Refuses to remove a topic of which dead letters would be gone that nobody has dealt with,
    /// or notes that say with which somebody has.
    ///
    /// - Parameter topics: all that are to be removed, this one among them.
    func refuseLossOfLetters(
        removing name: String,
        of topics: [String]
    ) throws(CommandFailure) {
        try refuse(name, "was not removed", "topic delete --force removes it") { log throws in
            if let words = try log.openLetters(of: name)?.words { return words }
            // The letters go as well, and were looked at.
            if topics.contains(where: { $0 == DeadLetterNoteName.lettersTopic(of: name) }) {
                return nil
            }
            return try log.wordsOfNotes(in: name)
        }
    }

    /// Refuses options by which a topic would forget what it notes about dead letters.
    func refuseForgetting(
        of name: String,
        by changes: [(name: String, value: String?)]
    ) throws(CommandFailure) {
        try refuse(name, "was not changed", "topic alter --force changes it") { log throws in
            guard let found = try log.forgetting(name, by: changes),
                let words = try log.wordsOfNotes(in: name)
            else { return nil }
            return "it would forget its records (\(found)), and \(words)"
        }
    }

    private func refuse(
        _ name: String,
        _ outcome: String,
        _ force: String,
        _ find: (ServedLog) throws -> String?
    ) throws(CommandFailure) {
        let what = "the topic '\(name)' \(outcome)"
        let words: String?
        do { words = try find(served) } catch {
            var failure = CommandFailure(explaining: error, data: place.directory)
            failure.reason =
                "what it holds of dead letters is not known: \(failure.reason ?? failure.what)"
            failure.what = what
            failure.next = "\(force) all the same"
            throw failure
        }
        guard let words else { return }
        throw CommandFailure(
            what,
            place: "\(place)",
            reason: words,
            next: "\(place.listOfLetters(name)) shows dead letters; \(force) all the same"
        )
    }
}

extension LogPlace {
    /// The command that lists the dead letters that a topic has, or that it has notes about.
    func listOfLetters(_ name: String) -> String {
        next("dlq list \(argument: DeadLetterNoteName.lettersTopic(of: name) ?? name)")
    }
}

extension ServedLog {
    /// What there is to say of the notes about dead letters that a topic has; nil where it has none
    /// that count.
    func wordsOfNotes(in audit: String) throws -> String? {
        guard let name = DeadLetterNoteName.lettersTopic(of: audit),
            let topic = try visibleTopic(name), !topic.isInternal
        else { return nil }
        let count = try states(of: try letters(of: topic), isTold: false).dealtWithCount
        guard count > 0 else { return nil }
        return "it notes what was done about \(counted(count, "dead letter")) of '\(name)', which "
            + "would be open again, and replayed twice"
    }

    /// What the deletion of these records would do to dead letters; nil where it would do nothing.
    func wordsOfLoss(
        _ name: String,
        deleting ranges: [TopicPartition: Range<Int64>]
    ) throws -> String? {
        guard ranges.values.contains(where: { !$0.isEmpty }) else { return nil }
        if let words = try openLetters(of: name, within: ranges)?.words { return words }
        let notes = TopicPartition(name, PartitionIndex(0))
        return ranges[notes]?.isEmpty ?? true ? nil : try wordsOfNotes(in: name)
    }

    /// The options by which a topic would forget records after these changes of its options; nil
    /// where none of them does that.
    func forgetting(
        _ name: String,
        by changes: [(name: String, value: String?)]
    ) throws(CommandFailure) -> String? {
        guard DeadLetterNoteName.lettersTopic(of: name) != nil,
            changes.contains(where: { NoteKeeping.options[$0.name] != nil })
        else { return nil }
        let what = "the options of '\(name)' are not told"
        var options =
            try asking(what) { cluster throws(KafkaClientError) in
                try cluster.options(of: [name], withDefaults: true)
            }[name] ?? [:]
        let defaults = try defaults(ofTopic: name).values
        for change in changes { options[change.name] = change.value ?? defaults[change.name] ?? "" }
        guard let keeping = NoteKeeping(options),
            changes.contains(where: { keeping.names.contains($0.name) })
        else { return nil }
        return keeping.found
    }

    /// A topic; nil where there is none, or none that this user may know of.
    private func visibleTopic(_ name: String) throws(CommandFailure) -> ClusterTopic? {
        try asking("the topic '\(name)' is not looked up") { cluster throws(KafkaClientError) in
            do throws(KafkaClientError) { return try cluster.topics(named: [name]).first } catch {
                guard error.code == .topicAuthorizationFailed else { throw error }
                return nil
            }
        }
    }
}
