public import LogModel

/// What a processor knows of the record in hand, and where its results go.
public struct ProcessorContext<OutKey, OutValue>: TaskContext {
    @usableFromInline typealias Sink = (OutKey, OutValue) throws -> Void
    public let state: ProcessorState
    @usableFromInline let sinks: [Sink]
    @usableFromInline let children: [String: Int]

    @inlinable
    init(state: ProcessorState, sinks: [Sink], children: [String: Int]) {
        self.state = state
        self.sinks = sinks
        self.children = children
    }

    /// Hands a record on, to every child if there are several, with `timestamp` and `headers` as
    /// they are now.
    @inlinable
    public func forward(_ key: OutKey, _ value: OutValue) throws {
        try state.checkTimestamp()
        for sink in sinks { try sink(key, value) }
    }

    /// Hands a record on to one child.
    ///
    /// - Throws: `ProcessorError` for a child that the operator does not have.
    @inlinable
    public func forward(_ key: OutKey, _ value: OutValue, to child: String) throws {
        guard let index = children[child] else {
            throw ProcessorError(
                "there is no child \"\(child)\": name it in children: where the processor is used"
            )
        }
        try state.checkTimestamp()
        try sinks[index](key, value)
    }
}

/// What a value processor knows of the record in hand, and where its results go.
public struct ValueContext<Key, Result>: TaskContext {
    @usableFromInline let key: Key?
    @usableFromInline let context: ProcessorContext<Key, Result>

    @inlinable
    init(key: Key?, context: ProcessorContext<Key, Result>) {
        self.key = key
        self.context = context
    }

    public var state: ProcessorState { context.state }

    /// Hands a value on under the key of the record in hand, with `timestamp` and `headers` as they
    /// are now.
    ///
    /// - Throws: `ProcessorError` outside of `process`: a timer has no key.
    @inlinable
    public func forward(_ value: Result) throws {
        guard let key else {
            throw ProcessorError(
                "a value processor forwards in process only: nothing else has a key"
            )
        }
        try context.forward(key, value)
    }
}

/// What every context of a processor gives.
public protocol TaskContext {
    /// The processor's own state in its task.
    var state: ProcessorState { get }
}

extension TaskContext {
    /// The time of the record in hand, or that of the timer; what is forwarded has it. Set, it
    /// counts until `process` or `fire` returns.
    public var timestamp: Timestamp {
        get { state.record.pointee.timestamp }
        nonmutating set { state.record.pointee.timestamp = newValue }
    }

    /// The headers of the record in hand, none of a timer; what is forwarded has them. Set, they
    /// count until `process` or `fire` returns. Reading them copies them.
    public var headers: RecordHeaders {
        get { RecordHeaders(state.record.pointee.headers) }
        nonmutating set { state.set(newValue) }
    }

    /// The largest time that the task has seen over all its inputs, the record in hand included;
    /// nil before the first record. A restart knows it.
    public var streamTime: Timestamp? {
        let time = state.record.pointee.streamTime
        return time == .none ? nil : time
    }

    /// The clock of the machine at the beginning of the task's turn.
    public var wallTime: Timestamp { state.record.pointee.wallTime }

    /// The partition that the task works on.
    public var partition: PartitionIndex { state.record.pointee.partition }

    /// The offset of the record in hand in its topic; nil outside of `process`.
    public var offset: Offset? { state.isProcessing ? state.record.pointee.offset : nil }

    /// Has `fire` called again and again; a timer of the same name is replaced.
    ///
    /// By stream time it is due at the first record (as the task has seen none before its first
    /// start), then whenever stream time reaches another multiple of the interval, counted from
    /// 1970; by the wall clock one interval from now, then every interval. It fires once, however
    /// many intervals have passed. Timers are part of no store: `start` schedules them at every
    /// start. One of stream time goes on behind the stream time that is committed, so that a
    /// restart changes nothing; one of the wall clock begins anew, unless it is given where to go
    /// on.
    ///
    /// - Parameters:
    ///   - interval: at least a millisecond.
    ///   - first: when it is due first; at once where that is past. A `dueTime` that was kept in a
    ///     store lets a timer of the wall clock go on through a restart.
    public func schedule(
        _ timer: String,
        every interval: Duration,
        by clock: TimerClock,
        from first: Timestamp? = nil
    ) {
        state.schedule(timer, max(1, interval.wholeMilliseconds), clock, first)
    }

    /// Ends a timer; nothing happens where there is none of that name.
    public func cancel(_ timer: String) { state.cancel(timer) }

    /// When a timer is due next; nil where there is none of that name.
    public func dueTime(of timer: String) -> Timestamp? { state.dueTime(of: timer) }
}

/// What one processor has in its task: the record in hand and its timers.
public final class ProcessorState {
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    /// Keeps the pointers alive.
    private let task: TaskBinding
    private let headers = KeyScratch()
    private var timers: [String: TaskTimer] = [:]
    private let fire: (String, Timestamp) throws -> Void
    /// Timers of stream time go on behind this time: that which is committed, or that of the timers
    /// that are being called.
    private var firedThrough = Timestamp.none
    /// The time that the record or timer in hand had at first.
    @usableFromInline private(set) var ownTimestamp = Timestamp.none
    @usableFromInline private(set) var isProcessing = false

    @usableFromInline
    init(_ task: TaskBinding, fire: @escaping (String, Timestamp) throws -> Void) {
        self.task = task
        record = task.record
        self.fire = fire
    }

    /// Forgets the timers: the processor is made anew.
    func restart() {
        for timer in timers.values { task.hooks.remove(timer) }
        timers = [:]
        firedThrough = record.pointee.streamTime
        record.pointee.headers = nil
        record.pointee.timestamp =
            firedThrough == .none ? record.pointee.wallTime : firedThrough
        begin(isProcessing: false)
    }

    @usableFromInline @inline(__always)
    func begin(isProcessing: Bool) {
        ownTimestamp = record.pointee.timestamp
        self.isProcessing = isProcessing
    }

    /// Refuses a time before 1970 that the processor has set.
    @usableFromInline @inline(__always)
    func checkTimestamp() throws {
        let time = record.pointee.timestamp
        if time.rawValue < 0, time != ownTimestamp { throw Self.negativeTime(time) }
    }

    @usableFromInline
    static func negativeTime(_ time: Timestamp) -> ProcessorError {
        ProcessorError("a record was forwarded with the timestamp \(time.rawValue), before 1970")
    }

    func set(_ newHeaders: RecordHeaders) {
        record.pointee.headers = newHeaders.write(to: &headers.sink.pointee)
    }

    func schedule(
        _ name: String,
        _ interval: Int64,
        _ clock: TimerClock,
        _ first: Timestamp?
    ) {
        cancel(name)
        let due: Timestamp =
            switch clock {
            case .streamTime:
                TaskTimer.next(after: firedThrough, from: Timestamp(0), every: interval)
            case .wallClock: record.pointee.wallTime.advanced(byMilliseconds: interval)
            }
        let timer = TaskTimer(interval: interval, next: first ?? due) { [unowned self] time in
            if clock == .streamTime { firedThrough = time }
            begin(isProcessing: false)
            try fire(name, time)
        }
        timers[name] = timer
        task.hooks.add(timer, by: clock)
    }

    func cancel(_ name: String) {
        guard let timer = timers.removeValue(forKey: name) else { return }
        task.hooks.remove(timer)
    }

    func dueTime(of name: String) -> Timestamp? { timers[name]?.next }
}
