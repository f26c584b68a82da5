public import LogModel

/// What the operators of a task do beside records: when a timer is due, before a commit, and after
/// the stores went back to what is committed.
public final class TaskHooks {
    private var timers: [TaskTimer] = []
    private var beforeCommit: [() throws -> Void] = []
    private var afterRewind: [() throws -> Void] = []
    private let record: UnsafeMutablePointer<RecordContext>

    init(record: UnsafeMutablePointer<RecordContext>) { self.record = record }

    /// Has `body` run before every commit, its output part of the transaction.
    @usableFromInline
    func onCommit(_ body: @escaping () throws -> Void) { beforeCommit.append(body) }

    /// Has `body` run when the task's stores hold what is committed and nothing else: before the
    /// first record, and after an abort.
    @usableFromInline
    func onRewind(_ body: @escaping () throws -> Void) { afterRewind.append(body) }

    /// Has `body` run about every `interval` milliseconds of the wall clock.
    @usableFromInline
    func schedule(every interval: Int64, _ body: @escaping (Timestamp) throws -> Void) {
        timers.append(TaskTimer(interval: interval, body: body))
    }

    /// Forgets everything: the task is at its end.
    public func removeAll() {
        timers = []
        beforeCommit = []
        afterRewind = []
    }

    /// Before a commit.
    public func willCommit() throws { for body in beforeCommit { try body() } }

    /// The stores are back at what is committed.
    public func didRewind() throws { for body in afterRewind { try body() } }

    /// Runs the timers that are due; returns whether one was. What they forward has no headers.
    public func wallClockReached(_ now: Timestamp) throws -> Bool {
        var hasFired = false
        record.pointee.headers = nil
        for timer in timers {
            record.pointee.timestamp = now
            if try timer.fire(ifDueAt: now) { hasFired = true }
        }
        return hasFired
    }

    /// Whether there is a timer.
    public var hasTimers: Bool { !timers.isEmpty }
}

/// One timer of an operator.
final class TaskTimer {
    private let interval: Int64
    private let body: (Timestamp) throws -> Void
    /// When it fires next; nil for a timer that has not seen its clock yet.
    private var next: Timestamp?

    init(interval: Int64, body: @escaping (Timestamp) throws -> Void) {
        self.interval = max(interval, 1)
        self.body = body
    }

    /// Runs once, however far the clock has jumped; the first time one interval after its first
    /// sight of the clock.
    func fire(ifDueAt now: Timestamp) throws -> Bool {
        let isDue = next.map { now >= $0 } ?? false
        if isDue || next == nil { next = now.advanced(byMilliseconds: interval) }
        if isDue { try body(now) }
        return isDue
    }
}
