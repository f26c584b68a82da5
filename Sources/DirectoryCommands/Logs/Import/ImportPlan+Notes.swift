import LogModel

/// Dead letters and the notes of what was done about them are two topics that belong together.
extension ImportPlan {
    /// What makes the notes of a topic those about dead letters that come over; nil for others.
    func translation(ofNotesIn audit: String) -> NoteTranslation? {
        guard let name = DeadLetterNoteName.lettersTopic(of: audit),
            let letters = topics.first(where: { $0.name == name }), let id = letters.kafkaID
        else { return nil }
        return NoteTranslation(from: id, to: letters.id)
    }

    /// What a person should know of dead letters and notes of which the others do not come over.
    /// - Parameter inKafka: the topics that Kafka has, wherever they lie.
    func wordsOfDividedNotes(inKafka: Set<String>) -> [String] {
        let names = Set(topics.map(\.name))
        var words: [String] = []
        for name in names.sorted() {
            let audit = DeadLetterNoteName.auditTopic(of: name)
            if inKafka.contains(audit), !names.contains(audit) {
                words.append(
                    "\(name): its notes of which dead letters were dealt with, \(audit), do not "
                        + "come over: all of them are open here, and a replay would double those "
                        + "that were replayed"
                )
            }
            if let letters = DeadLetterNoteName.lettersTopic(of: name), inKafka.contains(letters),
                !names.contains(letters)
            {
                words.append(
                    "\(name): if it has notes about the dead letters of \(letters), they count "
                        + "only where both come over in one import"
                )
            }
        }
        return words
    }
}
