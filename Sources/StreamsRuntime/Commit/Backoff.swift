package import LogClient

/// How long a thread lets be after what went wrong, and over what: longer each time, until a
/// commit succeeds.
///
/// A full disk is waited for from the first time, for the next try cannot do better at once; every
/// other failure from its second time in a row.
package struct Backoff: Equatable, Sendable {
    private static let shortestNanoseconds: UInt64 = 20_000_000
    private static let longestNanoseconds: UInt64 = 1_000_000_000

    /// What happened last, while a wait for it is under way.
    package private(set) var cause: LogClientError?
    /// How long to wait before the next try.
    package private(set) var nanoseconds: UInt64 = 0
    private var hasFailed = false

    package init() {}

    mutating func note(_ error: LogClientError) {
        defer { hasFailed = true }
        if case .full = error {} else if !hasFailed { return }
        cause = error
        nanoseconds =
            nanoseconds == 0
            ? Self.shortestNanoseconds : min(nanoseconds * 2, Self.longestNanoseconds)
    }

    /// A commit succeeded.
    mutating func reset() { self = Backoff() }
}
