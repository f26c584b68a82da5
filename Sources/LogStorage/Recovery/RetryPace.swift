/// When something that failed for a reason that may pass is tried again: after a second, then after
/// twice as long each time, up to a minute. A value; the clock is the caller's.
package struct RetryPace: Equatable, Sendable {
    static let firstNanoseconds: UInt64 = 1_000_000_000
    static let longestNanoseconds: UInt64 = 60_000_000_000

    private var interval = firstNanoseconds
    private var last: UInt64

    /// It failed at this time of a monotonic clock.
    package init(failedAt now: UInt64) { last = now }

    /// Whether it is time for the next try, which counts as made.
    package mutating func isDue(at now: UInt64) -> Bool {
        guard now &- last >= interval else { return false }
        last = now
        interval = min(interval * 2, Self.longestNanoseconds)
        return true
    }
}
