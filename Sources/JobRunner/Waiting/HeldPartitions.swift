import LogModel

/// Tells which inputs a run waits for because somebody else's transaction is open there: everything
/// before it is processed, and what is behind it was there at the start.
///
/// A value: positions and ends in, partitions to be told of out, each of them once for an offset at
/// which it is held.
struct HeldPartitions {
    /// How far an input is, at one look.
    struct Look {
        let partition: TopicPartition
        /// The next offset that the job reads.
        let position: Offset
        /// The end that the run has to reach.
        let target: Offset
        let lastStable: Offset
    }

    /// Transactions of producers that commit often are over before anybody cares.
    static let patience = Duration.seconds(3)

    private var since: [TopicPartition: (offset: Offset, nanoseconds: UInt64)] = [:]
    private var told: [TopicPartition: Offset] = [:]

    /// Takes note of a look at a moment; the partitions that have been held for long since then.
    mutating func look(_ looks: [Look], at nanoseconds: UInt64) -> [Look] {
        var found: [Look] = []
        for look in looks {
            let isHeld = look.lastStable < look.target && look.position >= look.lastStable
            guard isHeld else {
                since[look.partition] = nil
                continue
            }
            guard let known = since[look.partition], known.offset == look.lastStable else {
                since[look.partition] = (look.lastStable, nanoseconds)
                continue
            }
            let passed = nanoseconds >= known.nanoseconds ? nanoseconds - known.nanoseconds : 0
            guard Duration.nanoseconds(Int64(clamping: passed)) >= Self.patience,
                told[look.partition] != look.lastStable
            else { continue }
            told[look.partition] = look.lastStable
            found.append(look)
        }
        return found
    }
}
