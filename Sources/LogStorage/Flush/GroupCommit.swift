import LogModel
import Synchronization
import Threads

/// Makes appends of all partitions durable, many together: each round writes what is pending of
/// the partitions that somebody waits for as one group of the journal, with one flush.
///
/// Nobody need block: `flush` calls back. Where a thread makes the rounds (`run`), who comes while
/// one is written finds a place in the next. Otherwise the caller makes them.
///
/// What belongs together: a partition that decides (`__transaction_state`) is taken first, and with
/// it everything that was said to be needed by its records (`depend`). So a Prepare record is
/// durable only together with, or after, all that it promises.
///
/// Lock order: `round`, then `queue`, then a partition's.
package final class GroupCommit: Sendable {
    package typealias Completion = @Sendable (LogStorageError?) -> Void

    struct Round: Sendable {
        var journal: Journal
        /// Why the journal takes no more.
        var failure: String?
    }

    let context: LogContext
    let round: Lock<Round>
    let queue = ConditionLock(FlushQueue())
    /// Functions in a value of their own: one that lies in a lock by itself is wrapped once more
    /// with each look at it, and a call goes through all of that.
    struct Hooks: Sendable {
        /// Runs several pieces of work that may wait for the disk, and returns when all are done.
        var run: @Sendable ([@Sendable () -> Void]) -> Void = { for work in $0 { work() } }
        /// Told after each group: readers may find more.
        var onGroup: @Sendable () -> Void = {}
        /// Told when a write-back is due.
        var onDue: @Sendable () -> Void = {}
        /// Writes back now, because the journal has no room for another group.
        var makeRoom: @Sendable () -> LogStorageError? = { nil }
        var whenNotThreaded: @Sendable () -> Void = {}
    }

    private let hooks = Lock(Hooks())
    let isDue = Atomic<Bool>(false)
    package let probe = FlushProbe()

    init(context: LogContext, journal: Journal) {
        self.context = context
        round = Lock(Round(journal: journal))
    }

    // MARK: Threads

    /// From here on a thread makes the rounds. `parallel` runs flushes of several files at once,
    /// `onWriteBackDue` is to have `DataDirectory.writeBack` called soon.
    package func beginThreads(
        parallel: @escaping @Sendable ([@Sendable () -> Void]) -> Void,
        onWriteBackDue: @escaping @Sendable () -> Void
    ) {
        hooks.withLock { hooks in
            hooks.run = parallel
            hooks.onDue = onWriteBackDue
        }
        queue.update { $0.isThreaded = true }
    }

    package func onDurable(_ body: @escaping @Sendable () -> Void) {
        hooks.withLock { $0.onGroup = body }
    }

    /// `body` writes back on the calling thread.
    func onFull(_ body: @escaping @Sendable () -> LogStorageError?) {
        let inline: @Sendable () -> Void = { _ = body() }
        hooks.withLock { hooks in
            hooks.makeRoom = body
            hooks.whenNotThreaded = inline
            hooks.onDue = inline
        }
    }

    /// Makes rounds until `stopThreads`; what is queued then is still done, and who asks behind
    /// that makes the rounds himself.
    package func run() {
        while let work = nextWork() { perform(work) }
    }

    package func stopThreads() {
        queue.update { $0.isStopping = true }
    }

    /// The thread has ended: callers make the rounds again. What it has left is done here.
    package func endThreads() {
        hooks.withLock { hooks in
            hooks.run = Hooks().run
            hooks.onDue = hooks.whenNotThreaded
        }
        let left = queue.update { queue in
            queue.isThreaded = false
            queue.isStopping = false
            return queue.take()
        }
        if !left.isEmpty { perform(left) }
    }

    private func nextWork() -> FlushQueue.Work? {
        while true {
            let deadline = queue.withLock { $0.laterDeadline }
            let now = context.time.monotonicNanoseconds()
            let wait: Duration =
                deadline.map { .nanoseconds(Int64($0 > now ? $0 - now : 0)) } ?? .seconds(3600)
            let answer = queue.wait(atMost: wait) { queue -> FlushQueue.Work?? in
                if queue.requests.isEmpty {
                    if queue.isStopping {
                        queue.isThreaded = false
                        return .some(nil)
                    }
                    // A deadline that was not there when the wait began is to be waited for.
                    return deadline == nil && queue.laterDeadline != nil
                        ? .some(FlushQueue.Work(requests: [], later: [])) : nil
                }
                return .some(queue.take())
            }
            switch answer {
            case .some(.none): return nil
            case .some(.some(let work)):
                if !work.isEmpty { return work }
            case .none:
                let due = queue.withLock { queue in
                    queue.later.isEmpty ? nil : queue.take()
                }
                if let due { return due }
            }
        }
    }

    // MARK: Asking

    /// Makes everything appended to these partitions so far durable, then visible, and calls back
    /// with the first failure, or nil. One partition's failure is that partition's: the others are
    /// durable all the same.
    ///
    /// What is relaxed is shown without a flush while its time allows that, unless it
    /// `mustBeDurable`.
    package func flush(
        _ logs: [PartitionLog],
        mustBeDurable: Bool = false,
        completion: @escaping Completion
    ) {
        let targets = targets(of: logs, mustBeDurable: mustBeDurable)
        let request = FlushQueue.Request(targets: targets, completion: completion)
        if targets.allSatisfy({ $0.log.flushStatus($0.offset) == .done }) { return completion(nil) }
        let isQueued = queue.update { queue in
            if queue.isThreaded { queue.requests.append(request) }
            return queue.isThreaded
        }
        if !isQueued { perform(FlushQueue.Work(requests: [request], later: [])) }
    }

    /// What has to be flushed; what need not be is shown, and readers are told.
    private func targets(of logs: [PartitionLog], mustBeDurable: Bool = false) -> [FlushTarget] {
        var targets: [FlushTarget] = []
        var isShown = false
        for log in logs {
            if log.isRelaxed, !mustBeDurable, log.acknowledgesUnflushed() {
                isShown = true
            } else {
                targets.append(FlushTarget(log: log, offset: log.flushTarget))
            }
        }
        if isShown { tellReaders() }
        return targets
    }

    /// The same, and waits.
    package func flushAndWait(
        _ logs: [PartitionLog],
        mustBeDurable: Bool = false
    ) throws(LogStorageError) {
        let answer = ConditionLock<LogStorageError??>(nil)
        flush(logs, mustBeDurable: mustBeDurable) { failure in
            answer.update { $0 = .some(failure) }
        }
        if let failure = answer.waitAndTake({ $0 }) { throw failure }
    }

    /// Has what was appended to these partitions so far taken along by the next group, or flushed
    /// in a few milliseconds. While that fails it is tried again, at last once a second.
    package func flushSoon(_ logs: [PartitionLog]) {
        let targets = targets(of: logs)
        guard !targets.isEmpty else { return }
        let now = context.time.monotonicNanoseconds()
        let isQueued = queue.update { queue in
            if queue.isThreaded { queue.add(later: targets, now: now) }
            return queue.isThreaded
        }
        if !isQueued { perform(FlushQueue.Work(requests: [], later: targets)) }
    }

    /// Tries again what `flushSoon` could not flush, if it is time for it and no thread does it.
    package func flushOverdue() {
        let now = context.time.monotonicNanoseconds()
        let work = queue.withLock { queue -> FlushQueue.Work? in
            guard !queue.isThreaded, let deadline = queue.laterDeadline, deadline <= now else {
                return nil
            }
            return queue.take()
        }
        if let work { perform(work) }
    }

    /// Says that records that are about to be appended to `deciding` count on everything that was
    /// appended to `logs` so far: no group takes the one without the other.
    package func depend(_ deciding: PartitionLog, on logs: [PartitionLog]) {
        // With relaxed durability records may be lost, whatever was decided of them.
        let targets = logs.filter { !$0.isRelaxed }
            .map { FlushTarget(log: $0, offset: $0.flushTarget) }
        queue.withLock { queue in
            for target in targets {
                // Another thread may have said more of it meanwhile.
                let known = queue.dependencies[deciding.key]?[target.log.key]
                if let known, known.offset >= target.offset { continue }
                queue.dependencies[deciding.key, default: [:]][target.log.key] = target
            }
        }
    }

    /// Flushes those of these partitions that have much pending in their own files, at once; a
    /// group vouches for that later. Failures stay with the partitions.
    package func syncBulk(_ logs: [PartitionLog]) {
        sync(logs.filter(\.hasBulk))
    }

    /// The same, and leaves those whose durability is relaxed to their time.
    package func syncPromised(_ logs: [PartitionLog]) {
        sync(logs.filter { $0.hasBulk && !$0.isRelaxed })
    }

    /// Returns why some could not be begun: they wait as before.
    @discardableResult
    func sync(_ bulk: [PartitionLog]) -> DiskError? {
        guard !bulk.isEmpty else { return nil }
        let run = hooks.withLock { $0.run }
        let unopened = Lock<DiskError?>(nil)
        run(
            bulk.map { log in
                { if let error = log.syncBulk() { unopened.withLock { $0 = $0 ?? error } } }
            }
        )
        return unopened.withLock { $0 }
    }

    // MARK: Rounds

    enum Outcome {
        case written
        case failed(LogStorageError)
        case needsWriteBack
    }

    /// A round that brings nobody on is followed by so many more at most.
    private static let idleRoundLimit = 1000

    private func perform(_ work: FlushQueue.Work) {
        var requests = work.requests
        var lastFailure: LogStorageError?
        // Bulk that came while a round was made waits for the next one.
        for _ in 0..<Self.idleRoundLimit {
            var failure: LogStorageError?
            defer { tellReaders() }
            switch makeRound((requests.flatMap(\.targets) + work.later).map(\.log)) {
            case .written: break
            case .failed(let error): failure = error
            case .needsWriteBack:
                let writeBack = hooks.withLock { $0.makeRoom }
                failure = writeBack()
            }
            lastFailure = failure
            requests = requests.filter { request in
                guard let outcome = Self.outcome(of: request, failure) else { return true }
                request.completion(outcome)
                return false
            }
            if requests.isEmpty { break }
        }
        leave(work.later, after: lastFailure)
        for request in requests {
            request.completion(.readOnly("a flush makes no progress"))
        }
        if isDue.load(ordering: .relaxed) {
            let tell = hooks.withLock { $0.onDue }
            tell()
        }
    }

    /// Puts back what a round left of what was to be flushed soon. What a failed partition has
    /// lost is not waited for.
    private func leave(_ later: [FlushTarget], after failure: LogStorageError?) {
        let waiting = later.filter {
            !$0.log.isRelaxed && $0.log.flushStatus($0.offset) == .waiting
        }
        let now = context.time.monotonicNanoseconds()
        queue.update { queue in
            queue.failedRoundCount = failure == nil ? 0 : queue.failedRoundCount + 1
            queue.add(later: waiting, now: now)
        }
    }

    private func tellReaders() {
        let tell = hooks.withLock { $0.onGroup }
        tell()
    }

    /// Whether a request has come to its end, and how: nil for not yet.
    private static func outcome(
        of request: FlushQueue.Request,
        _ failure: LogStorageError?
    ) -> LogStorageError?? {
        var first: LogStorageError?
        for target in request.targets {
            switch target.log.flushStatus(target.offset) {
            case .done: continue
            case .failed(let reason): first = first ?? .readOnly(reason)
            case .waiting:
                guard let failure else { return nil }
                first = first ?? failure
            }
        }
        return .some(first)
    }

    /// Whether segments should be written back; false from then on until it is due again.
    func takeDue() -> Bool { isDue.exchange(false, ordering: .relaxed) }
}
