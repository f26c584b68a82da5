import Threads

/// Tells readers that they may find more: it rises whenever a high watermark or a last stable
/// offset may have moved, or a transaction has ended.
final class ChangeSignal: Sendable {
    private let number = ConditionLock<UInt64>(1)
    private let observer = Lock(Observer(tell: {}))

    /// In a value of its own: a function that lies in a lock by itself is wrapped once more with
    /// each look at it, and a call goes through all of that.
    private struct Observer: Sendable {
        var tell: @Sendable () -> Void
    }

    /// The signal now; 0 is never one, so that a wait since 0 returns at once.
    var current: UInt64 { number.withLock { $0 } }

    func raise() {
        number.update { $0 &+= 1 }
        let tell = observer.withLock { $0.tell }
        tell()
    }

    /// Has `body` called behind each rise, by the thread that raises it: it must be short.
    func observe(_ body: @escaping @Sendable () -> Void) {
        observer.withLock { $0.tell = body }
    }

    /// Waits until the signal is another than `signal`, or until `timeout`; returns it.
    func wait(since signal: UInt64, timeout: Duration) -> UInt64 {
        number.wait(atMost: timeout) { $0 == signal ? nil : $0 } ?? signal
    }
}
