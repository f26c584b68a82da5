import Coordination
import LogModel
import LogStorage
import Threads

/// The part of the transaction coordinator whose records lie in one partition of
/// `__transaction_state`. Its lock is held for a decision, never for a write.
final class TransactionShard: Sendable {
    struct State: Sendable {
        var coordinator: TransactionCoordinator
        var markers = PendingMarkers()
        /// By transactional id.
        var undecided: [ExactText: UndecidedRecord] = [:]
    }

    let partition: Partition
    /// Why nothing can be decided here: the partition's records cannot all be read.
    let unavailability: BrokerError?
    private let state: Lock<State>
    /// Rises whenever something of this shard was settled.
    private let settled = ConditionLock<UInt64>(1)

    init(
        partition: Partition,
        coordinator: TransactionCoordinator,
        unavailability: BrokerError? = nil
    ) {
        self.partition = partition
        self.unavailability = unavailability
        state = Lock(State(coordinator: coordinator))
    }

    /// Asks or changes the state.
    func withState<Result: Sendable>(
        _ body: (inout State) -> Result
    ) throws(BrokerError) -> Result {
        if let unavailability { throw unavailability }
        return state.withLock { body(&$0) }
    }

    func read<Result: Sendable>(
        _ body: (borrowing TransactionCoordinator) -> Result
    ) throws(BrokerError) -> Result {
        try withState { body($0.coordinator) }
    }

    /// Tells those who wait that something was settled.
    func raise() { settled.update { $0 &+= 1 } }

    var signal: UInt64 { settled.withLock { $0 } }

    /// Waits until something was settled since `signal`, at most for `timeout`.
    func wait(since signal: UInt64, atMost timeout: Duration) {
        _ = settled.wait(atMost: timeout) { $0 == signal ? nil : () }
    }
}

/// Hands out producer ids; a block is made durable before its first id is used.
final class ProducerIDs: Sendable {
    private let allocator: Lock<ProducerIDAllocator>
    private let granting = Lock<Void>(())
    private let data: DataDirectory

    init(_ allocator: ProducerIDAllocator, _ data: DataDirectory) {
        self.allocator = Lock(allocator)
        self.data = data
    }

    func take() throws(BrokerError) -> ProducerID {
        while true {
            if let id = allocator.withLock({ $0.take() }) { return id }
            try granting.withLock { _ throws(BrokerError) in
                // Another thread may have been first.
                guard allocator.withLock({ $0.isEmpty }) else { return }
                let known = try storing("producer ids") { () throws(LogStorageError) in
                    try data.settledProducerIDs()
                }
                allocator.withLock { $0.pass(known) }
                guard let end = allocator.withLock({ $0.nextGrantedEnd }) else {
                    throw .refused(.unknownServerError, "there are no producer ids left")
                }
                try storing("producer ids") { () throws(LogStorageError) in
                    try data.grantProducerIDs(upTo: end)
                }
                allocator.withLock { $0.grant(upTo: end) }
            }
        }
    }
}
