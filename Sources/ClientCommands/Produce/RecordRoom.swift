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

    /// What is said of a record that takes more than that before it is compressed.
    func refusal(of place: InputPlace) -> CommandFailure { refusal(of: place, beyond: byteCount) }

    /// What is said of a record, or of several from a place on, that still take more than the topic
    /// has room for once they are compressed.
    func refusalOfCompressed(from place: InputPlace) -> CommandFailure {
        refusal(of: place, beyond: topicByteCount)
    }

    /// What is said of a line that has more bytes than any record's; where a line is JSON, that is
    /// more than the record itself may have.
    func refusal(ofLine place: InputPlace, beyond lineByteLimit: Int) -> CommandFailure {
        var failure = refusal(of: place)
        if lineByteLimit > byteCount {
            failure.reason =
                "it has more than \(grouped(lineByteLimit)) bytes, the most that JSON takes for "
                + "the \(grouped(byteCount)) that a batch can have"
                + (byteCount < BatchLimit.byteCount ? " in this topic" : "")
        }
        return failure
    }

    /// What is said of a record whose lengths say that key and value have so many bytes.
    func refusal(ofLengths byteCount: Int, at place: InputPlace) -> CommandFailure {
        guard !BatchLimit.hasRoom(forRecord: byteCount) else { return refusal(of: place) }
        return CommandFailure(
            "\(place.unit) \(grouped(place.number)) has lengths that no record can have",
            place: place.input,
            reason: "key and value would take \(grouped(byteCount)) bytes, and a batch has at most "
                + "\(grouped(BatchLimit.byteCount)); the input is of another form, or an earlier "
                + "length is wrong"
        )
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
