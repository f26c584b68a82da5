import Coordination

/// A decision against a client, for those who look after the server.
package struct Denial: Equatable, Sendable {
    package var principal: String
    package var host: String
    package var operation: ACLOperation
    package var type: ResourceType
    package var name: String
    /// How many before it were not told, of the same principal.
    package var silentCount = 0

    package init(
        principal: String,
        host: String,
        operation: ACLOperation,
        type: ResourceType,
        name: String
    ) {
        self.principal = principal
        self.host = host
        self.operation = operation
        self.type = type
        self.name = name
    }
}

/// How many denials are told of a principal, or failed logins of a host: a client must not be able
/// to flood the log, over however many connections it comes, nor all of them together.
struct DenialLimits: Sendable {
    /// Of one principal, in a span of time.
    static let count = 10
    /// Of all of them.
    static let countOfAll = 100
    static let nanoseconds: UInt64 = 10_000_000_000
    /// Those behind so many principals are counted as one.
    static let principalLimit = 1000

    private struct Limit: Sendable {
        private var start: UInt64?
        private var toldCount = 0
        var silentCount = 0

        func isOver(now: UInt64) -> Bool {
            start.map { now &- $0 >= DenialLimits.nanoseconds } ?? true
        }

        /// Whether one more is within the limit.
        mutating func take(_ limit: Int, now: UInt64) -> Bool {
            if isOver(now: now) {
                start = now
                toldCount = 0
            }
            guard toldCount < limit else { return false }
            toldCount += 1
            return true
        }
    }

    private var limits: [ExactText: Limit] = [:]
    private var limitOfAll = Limit()
    /// When places were last made for others.
    private var lastSweep: UInt64?
    /// Whoever finds no place of its own.
    private static let others = ExactText("")

    /// How many were not told before this one; nil where this one is not told either.
    mutating func take(_ principal: ExactText, now: UInt64) -> Int? {
        if limits[principal] == nil, limits.count >= Self.principalLimit { sweep(now: now) }
        let hasPlace = limits[principal] != nil || limits.count < Self.principalLimit
        let key = hasPlace ? principal : Self.others
        var limit = limits[key] ?? Limit()
        defer { limits[key] = limit }
        guard limit.take(Self.count, now: now), limitOfAll.take(Self.countOfAll, now: now) else {
            limit.silentCount += 1
            return nil
        }
        defer { limit.silentCount = 0 }
        return limit.silentCount
    }

    /// Forgets those of an earlier span of time; what was not told of them is added up.
    private mutating func sweep(now: UInt64) {
        guard lastSweep.map({ now &- $0 >= Self.nanoseconds }) ?? true else { return }
        lastSweep = now
        let old = limits.filter { $0.key != Self.others && $0.value.isOver(now: now) }
        for (principal, limit) in old {
            limits[principal] = nil
            limits[Self.others, default: Limit()].silentCount += limit.silentCount
        }
    }
}
