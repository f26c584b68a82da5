public import LogModel

/// Where the record being processed comes from, and what its results inherit.
public struct RecordContext {
    /// The time of the record; results of stateless operators carry it on.
    public var timestamp: Timestamp
    /// The clock of the machine at the beginning of the turn.
    public var wallTime = Timestamp.none
    /// The largest time of the records that the task has taken, over all its inputs.
    public var streamTime = Timestamp.none
    /// The stream time at which a timer is due; the largest time where there is none.
    public var timerDue = Timestamp(.max)
    /// The record's offset in its topic.
    public var offset: Offset
    /// The partition it was read from, which is the task's.
    public var partition: PartitionIndex
    /// The headers as they lie in the record, or nil for none; valid while it is processed.
    public var headers: UnsafeRawBufferPointer?

    /// A context before the first record.
    public init(partition: PartitionIndex) {
        timestamp = .none
        offset = .zero
        self.partition = partition
        headers = nil
    }

    /// Begins with a record.
    @inlinable @inline(__always)
    public mutating func take(
        _ time: Timestamp,
        offset: Offset,
        headers: UnsafeRawBufferPointer
    ) {
        timestamp = time
        self.offset = offset
        // A count of no headers is one byte.
        self.headers = headers.count == 1 ? nil : headers
    }

    /// Whether stream time has come to that of a timer.
    @inlinable @inline(__always)
    public var isTimerDue: Bool { streamTime >= timerDue }

    /// Moves the time of the record's input, and with it stream time, on to that of the record.
    @inlinable @inline(__always)
    mutating func noteTime(_ partitionTime: UnsafeMutablePointer<Timestamp>) {
        guard timestamp > partitionTime.pointee else { return }
        partitionTime.pointee = timestamp
        if timestamp > streamTime { streamTime = timestamp }
    }
}

/// What a task counts beside its results.
public struct TaskCounters: Equatable, Sendable {
    /// Records read from topics outside the job.
    public var recordsIn: Int64 = 0
    /// Records that a serde refused and the policy skipped.
    public var recordsSkipped: Int64 = 0
    /// Records that an operator dropped by its rule, such as a null key at an aggregation.
    public var recordsDropped: Int64 = 0
    /// Nothing counted yet.
    public init() {}

    /// Adds what another task counted.
    public mutating func add(_ other: TaskCounters) {
        recordsIn += other.recordsIn
        recordsSkipped += other.recordsSkipped
        recordsDropped += other.recordsDropped
    }
}
