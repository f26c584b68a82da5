import Coordination
import Threads

/// The one thread that looks at groups when the earliest of their deadlines has come.
final class GroupTimer: Sendable {
    private struct State {
        var deadline: Moment?
        /// The deadline is another one than the thread waits for.
        var hasMoved = false
        var isStopping = false
    }

    private enum Wake {
        case stop
        case look
        case due
    }

    private let state = ConditionLock(State())
    private let thread = Lock<OwnedThread?>(nil)

    /// Starts the thread: `expire` is called when a deadline has come, and returns the next one.
    func start(
        now: @escaping @Sendable () -> Moment,
        expire: @escaping @Sendable () -> Moment?
    ) {
        let started = OwnedThread { [state] in
            while true {
                switch Self.next(of: state, now) {
                case .stop: return
                case .look: continue
                case .due: if let next = expire() { Self.look(state, at: next) }
                }
            }
        }
        thread.withLock { $0 = started }
    }

    /// Has the thread look at that moment at the latest.
    func look(at moment: Moment) { Self.look(state, at: moment) }

    func stop() {
        state.update { $0.isStopping = true }
        thread.withLock { $0.take() }?.join()
    }

    private static func look(_ state: ConditionLock<State>, at moment: Moment) {
        let isEarlier = state.withLock { state -> Bool in
            if let deadline = state.deadline, deadline <= moment { return false }
            state.deadline = moment
            state.hasMoved = true
            return true
        }
        if isEarlier { state.signal() }
    }

    private static func next(of state: ConditionLock<State>, _ now: () -> Moment) -> Wake {
        let longest: UInt64 = 3_600_000_000_000
        let begin = now()
        let deadline = state.withLock { $0.deadline }
        let left = deadline.map { $0 > begin ? $0.nanoseconds - begin.nanoseconds : 0 } ?? longest
        return state.wait(atMost: .nanoseconds(Int64(min(left, longest)))) { state -> Wake? in
            if state.isStopping { return .stop }
            if let deadline = state.deadline, deadline <= now() {
                state.deadline = nil
                state.hasMoved = false
                return .due
            }
            guard state.hasMoved else { return nil }
            state.hasMoved = false
            return .look
        } ?? .look
    }
}
