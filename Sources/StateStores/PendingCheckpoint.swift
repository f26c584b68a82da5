import Threads

/// One checkpoint while a worker writes it.
///
/// SAFETY: `@unchecked` because engines are not Sendable by type; an engine takes reads from the
/// store's thread and one checkpoint from the worker at the same time, by its contract.
final class PendingCheckpoint: @unchecked Sendable {
    let snapshot: CheckpointSnapshot
    private let engine: any StoreEngine
    private let result = ConditionLock<Result<Void, StoreError>?>(nil)

    init(snapshot: CheckpointSnapshot, engine: any StoreEngine) {
        self.snapshot = snapshot
        self.engine = engine
    }

    func run() {
        let outcome: Result<Void, StoreError>
        do throws(StoreError) {
            snapshot.sort()
            try engine.checkpoint(
                snapshot.sortedEntries,
                changelogOffset: snapshot.changelogOffset
            )
            outcome = .success(())
        } catch { outcome = .failure(error) }
        result.withLock { $0 = outcome }
        result.signal()
    }

    func outcome(waiting: Bool) -> Result<Void, StoreError>? {
        waiting ? result.waitAndTake { $0 } : result.withLock { $0 }
    }
}
