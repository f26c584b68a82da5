import Glibc
import Threads

/// Turns SIGINT, SIGQUIT and SIGTERM into a request: the first asks, the second ends the process at
/// once.
///
/// The signals are blocked in every thread and taken by one thread that waits for them, so no code
/// runs inside a handler. Start it before any other thread.
package final class SignalListener: Sendable {
    private struct State {
        var isRequested = false
        var action: (@Sendable () -> Void)?
    }

    private let state = Lock(State())

    /// Blocks the signals in the calling thread, and in those it starts later, and waits for them.
    package static func start() -> SignalListener {
        let listener = SignalListener()
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        // A shell's background jobs ignore SIGINT and SIGQUIT: blocked, they come all the same.
        sigaddset(&signals, SIGQUIT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let waited = signals
        // The thread lives as long as the process.
        _ = OwnedThread {
            var signals = waited
            while true {
                var signal: Int32 = 0
                guard sigwait(&signals, &signal) == 0 else { continue }
                listener.receive()
            }
        }
        return listener
    }

    /// Calls `action` at the first signal; at once if it came already.
    package func onRequest(_ action: @escaping @Sendable () -> Void) {
        let isRequested = state.withLock { state in
            state.action = action
            return state.isRequested
        }
        if isRequested { action() }
    }

    private func receive() {
        let (isSecond, action) = state.withLock { state in
            defer { state.isRequested = true }
            return (state.isRequested, state.action)
        }
        if isSecond { _exit(1) }
        action?()
    }
}
