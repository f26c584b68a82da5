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
    /// The group's positions as this reader last saw or left them.
    private var left: [TopicPartition: Offset] = [:]
    private var last: UInt64

    /// - Parameter now: nanoseconds of a clock that only goes forward, as in the other calls.
    init(at now: UInt64) { last = now }

    func isDue(at now: UInt64) -> Bool {
        now >= last && Duration.nanoseconds(Int64(clamping: now - last)) >= Self.interval
    }

    /// What the group had when reading began.
    mutating func begin(with committed: [TopicPartition: Offset]) { left = committed }

    /// The first position, in the partitions' order, that somebody else has moved or removed since:
    /// noting `news` would undo that. One that has the new value already is this reader's, of an
    /// attempt whose answer was lost.
    func move(in now: [TopicPartition: Offset], to news: [TopicPartition: Offset]) -> Move? {
        let partition = news.keys.sorted().first { partition in
            now[partition] != left[partition] && now[partition] != news[partition]
        }
        return partition.map { Move(partition: $0, left: left[$0], found: now[$0]) }
    }

    /// The positions that are not noted as they are.
    func news(in positions: [TopicPartition: Offset]) -> [TopicPartition: Offset] {
        positions.filter { noted[$0.key] != $0.value }
    }

    mutating func note(_ positions: [TopicPartition: Offset], at now: UInt64) {
        noted = positions
        left.merge(positions) { $1 }
        last = now
    }
}
