import DirectoryAccess
import LogModel
import Streams

/// Whether the record of a dead letter passes although its key is held.
enum HoldPassage: String, CaseIterable, Sendable {
    case pass
    case release
}

extension RecordHeaderBlock {
    /// The headers of a replayed record: its own, without those of failures and of earlier replays,
    /// then those of this one.
    init(
        replaying letter: DeadLetterView,
        own headers: UnsafeRawBufferPointer,
        id: String,
        hold: HoldPassage
    ) {
        self.init()
        var iterator = RecordHeaderIterator(headers)
        while let header = iterator.next() {
            guard !DeadLetterHeader.isOfFailureOrReplay(header.key) else { continue }
            append(key: header.key, value: header.value)
        }
        let place = letter.place
        append(key: DeadLetterHeader.replayID, text: id)
        append(
            key: DeadLetterHeader.replayedLetter,
            text: "\(place.partition.topic)/\(place.partition.partition.rawValue)/"
                + "\(place.offset.rawValue)"
        )
        append(
            key: DeadLetterHeader.replayedAttempts,
            text: "\(max(letter.number(.attempts) ?? 0, 0))"
        )
        append(
            key: DeadLetterHeader.replayedFirstFailedAt,
            text: "\(letter.firstFailure.rawValue)"
        )
        append(key: DeadLetterHeader.hold, text: hold.rawValue)
    }
}
