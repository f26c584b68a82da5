import DirectoryAccess
import LogModel
import Terminal

/// Answers without records, though there are some in front of where reading ends; pure.
struct ReadingSilence {
    /// After this time the records are given up.
    static let limit = Duration.seconds(10)

    private var begin: UInt64?

    /// Whether the answers have been empty for long.
    ///
    /// - Parameter now: nanoseconds of a clock that only goes forward.
    mutating func isLong(at now: UInt64) -> Bool {
        let begin = begin ?? now
        self.begin = begin
        return now >= begin && Duration.nanoseconds(Int64(clamping: now - begin)) >= Self.limit
    }

    /// Records came.
    mutating func end() { begin = nil }
}

/// The end at which reading ends.
extension Consumer {
    func isRead(_ partition: TopicPartition, to target: Offset?) -> Bool {
        target.map { positions[partition] ?? .zero >= $0 } ?? true
    }

    /// Whether nothing more is to be asked for: every partition is read up to its end, or the
    /// answers have been empty in front of that for long, which is told.
    mutating func isAtEnd(_ targets: [TopicPartition: Offset]) -> Bool {
        let short = unfinished.filter { !isRead($0, to: targets[$0]) }
        guard !short.isEmpty else { return true }
        guard silence.isLong(at: time.monotonicNanoseconds()) else { return false }
        for partition in short {
            setAside(partition, silent(partition, upTo: targets[partition] ?? .zero))
        }
        return true
    }

    private func silent(_ partition: TopicPartition, upTo end: Offset) -> CommandFailure {
        CommandFailure(
            "\(partition) is not read to its end",
            place: "\(log.place)",
            reason: "nothing came from offset \((positions[partition] ?? .zero).rawValue) on for "
                + "\(ReadingSilence.limit.components.seconds) seconds, and it ends at "
                + "\(end.rawValue)",
            next: log.place.next("topic describe \(argument: partition.topic)")
        )
    }
}
