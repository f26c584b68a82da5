public import LogModel
package import StateStores

/// The failure of a timer that ran while a record was handed on, which is not to blame for it.
package struct TimerFailure: EngineFailure {
    package let cause: any Error
}

/// What the operators of a task do beside records: when a timer is due, before a commit, and after
/// the stores went back to what is committed.
public final class TaskHooks {
    private let wallTimers = TimerList()
    private let streamTimers = TimerList()
    private var beforeCommit: [() throws -> Void] = []
    private var calls: [CallsInFlight] = []
    private var afterCommit: [() throws -> Void] = []
    private var afterRewind: [() throws -> Void] = []
    /// Where the part of a store's changelog ends that is of no more use, by the store's name.
    package private(set) var purgeable: [String: Offset] = [:]
    /// Who wants to know of keys before their records come.
    package private(set) var keysAhead: KeysAhead?
    private let record: UnsafeMutablePointer<RecordContext>

    /// An operator with a store whose keys are made of those of the records.
    package struct KeysAhead {
        package let store: StateStore
        package let body: (UnsafeRawBufferPointer) -> Void
    }

    /// The records in flight of an operator that hands them on when others are at hand.
    struct CallsInFlight {
        /// The nodes in front of the operator, by their numbers.
        let nodes: Set<Int>
        /// The stores that those keep.
        let stores: Set<ObjectIdentifier>
        let areThere: () -> Bool
        /// Waits for them, and hands them on.
        let finish: () throws -> Void
    }

    init(record: UnsafeMutablePointer<RecordContext>) { self.record = record }

    /// Has `body` run before every commit, its output part of the transaction.
    @usableFromInline
    func onCommit(_ body: @escaping () throws -> Void) { beforeCommit.append(body) }

    /// Has the records in flight of an operator handed on before a commit, and before all that is
    /// behind them in time: timers of stream time, rows that end, records of other inputs.
    func add(_ calls: CallsInFlight) { self.calls.append(calls) }

    /// Whether records are in flight.
    package var hasCalls: Bool { calls.contains { $0.areThere() } }

    /// Hands on all records in flight, but for those of operators that are about it. What a record
    /// comes to earlier goes first.
    package func finishCalls() throws {
        // An operator is bound after those behind it.
        for calls in calls.reversed() where calls.areThere() { try calls.finish() }
    }

    /// The same of operators behind one that hands a result on now: what is in front of it is newer
    /// than the result, and would come back to it.
    func finishCalls(where isBehind: (CallsInFlight) -> Bool) throws {
        for calls in calls.reversed() where calls.areThere() && isBehind(calls) {
            try calls.finish()
        }
    }

    /// What hands on the records in flight that did not come from a source; nil where there never
    /// are any.
    package func finisher(beside source: AnyNode) -> (() throws -> Void)? {
        let beside = calls.filter { !$0.nodes.contains(source.number) }
        guard !beside.isEmpty else { return nil }
        return { for calls in beside.reversed() where calls.areThere() { try calls.finish() } }
    }

    /// Has `body` run after every commit, when the stores have taken it.
    @usableFromInline
    func onCommitted(_ body: @escaping () throws -> Void) { afterCommit.append(body) }

    /// Takes note that nobody needs the records of a store's changelog before an offset.
    func notePurgeable(_ store: String, before offset: Offset?) { purgeable[store] = offset }

    /// Has `body` run when the task's stores hold what is committed and nothing else: before the
    /// first record, and after an abort.
    @usableFromInline
    func onRewind(_ body: @escaping () throws -> Void) { afterRewind.append(body) }

    /// Has `body` learn of keys of the task's input some records before these come, as the records
    /// have them, once `store` is larger than the processor's caches.
    func onKeysAhead(of store: StateStore, _ body: @escaping (UnsafeRawBufferPointer) -> Void) {
        keysAhead = KeysAhead(store: store, body: body)
    }

    /// Has `body` run about every `interval` milliseconds of the wall clock.
    @usableFromInline
    func schedule(every interval: Int64, _ body: @escaping (Timestamp) throws -> Void) {
        wallTimers.add(TaskTimer(interval: interval, next: nil, body: body))
    }

    /// Has a timer run by one of the clocks, until it is removed.
    @usableFromInline
    func add(_ timer: TaskTimer, by clock: TimerClock) {
        switch clock {
        case .wallClock: wallTimers.add(timer)
        case .streamTime: streamTimers.add(timer)
        }
        noteTimerDue()
    }

    /// Removes a timer.
    @usableFromInline
    func remove(_ timer: TaskTimer) {
        wallTimers.remove(timer)
        streamTimers.remove(timer)
        noteTimerDue()
    }

    private func noteTimerDue() {
        record.pointee.timerDue = streamTimers.nextDue ?? Timestamp(.max)
    }

    /// Forgets everything: the task is at its end.
    public func removeAll() {
        wallTimers.removeAll()
        streamTimers.removeAll()
        calls = []
        beforeCommit = []
        afterCommit = []
        afterRewind = []
        keysAhead = nil
    }

    /// Before a commit.
    public func willCommit() throws {
        try finishCalls()
        for body in beforeCommit { try body() }
    }

    /// After a commit, before the next transaction.
    public func didCommit() throws { for body in afterCommit { try body() } }

    /// The stores are back at what is committed.
    public func didRewind() throws { for body in afterRewind { try body() } }

    /// Runs the timers of the wall clock that are due; returns whether one was. What they forward
    /// has no headers.
    public func wallClockReached(_ now: Timestamp) throws -> Bool {
        try fire(wallTimers, now)
    }

    /// Runs the timers of stream time that are due.
    public func streamTimeReached() throws {
        try finishCalls()
        try fireStreamTimers()
    }

    private func fireStreamTimers() throws {
        defer { noteTimerDue() }
        _ = try fire(streamTimers, record.pointee.streamTime)
    }

    /// The same where a result of a node that was in flight has come to its time: a failure is the
    /// timer's.
    func streamTimeReached(byResultOf node: Int) throws {
        do {
            try finishCalls(where: { $0.nodes.contains(node) })
            try fireStreamTimers()
        } catch {
            guard !(error is any EngineFailure), !(error is RetryLater) else { throw error }
            throw TimerFailure(cause: error)
        }
    }

    private func fire(_ timers: TimerList, _ now: Timestamp) throws -> Bool {
        let due = timers.due(at: now)
        guard !due.isEmpty else { return false }
        let occupation = record.pointee.occupation
        record.pointee.occupation = .timer
        defer { record.pointee.occupation = occupation }
        for timer in due where !timer.isCancelled {
            record.pointee.timestamp = now
            record.pointee.headers = nil
            try timer.fire(at: now)
        }
        return true
    }

    /// Whether there is a timer of the wall clock.
    public var hasTimers: Bool { !wallTimers.isEmpty }
}
