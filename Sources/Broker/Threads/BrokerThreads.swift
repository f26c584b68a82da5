import LogStorage
import Synchronization
import Threads

/// The log's own threads: one that makes groups durable, a few for what may wait for the disk
/// beside it, and one that looks after the log now and then.
final class BrokerThreads: Sendable {
    let pool: WorkerPool
    private let groups: GroupCommit
    private let flusher: OwnedThread
    private let housekeeper: Housekeeper
    private let cleaner: Cleaner

    init(
        workerCount: Int,
        groups: GroupCommit,
        housekeepingInterval: Duration,
        writeBack: @escaping @Sendable () -> Void,
        housekeeping: @escaping @Sendable () -> Void,
        cleaner: Cleaner
    ) {
        self.cleaner = cleaner
        let pool = WorkerPool(threadCount: workerCount)
        self.pool = pool
        self.groups = groups
        let isQueued = Flag()
        groups.beginThreads { works in
            pool.run(works)
        } onWriteBackDue: {
            guard isQueued.raise() else { return }
            pool.add(
                .background {
                    isQueued.lower()
                    writeBack()
                }
            )
        }
        flusher = OwnedThread { groups.run() }
        housekeeper = Housekeeper(interval: housekeepingInterval, housekeeping)
    }

    /// Ends the threads; what is queued is done first.
    func stop() {
        cleaner.stop()
        housekeeper.stop()
        pool.drain()
        groups.stopThreads()
        flusher.join()
        groups.endThreads()
        pool.stop()
    }

    /// Up or down.
    private final class Flag: Sendable {
        private let isUp = Atomic<Bool>(false)
        /// False if it was up already.
        func raise() -> Bool { !isUp.exchange(true, ordering: .sequentiallyConsistent) }
        func lower() { isUp.store(false, ordering: .sequentiallyConsistent) }
    }
}
