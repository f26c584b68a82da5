import Threads

/// Runs checkpoints one after the other: on a thread of its own, or at once in the caller's,
/// which simulations use.
public final class CheckpointWorker: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private let condition = ConditionLock(State())
    private let thread: OwnedThread?

    /// A worker with a thread, or one that does everything at once.
    public init(inline: Bool) {
        let condition = condition
        thread =
            inline
            ? nil
            : OwnedThread {
                while let job = Self.nextJob(condition) { job() }
            }
    }

    /// Runs `job` after those before it.
    func submit(_ job: @escaping @Sendable () -> Void) {
        guard thread != nil else { return job() }
        condition.withLock { $0.jobs.append(job) }
        condition.signal()
    }

    /// Finishes what was submitted and ends the thread.
    public func close() {
        condition.withLock { $0.isClosed = true }
        condition.signal()
        thread?.join()
    }

    private static func nextJob(_ condition: ConditionLock<State>) -> (@Sendable () -> Void)? {
        condition.waitAndTake { state in
            if !state.jobs.isEmpty { return .some(state.jobs.removeFirst()) }
            return state.isClosed ? .some(nil) : .none
        }
    }
}
