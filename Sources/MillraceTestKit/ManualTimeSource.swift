package import LogModel
import Threads

/// A clock that stands still until a test turns it.
package final class ManualTimeSource: TimeSource {
    private struct Hands {
        var wall: Int64
        var monotonic: UInt64
    }

    private let hands: Lock<Hands>

    /// Begins at a wall time in 2026, in milliseconds, unless told otherwise.
    package init(wallTime: Timestamp = Timestamp(1_767_225_600_000)) {
        hands = Lock(Hands(wall: wallTime.rawValue, monotonic: 1_000_000_000))
    }

    package func wallTime() -> Timestamp {
        hands.withLock { Timestamp($0.wall) }
    }

    package func monotonicNanoseconds() -> UInt64 {
        hands.withLock { $0.monotonic }
    }

    /// Turns both clocks forward.
    package func advance(milliseconds: Int64) {
        precondition(milliseconds >= 0, "the monotonic clock never goes back")
        hands.withLock {
            $0.wall += milliseconds
            $0.monotonic += UInt64(milliseconds) * 1_000_000
        }
    }

    /// Sets the wall clock alone, back too, as an administrator does.
    package func setWallTime(_ time: Timestamp) {
        hands.withLock { $0.wall = time.rawValue }
    }
}
