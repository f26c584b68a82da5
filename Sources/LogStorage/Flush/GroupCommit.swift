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

    /// A partition, and what of it has to be durable.
    struct Target: Sendable {
        var log: PartitionLog
        var offset: Offset
    }

    private struct Request: Sendable {
        var targets: [Target]
        var completion: Completion
    }

    private struct Queue: Sendable {
        var requests: [Request] = []
        /// What to flush when a round is made anyway, or at the deadline.
        var later: [Target] = []
        var laterDeadline: UInt64?
        /// How many rounds have failed since the last one that did not.
        var failedRoundCount: UInt64 = 0
        /// By the deciding partition: what its records need.
        var dependencies: [PartitionKey: [PartitionKey: Target]] = [:]
        /// A thread makes the rounds. Told here, so that nothing is queued behind its end.
        var isThreaded = false
        var isStopping = false

        /// Takes in what is to be flushed a little later, and later still while rounds fail.
        mutating func add(later targets: [Target], now: UInt64) {
            guard !targets.isEmpty else { return }
            later += targets
            let delay =
                GroupCommit.laterNanoseconds
                << min(failedRoundCount, GroupCommit.delayDoublingLimit)
            laterDeadline = laterDeadline ?? now + delay
        }
    }

    struct Round: Sendable {
        var journal: Journal
        /// Why the journal takes no more.
        var failure: String?
    }

    let context: LogContext
    let round: Lock<Round>
    private let queue = ConditionLock(Queue())
    /// Runs several pieces of work that may wait for the disk, and returns when all are done.
    private let runner = Lock<@Sendable ([@Sendable () -> Void]) -> Void>({
        for work in $0 { work() }
    })
    /// Told after each group: readers may find more.
    private let onGroup = Lock<@Sendable () -> Void>({})
    /// Told when a write-back is due.
    private let onDue = Lock<@Sendable () -> Void>({})
    /// Writes back now, because the journal has no room for another group.
    private let makeRoom = Lock<@Sendable () -> LogStorageError?>({ nil })
    private let whenNotThreaded = Lock<@Sendable () -> Void>({})
    private let isDue = Atomic<Bool>(false)
    /// How long markers and the like wait for a group that takes them along.
    private static let laterNanoseconds: UInt64 = 4_000_000
    /// How often that is doubled while rounds fail, as on a full disk: up to a second.
    private static let delayDoublingLimit: UInt64 = 8
    /// Appended bytes after which segments are written back: a start should not read much more.
    private static let writeBackByteCount = 128 << 20

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
        runner.withLock { $0 = parallel }
        onDue.withLock { $0 = onWriteBackDue }
        queue.update { $0.isThreaded = true }
    }

    package func onDurable(_ body: @escaping @Sendable () -> Void) {
        onGroup.withLock { $0 = body }
    }

    /// `body` writes back on the calling thread.
    func onFull(_ body: @escaping @Sendable () -> LogStorageError?) {
        makeRoom.withLock { $0 = body }
        let inline: @Sendable () -> Void = { _ = body() }
        whenNotThreaded.withLock { $0 = inline }
        onDue.withLock { $0 = inline }
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
        runner.withLock { $0 = { for work in $0 { work() } } }
        onDue.withLock { $0 = whenNotThreaded.withLock { $0 } }
        let left = queue.update { queue in
            queue.isThreaded = false
            queue.isStopping = false
            return Self.take(&queue)
        }
        if !left.isEmpty { perform(left) }
    }

    private struct Work {
        var requests: [Request]
        var later: [Target]

        var isEmpty: Bool { requests.isEmpty && later.isEmpty }
    }

    private func nextWork() -> Work? {
        while true {
            let deadline = queue.withLock { $0.laterDeadline }
            let now = context.time.monotonicNanoseconds()
            let wait: Duration =
                deadline.map { .nanoseconds(Int64($0 > now ? $0 - now : 0)) } ?? .seconds(3600)
            let answer = queue.wait(atMost: wait) { queue -> Work?? in
                if queue.requests.isEmpty {
                    if queue.isStopping {
                        queue.isThreaded = false
                        return .some(nil)
                    }
                    // A deadline that was not there when the wait began is to be waited for.
                    return deadline == nil && queue.laterDeadline != nil
                        ? .some(Work(requests: [], later: [])) : nil
                }
                return .some(Self.take(&queue))
            }
            switch answer {
            case .some(.none): return nil
            case .some(.some(let work)):
                if !work.isEmpty { return work }
            case .none:
                let due = queue.withLock { queue in
                    queue.later.isEmpty ? nil : Self.take(&queue)
                }
                if let due { return due }
            }
        }
    }

    private static func take(_ queue: inout Queue) -> Work {
        let work = Work(requests: queue.requests, later: queue.later)
        queue.requests = []
        queue.later = []
        queue.laterDeadline = nil
        return work
    }

    // MARK: Asking

    /// Makes everything appended to these partitions so far durable, then visible, and calls back
    /// with the first failure, or nil. One partition's failure is that partition's: the others are
    /// durable all the same.
    package func flush(_ logs: [PartitionLog], completion: @escaping Completion) {
        var targets: [Target] = []
        for log in logs where !(log.isRelaxed && log.acknowledgesUnflushed()) {
            targets.append(Target(log: log, offset: log.flushTarget))
        }
        let request = Request(targets: targets, completion: completion)
        if targets.allSatisfy({ $0.log.flushStatus($0.offset) == .done }) { return completion(nil) }
        let isQueued = queue.update { queue in
            if queue.isThreaded { queue.requests.append(request) }
            return queue.isThreaded
        }
        if !isQueued { perform(Work(requests: [request], later: [])) }
    }

    /// The same, and waits.
    package func flushAndWait(_ logs: [PartitionLog]) throws(LogStorageError) {
        let answer = ConditionLock<LogStorageError??>(nil)
        flush(logs) { failure in answer.update { $0 = .some(failure) } }
        if let failure = answer.waitAndTake({ $0 }) { throw failure }
    }

    /// Has what was appended to these partitions so far taken along by the next group, or flushed
    /// in a few milliseconds. While that fails it is tried again, at last once a second.
    package func flushSoon(_ logs: [PartitionLog]) {
        let targets = logs.filter { !($0.isRelaxed && $0.acknowledgesUnflushed()) }
            .map { Target(log: $0, offset: $0.flushTarget) }
        guard !targets.isEmpty else { return }
        let now = context.time.monotonicNanoseconds()
        let isQueued = queue.update { queue in
            if queue.isThreaded { queue.add(later: targets, now: now) }
            return queue.isThreaded
        }
        if !isQueued { perform(Work(requests: [], later: targets)) }
    }

    /// Tries again what `flushSoon` could not flush, if it is time for it and no thread does it.
    package func flushOverdue() {
        let now = context.time.monotonicNanoseconds()
        let work = queue.withLock { queue -> Work? in
            guard !queue.isThreaded, let deadline = queue.laterDeadline, deadline <= now else {
                return nil
            }
            return Self.take(&queue)
        }
        if let work { perform(work) }
    }

    /// Says that records that are about to be appended to `deciding` count on everything that was
    /// appended to `logs` so far: no group takes the one without the other.
    package func depend(_ deciding: PartitionLog, on logs: [PartitionLog]) {
        // With relaxed durability records may be lost, whatever was decided of them.
        let targets = logs.filter { !$0.isRelaxed }
            .map { Target(log: $0, offset: $0.flushTarget) }
        queue.withLock { queue in
            for target in targets {
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

    private func sync(_ bulk: [PartitionLog]) {
        guard !bulk.isEmpty else { return }
        let run = runner.withLock { $0 }
        run(bulk.map { log in { log.syncBulk() } })
    }

    // MARK: Rounds

    private enum Outcome {
        case written
        case failed(LogStorageError)
        case needsWriteBack
    }

    /// A round that brings nobody on is followed by so many more at most.
    private static let idleRoundLimit = 1000

    private func perform(_ work: Work) {
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
                let writeBack = makeRoom.withLock { $0 }
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
            let tell = onDue.withLock { $0 }
            tell()
        }
    }

    /// Puts back what a round left of what was to be flushed soon. What a failed partition has
    /// lost is not waited for.
    private func leave(_ later: [Target], after failure: LogStorageError?) {
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
        let tell = onGroup.withLock { $0 }
        tell()
    }

    /// Whether a request has come to its end, and how: nil for not yet.
    private static func outcome(
        of request: Request,
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

    /// What a write-back begins with.
    struct Capture {
        /// Every partition that groups before `sequence` may vouch for.
        var logs: [PartitionLog]
        var sequence: UInt64
        var failure: LogStorageError?
    }

    /// Writes one group of what is pending in every partition that was not written back, and has
    /// each note a state to begin from. Which partitions those are is told under the same lock:
    /// no group comes in between.
    func capture() -> Capture {
        context.capturesStates = true
        defer { context.capturesStates = false }
        syncBulk(context.dirtyLogs)
        return round.withLock { round in
            let logs = context.takeDirty()
            for log in logs { log.willBeWrittenBack() }
            let outcome = write(logs, &round, arePinned: true, mayExceed: true)
            for log in logs { log.captureIfSettled() }
            var capture = Capture(logs: logs, sequence: round.journal.nextSequence, failure: nil)
            switch outcome {
            case .written: break
            case .failed(let error): capture.failure = error
            case .needsWriteBack: capture.failure = .readOnly("the journal has no room")
            }
            return capture
        }
    }

    /// Writes one group of what is pending in `logs`.
    private func makeRound(_ logs: [PartitionLog]) -> Outcome {
        var unique: [PartitionLog] = []
        var seen: Set<PartitionKey> = []
        for log in logs where seen.insert(log.key).inserted { unique.append(log) }
        let needed = queue.withLock { queue in
            unique.filter(\.isDeciding).flatMap { log in
                queue.dependencies[log.key].map { $0.values.map(\.log) } ?? []
            }
        }
        let others = needed.filter { seen.insert($0.key).inserted }
        let bulk = (unique + others).filter { $0.hasBulk || $0.isRelaxed }
        if !bulk.isEmpty {
            let run = runner.withLock { $0 }
            run(bulk.map { log in { log.syncBulk() } })
        }
        return round.withLock { round in write(unique, &round) }
    }

    private func write(
        _ logs: [PartitionLog],
        _ round: inout Round,
        arePinned: Bool = false,
        mayExceed: Bool = false
    ) -> Outcome {
        if let failure = round.failure {
            for log in logs { log.fail(failure) }
            return .failed(.readOnly(failure))
        }
        var parts: [(log: PartitionLog, part: GroupPart)] = []
        var needs: [PartitionKey: [PartitionKey: Target]] = [:]
        var taken: Set<PartitionKey> = []
        var room = Int(context.journal.fileByteCount)
        func take(_ log: PartitionLog, needs: Offset?, room part: Int) {
            guard taken.insert(log.key).inserted,
                let part = log.takePart(needs: needs, room: part)
            else { return }
            room = max(0, room - part.payload.count)
            parts.append((log, part))
        }
        for log in logs where log.isDeciding {
            take(log, needs: log.flushTarget, room: room)
            // What records need that are still to come stays for them. Read after the part was
            // taken: what its records need was said before them.
            guard parts.last?.log === log else { continue }
            needs[log.key] = queue.withLock { $0.dependencies.removeValue(forKey: log.key) } ?? [:]
        }
        for target in needs.values.flatMap(\.values) {
            take(target.log, needs: target.offset, room: 0)
        }
        // A group fits a file: what finds no room comes with the next.
        for log in logs where room > 0 { take(log, needs: nil, room: arePinned ? room : 0) }
        parts = withoutBroken(parts, needs)
        guard !parts.isEmpty else { return .written }
        return write(parts, needs, &round, mayExceed: mayExceed)
    }

    /// Leaves out deciding partitions whose records count on what a failed partition has lost:
    /// they must never become durable, so such a partition takes no more until the next start.
    private func withoutBroken(
        _ parts: [(log: PartitionLog, part: GroupPart)],
        _ needs: [PartitionKey: [PartitionKey: Target]]
    ) -> [(log: PartitionLog, part: GroupPart)] {
        let included = Set(parts.map(\.log.key))
        return parts.filter { item in
            let lost = needs[item.log.key]?.values.first { target in
                !included.contains(target.log.key) && !target.log.isRetired
                    && target.log.flushStatus(target.offset) != .done
            }
            guard let lost else { return true }
            item.log.fail(
                "a decision counts on records of \(lost.log.name) that could not be flushed"
            )
            return false
        }
    }

    private func write(
        _ parts: [(log: PartitionLog, part: GroupPart)],
        _ needs: [PartitionKey: [PartitionKey: Target]],
        _ round: inout Round,
        mayExceed: Bool
    ) -> Outcome {
        let outcome: Journal.Outcome
        do throws(DiskError) {
            outcome = try round.journal.write(
                entries: parts.map(\.part.entry),
                payload: parts.map(\.part.payload),
                mayExceed: mayExceed
            )
        } catch .full(let path) {
            putBack(parts, needs)
            return .failed(.disk(.full(path: path)))
        } catch {
            let reason = "the journal could not be flushed: \(error)"
            round.failure = reason
            for (log, _) in parts { log.fail(reason) }
            return .failed(.readOnly(reason))
        }
        switch outcome {
        case .needsWriteBack:
            putBack(parts, needs)
            return .needsWriteBack
        case .notBegun(let error):
            putBack(parts, needs)
            return .failed(.disk(error))
        case .written:
            context.countFdatasync()
            for (log, _) in parts { log.groupIsDurable() }
            noteDue(round.journal)
            return .written
        }
    }

    private func putBack(
        _ parts: [(log: PartitionLog, part: GroupPart)],
        _ needs: [PartitionKey: [PartitionKey: Target]]
    ) {
        for (log, _) in parts { log.groupWasNotWritten() }
        queue.withLock { queue in
            for (key, targets) in needs {
                queue.dependencies[key, default: [:]].merge(targets) { newer, older in
                    newer.offset >= older.offset ? newer : older
                }
            }
        }
    }

    private func noteDue(_ journal: Journal) {
        let appended = context.appendedByteCount.load(ordering: .relaxed)
        if journal.sealedFileCount > 0 || appended > Self.writeBackByteCount {
            isDue.store(true, ordering: .relaxed)
        }
    }

    /// Whether segments should be written back; false from then on until it is due again.
    func takeDue() -> Bool { isDue.exchange(false, ordering: .relaxed) }
}
