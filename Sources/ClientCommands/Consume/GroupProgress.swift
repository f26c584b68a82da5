import LogModel

/// Which positions of a group are noted, and when the next are to be.
struct GroupProgress {
    /// Kafka's `auto.commit.interval.ms`: what a reader that is killed repeats at most.
    static let interval = Duration.seconds(5)

    /// A position of the group that is not where this reader left it.
    struct Move: Equatable {
        let partition: TopicPartition
        let left: Offset?
        let found: Offset?
    }

    private var noted: [TopicPartition: Offset] = [:]
    /// The group's positions as this reader last saw or left them, and when; nil for one of a topic
    /// that was deleted, which may go at any time.
    private var left: [TopicPartition: (offset: Offset, time: UInt64?)] = [:]
    /// A position that nobody has noted for so long may have expired: Kafka's least
    /// `offsets.retention.minutes`.
    private static let leastRetention = Duration.seconds(60)
    private var last: UInt64

    /// - Parameter now: nanoseconds of a clock that only goes forward, as in the other calls.
    init(at now: UInt64) { last = now }

    func isDue(at now: UInt64) -> Bool {
        now >= last && Duration.nanoseconds(Int64(clamping: now - last)) >= Self.interval
    }

    /// What the group had when reading began, of all partitions or of some.
    mutating func begin(with committed: [TopicPartition: Offset], at now: UInt64) {
        left.merge(committed.mapValues { ($0, now) }) { $1 }
    }

    /// The topic of this partition is gone.
    mutating func forget(_ partition: TopicPartition) {
        noted[partition] = nil
        left[partition] = nil
    }

    /// The partition is of another topic than before, in which this position means nothing.
    mutating func beginAnew(_ partition: TopicPartition, at committed: Offset?) {
        noted[partition] = nil
        left[partition] = committed.map { ($0, nil) }
    }

    /// The first position, in the partitions' order, that somebody else has moved or removed since:
    /// noting `news` would undo that. One that has the new value already is this reader's, of an
    /// attempt whose answer was lost.
    func move(
        in committed: [TopicPartition: Offset],
        to news: [TopicPartition: Offset],
        at now: UInt64
    ) -> Move? {
        let partition = news.keys.sorted().first { partition in
            let found = committed[partition]
            if found == nil, mayHaveExpired(partition, at: now) { return false }
            return found != left[partition]?.offset && found != news[partition]
        }
        return partition.map {
            Move(partition: $0, left: left[$0]?.offset, found: committed[$0])
        }
    }

    private func mayHaveExpired(_ partition: TopicPartition, at now: UInt64) -> Bool {
        guard let time = left[partition]?.time, now >= time else { return true }
        return Duration.nanoseconds(Int64(clamping: now - time)) >= Self.leastRetention
    }

    /// The positions that are not noted as they are.
    func news(in positions: [TopicPartition: Offset]) -> [TopicPartition: Offset] {
        positions.filter { noted[$0.key] != $0.value }
    }

    mutating func note(_ positions: [TopicPartition: Offset], at now: UInt64) {
        let news = news(in: positions)
        noted = positions
        left.merge(news.mapValues { ($0, now) }) { $1 }
        last = now
    }
}
