import Coordination
import LogModel

/// What the coordinator lock guards.
///
/// Lock order: coordinator, then topics, then a partition's own lock. Records of the internal
/// topics are appended under the coordinator lock, so that their order in the log is that of the
/// decisions; nothing is ever flushed under it.
struct CoordinatorState: Sendable {
    var transactions: TransactionCoordinator
    /// By partition of `__consumer_offsets`.
    var offsets: [GroupOffsets]
    /// Decided transactions whose markers could not all be written; tried again.
    var unfinished: [MarkerOrder] = []
    /// Ids whose last record or markers may or may not be durable, because a flush failed: only
    /// the next open can tell.
    var undecided: [String: BrokerError] = [:]

    func checkInvariants() {
        transactions.checkInvariants()
        for offsets in offsets { offsets.checkInvariants() }
    }
}

/// Decided transactions to end, with the partitions that still lack the marker.
struct MarkerJob: Sendable {
    var order: MarkerOrder
}
