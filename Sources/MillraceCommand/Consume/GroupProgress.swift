import LogModel

/// Which positions of a group are noted, and when the next are to be.
struct GroupProgress {
    /// Kafka's `auto.commit.interval.ms`: what a reader that is killed repeats at most.
    static let interval = Duration.seconds(5)

    private var noted: [TopicPartition: Offset] = [:]
    private var last: UInt64

    /// - Parameter now: nanoseconds of a clock that only goes forward, as in the other calls.
    init(at now: UInt64) { last = now }

    func isDue(at now: UInt64) -> Bool {
        now >= last && Duration.nanoseconds(Int64(clamping: now - last)) >= Self.interval
    }

    /// The positions that are not noted as they are.
    func news(in positions: [TopicPartition: Offset]) -> [TopicPartition: Offset] {
        positions.filter { noted[$0.key] != $0.value }
    }

    mutating func note(_ positions: [TopicPartition: Offset], at now: UInt64) {
        noted = positions
        last = now
    }
}
