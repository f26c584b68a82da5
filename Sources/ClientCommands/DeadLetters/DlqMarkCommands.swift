import DirectoryAccess
import LogModel
import Terminal

/// `millrace dlq park` and `drop`: dead letters are no more open, and it is noted why.
enum DlqMarkCommands {
    private static let because = Parameter.optional(
        "reason",
        .nonemptyText("TEXT"),
        help: "why, for those who ask later"
    )
    private static let parameters =
        [
            DlqCommands.topic.declaration, DlqCommands.conditions.declaration,
            LetterChoice.all.declaration, because.declaration, LetterChoice.dryRun.declaration,
        ] + LogOption.parameters

    static let park = Command(
        "park",
        summary: "put dead letters aside",
        discussion: "A parked dead letter is not open: list counts it apart, check does not count "
            + "it, and replay leaves it\nwhere --where does not say state=parked. It stays in its "
            + "topic; that it is parked, by whom and why, is\na record of the topic "
            + "TOPIC-audit.\n\n" + LetterConditions.help,
        parameters: parameters,
        examples: [
            .init(
                "millrace dlq park charges-dead-letters --where reason=decode "
                    + "--reason 'ask billing'",
                "for a person to look at"
            )
        ],
        exits: [.signalled("ended it before all were noted")]
    ) { invocation in
        try run(invocation, .park, done: "parked")
    }

    static let drop = Command(
        "drop",
        summary: "give dead letters up",
        discussion: "They stay in their topic until its retention removes them, and are dealt "
            + "with. Who gave them up and why\nis a record of the topic TOPIC-audit.\n\n"
            + LetterConditions.help,
        parameters: parameters,
        examples: [
            .init(
                "millrace dlq drop charges-dead-letters --where 'job=old and until=7d' "
                    + "--reason 'no longer wanted'",
                "the reason must be given"
            )
        ],
        exits: [.signalled("ended it before all were noted")]
    ) { invocation in
        guard invocation[because] != nil else {
            throw UsageError("give the reason: --reason TEXT stays with what was dropped")
        }
        return try run(invocation, .drop, done: "dropped")
    }

    private static func run(
        _ invocation: Invocation,
        _ action: AuditRecord.Action,
        done: String
    ) throws -> ExitStatus {
        let choice = try LetterChoice(invocation)
        let signals = try SignalListener.start()
        let outcome = try withCluster(invocation) { log in
            do {
                return try mark(choice, action, reason: invocation[because], in: log, signals)
            } catch is ScanStopped { return (0, true) }
        }
        let letters = counted(outcome.count, "dead letter")
        TextOutput.standard.write(
            choice.isDryRun ? "would be \(done): \(letters)\n" : "\(done) \(letters)\n"
        )
        guard outcome.isCutShort else { return .done }
        TextOutput.standard.write(
            choice.isDryRun ? LetterChoice.lookedShort : LetterChoice.cutShort
        )
        return signals.request ?? .done
    }

    /// How many were noted, or would be.
    private static func mark(
        _ choice: LetterChoice,
        _ action: AuditRecord.Action,
        reason: String?,
        in log: ServedLog,
        _ signals: SignalListener
    ) throws -> (count: Int, isCutShort: Bool) {
        let letters = try choice.letters(in: log, signals)
        if choice.isDryRun { return try count(letters, choice, upTo: .max, in: log, signals) }
        // Where nothing was noted yet and nothing is to be, no topic is made for it.
        if try !log.hasAudit(of: letters) {
            let first = try count(letters, choice, upTo: 1, in: log, signals)
            if first.count == 0 { return first }
        }
        let cause = choice.cause(action, letters, reason: reason)
        let audit = try AuditWriter(letters, cause: cause, in: log)
        return try mark(letters, choice, audit, in: log, signals)
    }

    /// Counts the dead letters that are meant, up to a number that is enough.
    private static func count(
        _ letters: LetterTopic,
        _ choice: LetterChoice,
        upTo limit: Int,
        in log: ServedLog,
        _ signals: SignalListener
    ) throws -> (count: Int, isCutShort: Bool) {
        var count = 0
        let isCutShort = try log.scanLetters(
            of: letters,
            choice.conditions,
            try log.states(of: letters) { signals.request != nil },
            isStopped: { signals.request != nil }
        ) { _, _ in
            count += 1
            return count < limit
        }
        return (count, isCutShort)
    }

    private static func mark(
        _ letters: LetterTopic,
        _ choice: LetterChoice,
        _ audit: AuditWriter,
        in log: ServedLog,
        _ signals: SignalListener
    ) throws -> (count: Int, isCutShort: Bool) {
        let states = try log.states(of: letters, areSettled: true) { signals.request != nil }
        do {
            let isCutShort = try log.scanLetters(
                of: letters,
                choice.conditions,
                states,
                isStopped: { signals.request != nil }
            ) { letter, _ in
                audit.note(letter.place)
                if audit.notedCount == AuditWriter.letterLimit { try audit.commit() }
                return true
            }
            try audit.commit()
            try audit.settle()
            return (audit.committedCount, isCutShort)
        } catch { throw audit.abandon(after: error) }
    }
}
