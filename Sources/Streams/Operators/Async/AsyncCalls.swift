import Threads

/// The calls of one `mapAsync` in one task: at most so many in flight, whose results go on in the
/// order of their records.
@usableFromInline
final class AsyncCalls<Key: Hashable & Sendable, Value: Sendable, NewValue: Sendable> {
    @usableFromInline typealias Transform = @Sendable (Key, Value) async throws -> NewValue
    @usableFromInline typealias Sink = (Key, NewValue) throws -> Void

    private struct Call {
        let key: Key
        let number: UInt64
        let record: RecordSnapshot
        let outcome: Outcome
        let task: Task<Void, Never>
    }

    /// What a call came to. Written by the call and read by the task: both on the task's thread,
    /// unless the call's last step was taken elsewhere.
    private final class Outcome: Sendable {
        private let result = ConditionLock<Result<NewValue, any Error>?>(nil)

        var value: Result<NewValue, any Error>? {
            get { result.withLock { $0 } }
            set { result.withLock { $0 = newValue } }
        }
    }

    private let task: TaskBinding
    private let site: ErrorSite
    private let maxInFlight: Int
    private let transform: Transform
    private let sink: Sink
    private let queue = CallQueue()
    /// In the order of the records.
    private var calls: [Call] = []
    /// Calls before this place have been handed on.
    private var first = 0
    /// The last call of each key in flight.
    private var lastOfKey: [Key: (number: UInt64, task: Task<Void, Never>)] = [:]
    private var callCount: UInt64 = 0
    /// Whether a result is on its way: what comes in by it is behind it.
    private var isHandingOn = false
    /// What calls had since the stop: milliseconds of waiting, or pieces of work.
    private var farewell = 0
    /// Since when the task waits for its first call.
    private var waitingSince: ContinuousClock.Instant?
    /// The wait that is told next: ten seconds, and then each minute.
    private var nextTelling = firstTelling
    private static var firstTelling: Duration { .seconds(10) }
    /// Half a second for what is about to end.
    private static var longestFarewell: Int { 500 }

    @usableFromInline
    init(
        _ task: TaskBinding,
        _ site: ErrorSite,
        behind upstream: AnyNode.Upstream,
        maxInFlight: Int,
        transform: @escaping Transform,
        sink: @escaping Sink
    ) {
        self.task = task
        self.site = site
        self.maxInFlight = maxInFlight
        self.transform = transform
        self.sink = sink
        task.hooks.add(
            TaskHooks.CallsInFlight(
                nodes: upstream.nodes,
                stores: Set(upstream.stores.compactMap(task.identity(ofStore:))),
                areThere: { [unowned self] in inFlightCount > 0 && !isHandingOn },
                finish: { [unowned self] in try finishAll() }
            )
        )
        task.hooks.onRewind { [unowned self] in cancelAll() }
    }

    deinit { cancelAll() }

    private var inFlightCount: Int { calls.count - first }

    /// Begins the call of a record, and hands on what has ended before it.
    @usableFromInline
    func receive(_ key: Key, _ value: Value) throws {
        guard !isHandingOn else { return begin(key, value) }
        runCalls { $0.runReady() }
        while inFlightCount > 0, try handOnFirst(waiting: inFlightCount == maxInFlight) {}
        begin(key, value)
        runCalls { $0.runReady() }
    }

    private func begin(_ key: Key, _ value: Value) {
        let outcome = Outcome()
        let (transform, queue, before) = (transform, queue, lastOfKey[key]?.task)
        callCount &+= 1
        // The queue lives as long as somebody may come back to it.
        let task = Task(executorPreference: queue) {
            defer { withExtendedLifetime(queue) {} }
            await before?.value
            do {
                try Task.checkCancellation()
                outcome.value = .success(try await transform(key, value))
            } catch { outcome.value = .failure(error) }
        }
        lastOfKey[key] = (callCount, task)
        calls.append(
            Call(
                key: key,
                number: callCount,
                record: self.task.errors.snapshot(),
                outcome: outcome,
                task: task
            )
        )
    }

    /// Hands the result of the first call on; false if it has none and is not waited for.
    private func handOnFirst(waiting: Bool) throws -> Bool {
        let call = calls[first]
        while call.outcome.value == nil {
            guard waiting else { return false }
            try waitForMore()
        }
        guard let result = call.outcome.value else { return false }
        first += 1
        (waitingSince, nextTelling) = (nil, Self.firstTelling)
        if lastOfKey[call.key]?.number == call.number { lastOfKey[call.key] = nil }
        if first >= maxInFlight {
            calls.removeFirst(first)
            first = 0
        }
        isHandingOn = true
        defer { isHandingOn = false }
        try task.errors.resume(call.record) {
            try task.expiry.makeWay(behindNode: site.node)
            if let value = try site.attempt({ try result.get() }) { try sink(call.key, value) }
            // What it has scheduled comes before the results behind it.
            if task.record.pointee.isTimerDue {
                try task.hooks.streamTimeReached(byResultOf: site.node)
            }
        }
        return true
    }

    /// Lets calls go on until one has, or gives up because the job is to stop.
    private func waitForMore() throws {
        let hasRun = runCalls { $0.waitAndRun() }
        noteWait()
        guard task.isStopping() else { return }
        farewell += hasRun ? 1 : CallQueue.longestWaitMilliseconds
        if farewell > Self.longestFarewell { throw TransactionTakenBack() }
    }

    private func noteWait() {
        let now = ContinuousClock.now
        guard let since = waitingSince else { return waitingSince = now }
        guard now - since >= nextTelling else { return }
        let place = calls[first].record.place(in: task.partition)
        task.tell(
            "a call of mapAsync has not ended for \(nextTelling.components.seconds) seconds, and "
                + "its task waits for it (\(place)): give each call a time limit of its own"
        )
        nextTelling += .seconds(60)
    }

    /// Hands all results on.
    private func finishAll() throws {
        while inFlightCount > 0 { _ = try handOnFirst(waiting: true) }
        calls.removeAll(keepingCapacity: true)
        first = 0
    }

    private func cancelAll() {
        for call in calls[first...] { call.task.cancel() }
        calls = []
        first = 0
        lastOfKey = [:]
        runCalls { $0.runReady() }
    }

    /// Lets calls go on: what they do is not the record's that is at hand.
    private func runCalls<Result>(_ body: (CallQueue) -> Result) -> Result {
        let occupation = task.record.pointee.occupation
        task.record.pointee.occupation = .call
        defer { task.record.pointee.occupation = occupation }
        return body(queue)
    }
}
