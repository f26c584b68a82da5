import LogModel

/// What lies behind the last stable offsets of partitions, which readers of committed records wait
/// for; pure.
struct HeldUpRecords {
    struct Held: Equatable {
        let partition: TopicPartition
        /// Offsets up to the high watermark.
        let count: Int64
    }

    /// A transaction that is under way is open for a moment, and nothing to tell of.
    private static let patience = Duration.seconds(3)

    private var counts: [TopicPartition: Int64] = [:]
    private var since: [TopicPartition: UInt64] = [:]
    private var told: Set<TopicPartition> = []

    /// - Parameters:
    ///   - count: offsets between the last stable one and the high watermark.
    ///   - now: nanoseconds of a clock that only goes forward, as in the other calls.
    mutating func note(_ partition: TopicPartition, _ count: Int64, at now: UInt64) {
        guard count > 0 else {
            counts[partition] = nil
            since[partition] = nil
            return
        }
        counts[partition] = count
        since[partition] = since[partition] ?? now
    }

    var all: [Held] {
        counts.sorted { $0.key < $1.key }.map { Held(partition: $0.key, count: $0.value) }
    }

    /// Those that are held up for long, each of them once.
    mutating func takeDue(at now: UInt64) -> [Held] {
        let due = all.filter { held in
            guard !told.contains(held.partition), let begin = since[held.partition], now >= begin
            else { return false }
            return Duration.nanoseconds(Int64(clamping: now - begin)) >= Self.patience
        }
        told.formUnion(due.map(\.partition))
        return due
    }
}
