package import LogModel

/// Where the transaction of one transactional id stands; the number is Kafka's, as in
/// `__transaction_state`.
///
///     Empty ──▶ Ongoing ──▶ PrepareCommit ──▶ CompleteCommit ──▶ Ongoing …
///       │          └──────▶ PrepareAbort  ──▶ CompleteAbort  ──▶ Ongoing …
///       └─────────────────▶ PrepareAbort      (an abort of nothing bumps the epoch all the same)
///
/// The durable Prepare record is the commit point: the outcome never changes behind it.
package enum TransactionState: Int8, Sendable, CaseIterable {
    /// Has an owner, never had a transaction since. Next: Ongoing, PrepareAbort, Empty, Dead.
    case empty = 0
    /// Partitions may hold records of it. Next: Ongoing, PrepareCommit, PrepareAbort.
    case ongoing = 1
    /// Decided: it commits; markers are on their way. Next: CompleteCommit.
    case prepareCommit = 2
    /// Decided: it aborts; markers are on their way. Next: CompleteAbort.
    case prepareAbort = 3
    /// Every marker is durable. Next: Ongoing, PrepareAbort, Empty, Dead.
    case completeCommit = 4
    /// Every marker is durable. Next: Ongoing, PrepareAbort, Empty, Dead.
    case completeAbort = 5
    /// Expired: its tombstone is being written. Next: none.
    case dead = 6
    /// Kafka's memory-only step between a fence and its abort. Here both are one step, so that
    /// nothing enters it; the number is reserved, and a record that has it is passed over.
    case prepareEpochFence = 7

    /// Whether a record with this state may follow one with `previous`.
    package func mayFollow(_ previous: TransactionState) -> Bool {
        switch self {
        case .empty, .dead: previous.isIdle
        case .ongoing: previous.isIdle || previous == .ongoing
        case .prepareCommit: previous == .ongoing
        case .prepareAbort: previous.isIdle || previous == .ongoing
        case .completeCommit: previous == .prepareCommit
        case .completeAbort: previous == .prepareAbort
        case .prepareEpochFence: false
        }
    }

    /// Nothing is open and nothing is being ended.
    package var isIdle: Bool {
        switch self {
        case .empty, .completeCommit, .completeAbort: true
        case .ongoing, .prepareCommit, .prepareAbort, .dead, .prepareEpochFence: false
        }
    }

    /// The outcome is decided and markers are still to be written.
    package var isPreparing: Bool { preparedResult != nil }

    /// The outcome of a Prepare state.
    package var preparedResult: TransactionResult? {
        switch self {
        case .prepareCommit: .commit
        case .prepareAbort: .abort
        case .empty, .ongoing, .completeCommit, .completeAbort, .dead, .prepareEpochFence: nil
        }
    }
}
