import LogClient
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

    private var bounds: [TopicPartition: PartitionBounds] = [:]
    private var since: [TopicPartition: UInt64] = [:]
    private var told: Set<TopicPartition> = []

    /// - Parameter now: nanoseconds of a clock that only goes forward, as in the other calls.
    mutating func note(_ partition: TopicPartition, _ now: PartitionBounds, at time: UInt64) {
        guard now.lastStableOffset < now.highWatermark else {
            bounds[partition] = nil
            since[partition] = nil
            return
        }
        // Behind each transaction that ends the next one is waited for.
        if bounds[partition]?.lastStableOffset != now.lastStableOffset { since[partition] = time }
        bounds[partition] = now
    }

    /// It is not read any more.
    mutating func forget(_ partition: TopicPartition) {
        bounds[partition] = nil
        since[partition] = nil
        told.remove(partition)
    }

    /// Where those stand that are held up.
    var stableOffsets: [TopicPartition: Offset] { bounds.mapValues(\.lastStableOffset) }

    var all: [Held] {
        bounds.sorted { $0.key < $1.key }.map { partition, bounds in
            let count = bounds.lastStableOffset.distance(to: bounds.highWatermark)
            return Held(partition: partition, count: count)
        }
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
