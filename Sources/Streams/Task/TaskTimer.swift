import LogModel

/// The clock that a timer goes by.
public enum TimerClock: Sendable, Hashable {
    /// Event time: the largest timestamp that the task has seen, over all its inputs. It stands
    /// still while no record comes.
    case streamTime
    /// The clock of the machine.
    case wallClock
}

/// One timer of an operator.
@usableFromInline
final class TaskTimer {
    private let interval: Int64
    private let body: (Timestamp) throws -> Void
    /// When it fires next; nil for a timer that has not seen its clock yet.
    private(set) var next: Timestamp?
    private(set) var isCancelled = false

    /// A timer that fires first at `next`, or one interval after its first sight of the clock.
    init(interval: Int64, next: Timestamp?, body: @escaping (Timestamp) throws -> Void) {
        self.interval = max(interval, 1)
        self.next = next
        self.body = body
    }

    func cancel() { isCancelled = true }

    /// Whether it is due. The first sight of the clock begins its first interval.
    func isDue(at now: Timestamp) -> Bool {
        guard let next else {
            next = now.advanced(byMilliseconds: interval)
            return false
        }
        return now >= next
    }

    /// Runs once, however far the clock has jumped. When it is due next is behind the clock, a
    /// whole number of intervals from when it was due now (Kafka Streams' rule).
    func fire(at now: Timestamp) throws {
        next = next.map { Self.next(after: now, from: $0, every: interval) }
        try body(now)
    }

    /// The first time behind `now` that is a whole number of intervals behind `first`, or `first`
    /// itself if that is behind `now`.
    static func next(
        after now: Timestamp,
        from first: Timestamp,
        every interval: Int64
    ) -> Timestamp {
        guard now >= first else { return first }
        let passed = first.milliseconds(to: now)
        return now.advanced(byMilliseconds: interval - passed % interval)
    }
}

/// The timers of a task by one clock.
final class TimerList {
    private var timers: [TaskTimer] = []

    var isEmpty: Bool { timers.isEmpty }

    /// When one is due; nil where there is none.
    var nextDue: Timestamp? { timers.compactMap(\.next).min() }

    func add(_ timer: TaskTimer) { timers.append(timer) }

    func remove(_ timer: TaskTimer) {
        timer.cancel()
        timers.removeAll { $0 === timer }
    }

    func removeAll() { timers = [] }

    /// Those that are due, in the order in which they became so. One that is added while they run
    /// waits for the next look.
    func due(at now: Timestamp) -> [TaskTimer] {
        let due = timers.filter { $0.isDue(at: now) }
        guard due.count > 1 else { return due }
        return due.enumerated().sorted { left, right in
            let (first, second) = (left.element.next ?? now, right.element.next ?? now)
            return first == second ? left.offset < right.offset : first < second
        }.map(\.element)
    }
}
