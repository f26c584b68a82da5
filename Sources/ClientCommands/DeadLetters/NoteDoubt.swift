import LogModel
import Terminal

/// Why dead letters that seem open may have been dealt with: notes that are gone, and notes about
/// another topic of the name. That one was deleted, and then what it held is no matter; or it is
/// what this one was copied from, and then they are about these letters, at whatever offsets.
///
/// Times tell most of them apart: nothing is noted about a letter before it is there.
struct NoteDoubt: Equatable {
    /// How many notes are about another topic of the name.
    private(set) var otherCount = 0
    private var latestOther: Timestamp?
    /// Notes before this offset are gone.
    private(set) var goneBefore: Offset?
    private var firstThatCounts: Timestamp?

    /// Clocks of those who write letters and of those who note what became of them may differ.
    private static let clockDifference: Int64 = 5 * 60 * 1000

    mutating func note(goneBefore offset: Offset) { goneBefore = offset }

    mutating func noteOfAnother(at time: Timestamp) {
        otherCount += 1
        latestOther = max(latestOther ?? time, time)
    }

    mutating func noteThatCounts(at time: Timestamp) {
        firstThatCounts = firstThatCounts ?? time
    }

    /// Letters that arrived by then may be what such notes are about; nil where there are none.
    private var horizon: Timestamp? {
        var horizon = latestOther
        if goneBefore != nil {
            // The notes that are gone lay in front of those that are left.
            let gone = firstThatCounts ?? Timestamp(.max)
            horizon = max(horizon ?? gone, gone)
        }
        return horizon?.advanced(byMilliseconds: Self.clockDifference)
    }

    var isNone: Bool { horizon == nil }

    func mayBeAbout(_ letter: DeadLetterView) -> Bool {
        horizon.map { letter.arrival <= $0 } ?? false
    }

    /// What there is to say of the notes of a topic, a sentence each.
    func warnings(_ audit: TopicPartition) -> [String] {
        var warnings: [String] = []
        if otherCount > 0 {
            warnings.append(
                "\(counted(otherCount, "note")) in \(audit.topic) "
                    + (otherCount == 1 ? "is" : "are")
                    + " about another topic of that name, one that was deleted or that this one "
                    + "was copied from, and \(otherCount == 1 ? "does" : "do") not count"
            )
        }
        if let goneBefore {
            warnings.append(
                "the notes of \(audit) before offset \(goneBefore.rawValue) are gone: dead letters "
                    + "that they were about are open again"
            )
        }
        return warnings
    }
}
