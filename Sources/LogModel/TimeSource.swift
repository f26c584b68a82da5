import Glibc

/// Where a component gets the time from, so that a test can turn the clock.
public protocol TimeSource: Sendable {
    /// The wall clock: stamps records, never measures a wait.
    func wallTime() -> Timestamp
    /// Nanoseconds of a clock that only goes forward: measures waits and timeouts.
    func monotonicNanoseconds() -> UInt64
}

/// The machine's clocks.
public struct SystemTimeSource: TimeSource {
    public init() {}

    public func wallTime() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    public func monotonicNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
