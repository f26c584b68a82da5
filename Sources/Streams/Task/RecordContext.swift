public import LogModel

/// Where the record being processed comes from, and what its results inherit.
public struct RecordContext {
    /// The time of the record; results of stateless operators carry it on.
    public var timestamp: Timestamp
    /// The clock of the machine at the beginning of the turn.
    public var wallTime = Timestamp.none
    /// The largest time of the records that the task has taken, over all its inputs.
    public var streamTime = Timestamp.none
    /// How far time is for rows that end: stream time, but for results that operators have held.
    @usableFromInline var rowTime = Timestamp.none
    /// The stream time at which a timer is due; the largest time where there is none.
    public var timerDue = Timestamp(.max)
    /// The time at which a row of a table ends, or an earlier one; the largest where there is none.
    @usableFromInline var rowsDue = Timestamp(.max)
    /// The clock of the machine when the task had a record last, or was started.
    package var lastArrival = Timestamp.none
    /// The clock of the machine when a record of the task waited last to be tried again.
    package var lastWaiting = Timestamp.none
    /// The record's offset in its topic.
    public var offset: Offset
    /// The partition it was read from, which is the task's.
    public var partition: PartitionIndex
    /// The headers as they lie in the record, or nil for none; valid while it is processed.
    public var headers: UnsafeRawBufferPointer?
    /// What is told of the record's topic after a trap, a `millrace_trap_topic`; nil before the
    /// first record.
    package var trapTopic: UnsafeRawPointer?
    /// What the task does with the record, for the same words.
    package var occupation = Occupation.none

    /// What a task does, with the numbers of `CTrapPlace.h`.
    package enum Occupation: UInt8 {
        /// Nothing with a record.
        case none = 0
        /// Its operators have the record.
        case record = 1
        /// A timer runs behind it.
        case timer = 2
        /// Calls of earlier records go on behind it.
        case call = 3
    }

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

    /// Whether time has come to the end of a row.
    @inlinable @inline(__always)
    var isRowDue: Bool { rowTime >= rowsDue }

    /// Moves the time of the record's input, and with it stream time, on to that of the record.
    @inlinable @inline(__always)
    mutating func noteTime(_ partitionTime: UnsafeMutablePointer<Timestamp>) {
        guard timestamp > partitionTime.pointee else { return }
        partitionTime.pointee = timestamp
        guard timestamp > streamTime else { return }
        streamTime = timestamp
        rowTime = timestamp
    }
}

/// What a task counts beside its results.
public struct TaskCounters: Equatable, Sendable {
    /// Records read from topics outside the job.
    public var recordsIn: Int64 = 0
    /// Results that a policy for errors left out: each is one record at one operator.
    public var recordsSkipped: Int64 = 0
    /// Records that an operator dropped by its rule, such as a null key at an aggregation.
    public var recordsDropped: Int64 = 0
    /// The same by reason.
    public var drops = DropCounts()
    /// Records that went to the dead letters, those that followed one included.
    public var recordsDeadLettered: Int64 = 0
    /// The same by the reason that the dead letter tells; those behind the first 32 as `other`.
    public private(set) var deadLetters: [String: Int64] = [:]
    /// Nothing counted yet.
    public init() {}

    /// Counts a record that an operator dropped.
    @inlinable
    public mutating func drop(_ reason: DropReason) {
        recordsDropped &+= 1
        drops[reason] &+= 1
    }

    /// What was left out, which a record that is tried again would count once more.
    struct LeftOut {
        fileprivate let skipped: Int64
        fileprivate let dropped: Int64
        fileprivate let drops: DropCounts
    }

    /// What was left out so far; set back, as of then.
    var leftOut: LeftOut {
        get { LeftOut(skipped: recordsSkipped, dropped: recordsDropped, drops: drops) }
        set {
            (recordsSkipped, recordsDropped, drops) = (
                newValue.skipped, newValue.dropped, newValue.drops
            )
        }
    }

    private static let deadLetterReasonLimit = 32

    /// Counts a record that went to the dead letters.
    mutating func countDeadLetter(_ reason: String, _ count: Int64 = 1) {
        recordsDeadLettered &+= count
        let isKnown =
            deadLetters[reason] != nil || deadLetters.count < Self.deadLetterReasonLimit
        deadLetters[isKnown ? reason : "other", default: 0] &+= count
    }

    /// Adds what another task counted.
    public mutating func add(_ other: TaskCounters) {
        recordsIn += other.recordsIn
        recordsSkipped += other.recordsSkipped
        recordsDropped += other.recordsDropped
        for (reason, count) in other.deadLetters.sorted(by: { $0.key < $1.key }) {
            countDeadLetter(reason, count)
        }
        drops.add(other.drops)
    }
}
