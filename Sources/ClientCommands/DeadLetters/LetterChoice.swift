import DirectoryAccess
import KafkaClient
import LogModel
import Terminal

/// The dead letters that a command is to do something about.
struct LetterChoice {
    static let all = Parameter.flag("all", help: "every open dead letter, instead of --where")
    static let dryRun = Parameter.flag("dry-run", help: "say what would be done, and do nothing")

    /// Said where a signal has ended the work on the way.
    static let cutShort =
        "stopped by a signal: those that were chosen and not yet dealt with are left open; the "
        + "same command goes on with them\n"

    /// Said where a signal has ended a look at what would be done.
    static let lookedShort =
        "stopped by a signal: there may be more than those that were looked at; nothing was done\n"

    let topic: String
    let conditions: LetterConditions
    /// As they were given; nil for all.
    let words: String?
    let isDryRun: Bool
    let now = SystemTimeSource().wallTime()

    init(_ invocation: Invocation) throws(UsageError) {
        let texts = invocation[DlqCommands.conditions]
        guard texts.isEmpty == invocation[Self.all] else {
            throw UsageError("give either --where CONDITIONS or --all: which dead letters")
        }
        topic = invocation[DlqCommands.topic]
        conditions = try LetterConditions(texts, now: now)
        words = texts.isEmpty ? nil : texts.joined(separator: " and ")
        isDryRun = invocation[Self.dryRun]
    }

    /// Finds the topic; `ScanStopped` where a signal came meanwhile.
    func letters(in log: ServedLog, _ signals: SignalListener) throws -> LetterTopic {
        try log.letterTopic(topic) { signals.request != nil }
    }

    func cause(
        _ action: AuditRecord.Action,
        _ letters: LetterTopic,
        target: String? = nil,
        reason: String? = nil
    ) -> AuditRecord.Cause {
        AuditRecord.Cause(
            action: action,
            id: AuditWriter.runID(at: now, random: UInt32.random(in: 0...UInt32.max)),
            topicID: letters.topic.id,
            author: AuditWriter.author(),
            conditions: words,
            target: target,
            reason: reason
        )
    }
}
