import Broker
import LogModel
import LogStorage
import Threads

/// Fetches that wait for records, all of them on one thread: it looks when the log has changed, or
/// when the longest wait of one is over.
final class ParkedFetches: Sendable {
    /// What a fetch has seen of a partition.
    struct Watched: Sendable {
        var log: PartitionLog
        var isolation: IsolationLevel
        var end: Offset

        var hasMoved: Bool {
            guard let bounds = log.knownBounds else { return true }
            return end
                != (isolation == .readCommitted
                    ? bounds.lastStableOffset : bounds.highWatermark)
        }
    }

    private struct Parked: Sendable {
        var connection: ConnectionIdentity
        /// On the monotonic clock.
        var deadline: UInt64
        var watched: [Watched]
        var resume: @Sendable (_ isLast: Bool) -> Void
    }

    private struct State {
        var parked: [UInt64: Parked] = [:]
        var nextNumber: UInt64 = 0
        var mustLook = false
        var isStopping = false
    }

    private let state: ConditionLock<State>
    private let time: any TimeSource
    private let thread: OwnedThread

    init(_ broker: Broker) {
        let state = ConditionLock(State())
        let time = broker.clock
        self.state = state
        self.time = time
        broker.onChange {
            let isWatched = state.withLock { state in
                state.mustLook = true
                return !state.parked.isEmpty
            }
            if isWatched { state.signal() }
        }
        thread = OwnedThread { Self.run(state, time) }
    }

    deinit { stop() }

    /// Has `resume` called when one of the partitions has moved on, with true when the fetch has
    /// waited long enough. At once if there is nobody to wait.
    func park(
        _ connection: ConnectionIdentity,
        until deadline: UInt64,
        _ watched: [Watched],
        resume: @escaping @Sendable (_ isLast: Bool) -> Void
    ) {
        let isParked = state.update { state -> Bool in
            guard !state.isStopping else { return false }
            // What has changed since the fetch looked must not be missed.
            state.mustLook = true
            state.parked[state.nextNumber] = Parked(
                connection: connection,
                deadline: deadline,
                watched: watched,
                resume: resume
            )
            state.nextNumber += 1
            return true
        }
        if !isParked { resume(true) }
    }

    /// Forgets what waits for a connection that is gone.
    func drop(_ connection: ConnectionIdentity) {
        state.withLock { state in
            state.parked = state.parked.filter { $0.value.connection.number != connection.number }
        }
    }

    /// Answers all that wait, and whoever comes, at once.
    func stop() {
        state.update { $0.isStopping = true }
        thread.join()
    }

    private static func run(_ state: ConditionLock<State>, _ time: any TimeSource) {
        while true {
            let now = time.monotonicNanoseconds()
            let nearest = state.withLock { $0.parked.values.map(\.deadline).min() }
            let wait = nearest.map { $0 > now ? $0 - now : 0 } ?? 3_600_000_000_000
            let isStopping = state.wait(atMost: .nanoseconds(Int64(clamping: wait))) { state in
                if state.isStopping { return true }
                guard state.mustLook, !state.parked.isEmpty else { return nil as Bool? }
                return false
            }
            look(state, time.monotonicNanoseconds(), takesAll: isStopping == true)
            if isStopping == true { return }
        }
    }

    /// Resumes those whose time has come.
    private static func look(_ state: ConditionLock<State>, _ now: UInt64, takesAll: Bool) {
        let parked = state.withLock { state in
            state.mustLook = false
            return state.parked
        }
        for (number, fetch) in parked {
            let isLast = takesAll || fetch.deadline <= now
            guard isLast || fetch.watched.contains(where: \.hasMoved) else { continue }
            let taken = state.withLock { $0.parked.removeValue(forKey: number) }
            taken?.resume(isLast)
        }
    }
}
