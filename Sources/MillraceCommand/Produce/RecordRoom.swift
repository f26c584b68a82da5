import LogModel
import Terminal

/// What a record may take in a topic, counted as the log counts: by the batch that has it alone.
struct RecordRoom {
    /// `max.message.bytes`.
    let topicByteCount: Int
    /// Compressed, a longer record may fit: how long the batch gets is known once it is.
    let isCompressed: Bool
    /// The command that raises the topic's limit.
    let raising: String

    /// What a batch may have before it is compressed.
    var byteCount: Int { isCompressed ? BatchLimit.byteCount : topicByteCount }

    /// Whether the topic may be given more room for that.
    var canBeRaised: Bool { byteCount < BatchLimit.byteCount }

    /// What is said of a record that takes more than that before it is compressed.
    func refusal(of place: InputPlace) -> CommandFailure { refusal(of: place, beyond: byteCount) }

    /// What is said of a record, or of several from a place on, that still take more than the topic
    /// has room for once they are compressed.
    func refusalOfCompressed(from place: InputPlace) -> CommandFailure {
        refusal(of: place, beyond: topicByteCount)
    }

    private func refusal(of place: InputPlace, beyond limit: Int) -> CommandFailure {
        let canBeRaised = limit < BatchLimit.byteCount
        return CommandFailure(
            "\(place.unit) \(grouped(place.number)) is too long for a record",
            place: place.input,
            reason: "a batch with it alone takes more than the \(grouped(limit)) bytes that a "
                + (canBeRaised ? "batch can have in this topic" : "batch can have"),
            next: canBeRaised ? raising : nil
        )
    }
}

/// Where in the input a record stands.
struct InputPlace {
    /// `line` or `record`.
    let unit: String
    /// Counted from 1 over the input.
    let number: Int
    /// The input's name.
    let input: String
}
