import DirectoryAccess
import KafkaClient
import LogClient
import LogModel
import Terminal

/// Reading what was noted about dead letters.
extension ServedLog {
    /// Whether there is a topic for what is done about these dead letters.
    func hasAudit(of letters: LetterTopic) throws(CommandFailure) -> Bool {
        let name = letters.audit.topic
        return try asking("the topic '\(name)' is not looked up") {
            cluster throws(KafkaClientError) in
            try !cluster.topics(named: [name]).isEmpty
        }
    }

    /// What was done about the dead letters of a topic, from its audit topic. Where they are to be
    /// settled, nobody may have a transaction open that could say more. What does not count of the
    /// notes, and why they may not be all, is told if that `isTold`.
    ///
    /// - Throws: `ScanStopped` where `isStopped` said so.
    func states(
        of letters: LetterTopic,
        areSettled: Bool = false,
        isTold: Bool = true,
        isStopped: () -> Bool = { false }
    ) throws -> LetterStates {
        var states = LetterStates(of: letters.bounds)
        let audit = letters.audit
        guard try hasAudit(of: letters) else { return states }
        if areSettled { try waitUntilStable(audit, isStopped: isStopped) }
        let bounds = try bounds(of: audit)
        var foreign = ForeignRecords()
        if bounds.logStart > .zero { states.doubt.note(goneBefore: bounds.logStart) }
        let all = bounds.logStart.rawValue..<max(bounds.logStart, bounds.lastStableOffset).rawValue
        try scan(audit, all, isStopped: isStopped) { record, batch in
            guard let noted = AuditRecord(record) else {
                if AuditRecord.isForeign(record) {
                    foreign.add(batch.offset(of: record))
                    return true
                }
                throw unreadableNote(record, at: batch.offset(of: record), of: letters)
            }
            // A topic that was deleted and made again has other letters at the same offsets.
            if let id = noted.cause.topicID, let now = letters.topic.id, id != now {
                states.doubt.noteOfAnother(at: batch.timestamp(of: record))
                return true
            }
            states.doubt.noteThatCounts(at: batch.timestamp(of: record))
            let partition = TopicPartition(letters.name, noted.partition)
            for range in noted.offsets.ranges {
                states.note(noted.cause.action.state, of: range, in: partition)
            }
            return true
        }
        if isStopped() { throw ScanStopped() }
        guard isTold else { return states }
        foreign.tell(of: audit)
        for words in states.doubt.warnings(audit) { TextOutput.error.write("warning: \(words)\n") }
        try warnWhereForgotten(audit.topic)
        return states
    }

    /// A record that may be a note and says nothing.
    private func unreadableNote(
        _ record: RecordView,
        at offset: Offset,
        of letters: LetterTopic
    ) -> CommandFailure {
        let audit = letters.audit
        let look = place.next("consume \(argument: audit.topic) --format '%o %k %s %h\\n'")
        let isBare = record.headers.count <= 1
        return CommandFailure(
            "what was done about the dead letters of '\(letters.name)' is not known",
            place: "\(audit) at offset \(offset.rawValue)",
            reason: isBare
                ? "the record there has the key and value of a note, and no headers: a copy of "
                    + "the notes has lost them"
                : "the record there is a note of dead letters that cannot be read: a later "
                    + "version may have written it",
            next: isBare
                ? "\(look) shows it; "
                    + place.next("topic delete \(argument: audit.topic) --force")
                    + " forgets all notes: then drop or park what was dealt with before"
                : "\(look) shows it; the program that wrote it can read it"
        )
    }

    private func warnWhereForgotten(_ audit: String) throws {
        guard let keeping = try noteKeeping(of: audit) else { return }
        TextOutput.error.write(
            "warning: what was done about these dead letters will be forgotten, for '\(audit)' "
                + "keeps its notes no longer than its options say (\(keeping.found)); next: "
                + "\(keeping.next(audit, at: place))\n"
        )
    }
}

/// Records of an audit topic that say nothing about a dead letter, whoever wrote them there.
private struct ForeignRecords {
    private var first: Offset?
    private var count = 0

    mutating func add(_ offset: Offset) {
        first = first ?? offset
        count += 1
    }

    func tell(of audit: TopicPartition) {
        guard let first else { return }
        let place = "at offset \(first.rawValue) of \(audit)"
        let why = "no command of dead letters wrote"
        TextOutput.error.write(
            count == 1
                ? "warning: the record \(place) is passed over: \(why) it\n"
                : "warning: \(counted(count, "record")), the first \(place), are passed over: "
                    + "\(why) them\n"
        )
    }
}

extension ServedLog {
    /// Refuses a replay of dead letters that may have been replayed before, as far as the notes
    /// can tell.
    func refuseDoubts(
        about letters: LetterTopic,
        _ choice: LetterChoice,
        _ states: LetterStates,
        _ signals: SignalListener
    ) throws {
        guard !states.doubt.isNone else { return }
        var count = 0
        var first: LetterPlace?
        let isCutShort = try scanLetters(
            of: letters,
            choice.conditions,
            states,
            isStopped: { signals.request != nil }
        ) { letter, _ in
            guard states.doubt.mayBeAbout(letter) else { return true }
            count += 1
            first = first ?? letter.place
            return true
        }
        if isCutShort { throw ScanStopped() }
        guard let first else { return }
        throw CommandFailure(
            "\(grouped(count)) of these dead letters may have been replayed before: "
                + "nothing was done",
            place: "the first is offset \(first.offset.rawValue) of \(first.partition), \(place)",
            reason: states.doubt.warnings(letters.audit).joined(separator: "; "),
            next: "drop or park what was dealt with (dlq drop, dlq park); replay "
                + "--force sends the rest back, and again what was sent back before"
        )
    }
}
