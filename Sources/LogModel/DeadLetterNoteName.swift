/// What the notes of what was done about dead letters are known by, for those who copy them as
/// well as for those who read them.
package enum DeadLetterNoteName {
    /// What the name of a topic of notes has behind that of the dead letters' topic.
    package static let suffix = "-audit"
    /// A note's header with the id of the topic that the dead letters lie in, as text.
    package static let topicID = "__millrace.audit.topic-id"

    /// Where it is noted what was done about the dead letters of a topic.
    package static func auditTopic(of letters: String) -> String { letters + suffix }

    /// The topic of which this one has the notes, by its name; nil for other names.
    package static func lettersTopic(of audit: String) -> String? {
        audit.hasSuffix(suffix) && audit != suffix ? String(audit.dropLast(suffix.count)) : nil
    }
}
