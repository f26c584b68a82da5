import LogModel

/// Partitions that nobody leads now, while others are read; pure.
struct LeaderlessPartitions {
    /// A node that starts again is back by then, or another leads.
    static let limit = Duration.seconds(30)

    private var since: [TopicPartition: UInt64] = [:]

    func contains(_ partition: TopicPartition) -> Bool { since[partition] != nil }

    /// Whether that has been so for long.
    ///
    /// - Parameter now: nanoseconds of a clock that only goes forward.
    mutating func isLong(_ partition: TopicPartition, at now: UInt64) -> Bool {
        let begin = since[partition] ?? now
        since[partition] = begin
        return now >= begin && Duration.nanoseconds(Int64(clamping: now - begin)) >= Self.limit
    }

    /// Somebody answers for it.
    mutating func end(_ partition: TopicPartition) { since[partition] = nil }
}
