import LogModel

/// What the headers of a replayed record tell of the dead letter that it was. They come from
/// outside: what is not as it should be counts for nothing.
struct ReplayedLetter {
    /// The topic that the dead letter lies in.
    let topic: String
    let attempts: Int
    let firstFailedAt: Timestamp?

    /// A topic's name and two numbers take less.
    static let valueByteLimit = 512

    /// Nil of a record that is not replayed.
    init?(_ headers: UnsafeRawBufferPointer) {
        var place: String?
        var attempts: Int?
        var firstFailedAt: Int64?
        var iterator = RecordHeaderIterator(headers)
        while let header = iterator.next() {
            guard header.key.starts(with: DeadLetterHeader.replayPrefix.utf8),
                let value = header.value, value.count <= Self.valueByteLimit
            else { continue }
            let text = String(decoding: value, as: UTF8.self)
            switch String(decoding: header.key, as: UTF8.self) {
            case DeadLetterHeader.replayedLetter: place = text
            case DeadLetterHeader.replayedAttempts: attempts = Int(text)
            case DeadLetterHeader.replayedFirstFailedAt: firstFailedAt = Int64(text)
            default: continue
            }
        }
        // No topic's name has a slash.
        guard let topic = place?.split(separator: "/").first else { return nil }
        self.topic = String(topic)
        self.attempts = max(attempts ?? 0, 0)
        self.firstFailedAt = firstFailedAt.flatMap { $0 >= 0 ? Timestamp($0) : nil }
    }
}
