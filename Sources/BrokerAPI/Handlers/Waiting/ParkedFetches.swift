import Broker
import LogModel
import LogStorage
import Threads

/// Fetches that wait for records (`FetchWaits`). One thread looks when the log has changed: at the
/// partitions that have moved and that somebody waits for, by their sizes alone. What is due and
/// brings little it has read at once; what brings much is read by a thread of its own, so that it
/// holds up none of the others.
final class ParkedFetches: Sendable {
    /// What a fetch has seen of a partition.
    struct Watched: Sendable {
        var log: PartitionLog
        var isolation: IsolationLevel
        var offset: Offset
        var end: Offset
        var found: Int
        var wanted: Int
        var brought: Int

        fileprivate var part: FetchedPart {
            FetchedPart(
                offset: offset,
                end: end,
                start: log.byteCount(below: end),
                found: found,
                wanted: wanted,
                brought: brought
            )
        }
    }

    fileprivate struct Waiter: Sendable {
        var connection: UInt64
        var resume: @Sendable (_ isLast: Bool) -> Void
        /// Called where nobody is there to be answered any more.
        var drop: @Sendable () -> Void = {}
    }

    private struct Key: Hashable, Sendable {
        var log: ObjectIdentifier
        var isolation: IsolationLevel

        init(_ log: PartitionLog, _ isolation: IsolationLevel) {
            self.log = ObjectIdentifier(log)
            self.isolation = isolation
        }
    }

    private typealias Waits = FetchWaits<Key, Waiter>

    private struct State {
        var waits = Waits()
        var mustLook = false
        var isStopping = false
    }

    /// What is due and brings much, the eldest first.
    private struct Large {
        var due: [Waits.Due] = []
        var isStopping = false
    }

    /// A fetch that brings more is large.
    private static let smallByteLimit = 256 << 10

    private let state: ConditionLock<State>
    private let large: ConditionLock<Large>
    private let time: any TimeSource
    private let looker: OwnedThread
    private let reader: OwnedThread

    init(_ broker: Broker) {
        let state = ConditionLock(State())
        let large = ConditionLock(Large())
        let time = broker.clock
        self.state = state
        self.large = large
        self.time = time
        broker.onChange {
            let isWatched = state.withLock { state in
                state.mustLook = true
                return state.waits.count > 0
            }
            if isWatched { state.signal() }
        }
        let takeMoved = broker.movedLogs
        looker = OwnedThread { Self.look(state, large, time, takeMoved) }
        reader = OwnedThread { while let due = Self.nextLarge(large) { due.resume() } }
    }

    deinit { stop() }

    /// Has `resume` called when there are so many bytes in the partitions, or only reading tells,
    /// with true when the fetch has waited long enough. At once if there is nobody to wait.
    func park(
        _ connection: ConnectionIdentity,
        until deadline: UInt64,
        leastByteCount: Int,
        _ watched: [Watched],
        resume: @escaping @Sendable (_ isLast: Bool) -> Void
    ) {
        let parts = watched.map { (Key($0.log, $0.isolation), $0.part) }
        let parked = state.withLock { state -> (number: UInt64, isNearest: Bool)? in
            guard !state.isStopping else { return nil }
            let number = state.waits.add(
                Waiter(connection: connection.number, resume: resume),
                leastByteCount: leastByteCount,
                until: deadline,
                parts
            )
            return (number, state.waits.nearestDeadline == deadline)
        }
        guard let parked else { return resume(true) }
        if parked.isNearest { state.signal() }
        // What has moved since the fetch looked must not be missed. The others that wait for these
        // partitions have looked for themselves: each would be looked at with each that comes.
        for partition in watched { partition.log.watch() }
        let looks = watched.map { FetchedPart.Look($0.log, $0.isolation) }
        let due = state.withLock { $0.waits.note(looks, of: parked.number) }
        if let due { Self.resume([due], large) }
    }

    /// Has `resume` called when so many bytes of the memory are the fetch's, with their number, or
    /// with nil when it has waited long enough. Who waits is read for by a thread of its own: the
    /// room was given back by one that has other things to do.
    func waitForRoom(
        _ connection: ConnectionIdentity,
        until deadline: UInt64,
        byteCount: Int,
        in memory: AnswerMemory,
        resume: @escaping @Sendable (_ granted: Int?) -> Void
    ) {
        let ticket = memory.wait(for: byteCount) { [large] in
            let waiter = Waiter(connection: connection.number) { _ in resume(byteCount) }
            let due = Waits.Due(waiter: waiter, byteCount: byteCount, isLast: false)
            let isTaken = large.update { large in
                if !large.isStopping { large.due.append(due) }
                return !large.isStopping
            }
            if !isTaken { due.resume() }
        }
        let waiter = Waiter(connection: connection.number) { _ in
            if memory.forget(ticket) { resume(nil) }
        } drop: {
            _ = memory.forget(ticket)
        }
        let isNearest = state.withLock { state -> Bool? in
            guard !state.isStopping else { return nil }
            state.waits.add(waiter, leastByteCount: byteCount, until: deadline, [])
            return state.waits.nearestDeadline == deadline
        }
        guard let isNearest else { return waiter.resume(true) }
        if isNearest { state.signal() }
    }

    /// Forgets what waits for a connection that is gone.
    func drop(_ connection: ConnectionIdentity) {
        let gone = state.withLock { state in
            state.waits.drop { $0.connection == connection.number }
        }
        for waiter in gone { waiter.drop() }
    }

    /// Answers all that wait, and whoever comes, at once.
    func stop() {
        state.update { $0.isStopping = true }
        looker.join()
        large.update { $0.isStopping = true }
        reader.join()
    }

    // MARK: Looking

    private static func look(
        _ state: ConditionLock<State>,
        _ large: ConditionLock<Large>,
        _ time: any TimeSource,
        _ takeMoved: @Sendable () -> [PartitionLog]
    ) {
        while true {
            let now = time.monotonicNanoseconds()
            let nearest = state.withLock { $0.waits.nearestDeadline }
            let wait = nearest.map { $0 > now ? $0 - now : 0 } ?? 3_600_000_000_000
            let isStopping = state.wait(atMost: .nanoseconds(Int64(clamping: wait))) { state in
                if state.isStopping { return true }
                // Another deadline may be nearer than the one that is waited for.
                guard state.mustLook || state.waits.nearestDeadline != nearest else {
                    return nil as Bool?
                }
                state.mustLook = false
                return false
            }
            if isStopping == true {
                return resume(state.withLock { $0.waits.takeAll() }, large)
            }
            for log in takeMoved() {
                note(log, .readUncommitted, state, large)
                note(log, .readCommitted, state, large)
            }
            let end = time.monotonicNanoseconds()
            resume(state.withLock { $0.waits.expire(now: end) }, large)
        }
    }

    /// Looks at a partition for those who wait for it, and has it named when it moves again.
    private static func note(
        _ log: PartitionLog,
        _ isolation: IsolationLevel,
        _ state: ConditionLock<State>,
        _ large: ConditionLock<Large>
    ) {
        let key = Key(log, isolation)
        guard state.withLock({ $0.waits.isWatched(key) }) else { return }
        // In front of the look: what moves behind it is named.
        log.watch()
        let look = FetchedPart.Look(log, isolation)
        resume(state.withLock { $0.waits.note(look, of: key) }, large)
    }

    // MARK: Resuming

    private static func resume(_ due: [Waits.Due], _ large: ConditionLock<Large>) {
        let much = due.filter { $0.byteCount > smallByteLimit }
        if !much.isEmpty { large.update { $0.due += much } }
        for fetch in due where fetch.byteCount <= smallByteLimit { fetch.resume() }
    }

    private static func nextLarge(_ large: ConditionLock<Large>) -> Waits.Due? {
        large.waitAndTake { large -> Waits.Due?? in
            if !large.due.isEmpty { return .some(large.due.removeFirst()) }
            return large.isStopping ? .some(nil) : nil
        }
    }
}

extension FetchWaits.Due where Waiter == ParkedFetches.Waiter {
    fileprivate func resume() { waiter.resume(isLast) }
}

extension FetchedPart.Look {
    /// Nil where the log tells nothing, for it cannot be read.
    init?(_ log: PartitionLog, _ isolation: IsolationLevel) {
        guard let bounds = log.knownBounds else { return nil }
        logStart = bounds.logStart
        end = isolation == .readCommitted ? bounds.lastStableOffset : bounds.highWatermark
        byteCount = log.byteCount(below: end)
    }
}
