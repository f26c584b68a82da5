package import LogModel

/// Markers to write now.
package struct MarkerWork: Equatable, Sendable {
    /// The whole order, with all its partitions.
    package let order: MarkerOrder
    /// Those whose marker is due.
    package let partitions: [TopicIDPartition]
}

/// What came of one marker.
package enum MarkerOutcome: Equatable, Sendable {
    /// It is in the log and flushed.
    case durable
    /// There is no partition of this topic id any more.
    case gone
    /// It could not be written; the reason is for people. One that lacks room on the disk goes on
    /// once there is some.
    case refused(String, lacksRoom: Bool = false)
}

/// A step that failed, and when it comes again.
package struct MarkerFailure: Equatable, Sendable {
    package let reason: String
    /// Whether there was no room on the disk.
    package let lacksRoom: Bool
    /// How often it failed so far.
    package let count: Int
    package let time: Timestamp

    /// When it is due again.
    package var retryTime: Timestamp {
        let doublings = min(count - 1, 16)
        let delay = min(
            PendingMarkers.firstDelayMilliseconds << doublings,
            PendingMarkers.longestDelayMilliseconds
        )
        return time.advanced(byMilliseconds: delay)
    }
}

/// A marker that a partition refuses.
package struct MarkerRefusal: Equatable, Sendable {
    /// Empty where none is known.
    package let transactionalID: String
    package let producerID: ProducerID
    package let partition: TopicIDPartition
    package let failure: MarkerFailure
}
