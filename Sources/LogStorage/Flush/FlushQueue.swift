import LogModel

/// A partition, and what of it has to be durable.
struct FlushTarget: Sendable {
    var log: PartitionLog
    var offset: Offset
}

/// What the next rounds have to do. A value; the group commit's lock guards it.
struct FlushQueue: Sendable {
    struct Request: Sendable {
        var targets: [FlushTarget]
        var completion: GroupCommit.Completion
    }

    struct Work: Sendable {
        var requests: [Request]
        var later: [FlushTarget]

        var isEmpty: Bool { requests.isEmpty && later.isEmpty }
    }

    /// How long markers and the like wait for a group that takes them along.
    private static let laterNanoseconds: UInt64 = 4_000_000
    /// How often that is doubled while rounds fail, as on a full disk: up to a second.
    private static let delayDoublingLimit: UInt64 = 8

    var requests: [Request] = []
    /// What to flush when a round is made anyway, or at the deadline.
    private(set) var later: [FlushTarget] = []
    private(set) var laterDeadline: UInt64?
    /// How many rounds have failed since the last one that did not.
    var failedRoundCount: UInt64 = 0
    /// By the deciding partition: what its records need.
    var dependencies: [PartitionKey: [PartitionKey: FlushTarget]] = [:]
    /// A thread makes the rounds. Told here, so that nothing is queued behind its end.
    var isThreaded = false
    var isStopping = false

    /// Takes in what is to be flushed a little later, and later still while rounds fail.
    mutating func add(later targets: [FlushTarget], now: UInt64) {
        guard !targets.isEmpty else { return }
        later += targets
        let delay = Self.laterNanoseconds << min(failedRoundCount, Self.delayDoublingLimit)
        laterDeadline = laterDeadline ?? now + delay
    }

    /// All that is queued.
    mutating func take() -> Work {
        let work = Work(requests: requests, later: later)
        requests = []
        later = []
        laterDeadline = nil
        return work
    }
}
