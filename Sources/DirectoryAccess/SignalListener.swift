import Glibc
import LogModel
package import Terminal
import Threads

/// Turns SIGHUP, SIGINT and SIGTERM into a request: the first asks, the second ends the process at
/// once. The same signal again within half a second is the same wish: `timeout`, make and
/// supervisors send theirs to a process and to its group. SIGQUIT ends the process at once.
///
/// The signals are blocked in every thread and taken by one thread that waits for them, so no code
/// runs inside a handler. Start it before any other thread.
package final class SignalListener: Sendable {
    private struct State {
        var request: ExitStatus?
        var requestTime: UInt64?
        var first: (signal: Int32, time: ContinuousClock.Instant)?
        var action: (@Sendable () -> Void)?
        var lastAction: (@Sendable () -> Void)?
    }

    private let state = Lock(State())
    private let wake: (reader: Int32, writer: Int32)

    private init() throws(CommandFailure) { wake = try Self.pipe() }

    /// One that hears no signals.
    package static func unheard() throws(CommandFailure) -> SignalListener {
        try SignalListener()
    }

    /// Blocks the signals in the calling thread, and in those it starts later, and waits for them.
    ///
    /// - Throws: where the system gives no pipe, for want of a descriptor.
    package static func start() throws(CommandFailure) -> SignalListener {
        let listener = try SignalListener()
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        // A shell's background jobs ignore SIGINT and SIGQUIT: blocked, they come all the same.
        sigaddset(&signals, SIGQUIT)
        sigaddset(&signals, SIGTERM)
        // What nohup started is to outlive its terminal.
        if !isIgnored(SIGHUP) { sigaddset(&signals, SIGHUP) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let waited = signals
        // The thread lives as long as the process.
        _ = OwnedThread {
            var signals = waited
            while true {
                var signal: Int32 = 0
                guard sigwait(&signals, &signal) == 0 else { continue }
                listener.receive(signal)
            }
        }
        return listener
    }

    /// What a command that a signal stopped short ends with; nil before the first signal.
    package var request: ExitStatus? { state.withLock { $0.request } }

    /// When the first signal came, in nanoseconds of the monotonic clock; nil before.
    package var requestTime: UInt64? { state.withLock { $0.requestTime } }

    /// Has something to read once a signal came: for `poll`.
    package var descriptor: Int32 { wake.reader }

    /// Calls `action` at the first signal; at once if it came already.
    package func onRequest(_ action: @escaping @Sendable () -> Void) {
        let isRequested = state.withLock { state in
            state.action = action
            return state.request != nil
        }
        if isRequested { action() }
    }

    /// Calls `action` where a signal ends the process at once, before it does; nil for nothing.
    package func beforeEnd(_ action: (@Sendable () -> Void)?) {
        state.withLock { $0.lastAction = action }
    }

    private func receive(_ signal: Int32) {
        let now = ContinuousClock.now
        let time = SystemTimeSource().monotonicNanoseconds()
        let (first, action) = state.withLock { state in
            defer {
                state.request = state.request ?? ExitStatus(rawValue: 128 + signal)
                state.requestTime = state.requestTime ?? time
                state.first = state.first ?? (signal, now)
            }
            return (state.first, state.action)
        }
        if let first, signal != SIGQUIT, first.signal == signal, now - first.time < Self.echo {
            return
        }
        if first != nil || signal == SIGQUIT {
            let lastAction = state.withLock { $0.lastAction }
            lastAction?()
            // Never waits for a reader.
            var errors = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
            if poll(&errors, 1, 0) == 1 {
                TextOutput.error.write("ended at once: what was in flight is not finished\n")
            }
            _exit(128 + signal)
        }
        var byte: UInt8 = 0
        _ = write(wake.writer, &byte, 1)
        action?()
    }

    private static let echo = Duration.milliseconds(500)

    private static func isIgnored(_ signal: Int32) -> Bool {
        var action = Glibc.sigaction()
        sigaction(signal, nil, &action)
        // SAFETY: both are addresses of C functions or stand for one; they are only compared.
        let handler = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
        return handler == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// A pipe that takes no standard descriptor's number, should one of those be closed.
    private static func pipe() throws(CommandFailure) -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { throw withoutPipe() }
        let moved = ends.map { fcntl($0, F_DUPFD_CLOEXEC, 3) }
        guard moved.allSatisfy({ $0 >= 3 }) else { throw withoutPipe() }
        for end in ends { close(end) }
        return (moved[0], moved[1])
    }

    private static func withoutPipe() -> CommandFailure {
        let reason = "pipe failed: \(String(cString: strerror(errno)))"
        return CommandFailure(
            "the command did not start",
            reason: reason,
            next: CommandFailure.nextWithoutDescriptors(reason)
        )
    }
}
