import LogModel

/// Whose turn it is among the partitions that sleep: a few at a time until each was looked at,
/// then none until it is time to begin again. A value; the broker has one for each kind of look.
struct SleeperTurns: Sendable {
    /// How many are looked at each time.
    static let count = 8
    /// From the begin of one pass to that of the next: Kafka's
    /// `log.retention.check.interval.ms`.
    static let intervalNanoseconds: UInt64 = 300_000_000_000

    /// When the last pass began; nil before the first.
    private var begin: UInt64?
    /// Up to where it came; nil if it is over.
    private var last: TopicPartition?

    /// The next ones of these, which are sorted.
    mutating func take(from names: [TopicPartition], now: UInt64) -> Range<Int> {
        var start = 0
        if let last {
            start = names.firstIndex { $0 > last } ?? names.count
        } else {
            if let begin, now &- begin < Self.intervalNanoseconds { return 0..<0 }
            begin = now
        }
        let end = min(start + Self.count, names.count)
        last = end < names.count ? names[end - 1] : nil
        return start..<end
    }
}
