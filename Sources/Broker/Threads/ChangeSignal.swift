import Threads

/// Tells readers that they may find more: it rises whenever a high watermark or a last stable
/// offset may have moved, or a transaction has ended.
final class ChangeSignal: Sendable {
    private let number = ConditionLock<UInt64>(1)

    /// The signal now; 0 is never one, so that a wait since 0 returns at once.
    var current: UInt64 { number.withLock { $0 } }

    func raise() {
        number.update { $0 &+= 1 }
    }

    /// Waits until the signal is another than `signal`, or until `timeout`; returns it.
    func wait(since signal: UInt64, timeout: Duration) -> UInt64 {
        number.wait(atMost: timeout) { $0 == signal ? nil : $0 } ?? signal
    }
}
