package import LogModel
package import Streams
import Threads

/// What a stream thread lets others see: published at commits and when idle, never per record.
package final class ThreadProgress: Sendable {
    package struct Snapshot: Sendable {
        /// The next offsets to read, everything before them committed.
        package var positions: [TopicPartition: Offset] = [:]
        package var counters = TaskCounters()
        /// Committed records in sink topics.
        package var recordsOut: Int64 = 0
        /// Offsets of inputs that were deleted before they could be read.
        package var lostCount: Int64 = 0
        /// Partitions of inputs whose topic was deleted and made anew while they were read.
        package var replacedCount: Int64 = 0
        package var commits: Int64 = 0
        package var rewinds: Int64 = 0
        /// Changelog records read back since the start.
        package var restored: Int64 = 0
        /// Stores that claimed more than their changelog holds, and were made anew from it.
        package var wipedStores: [String] = []
        /// Checkpoints put off because the disk was full.
        package var delayedCheckpoints: Int64 = 0
        /// Purges of repartition topics put off because the disk was full.
        package var delayedPurges: Int64 = 0
        /// Committed records by the topic that they were written to.
        package var recordsOutByTopic: [String: Int64] = [:]
        package var times = CommitTimes()
        package var stores: [StoreFacts] = []
        /// What the thread waits for, in words; nil while it goes on.
        package var trouble: String?
    }

    private let state = Lock(Snapshot())

    package init() {}

    package var snapshot: Snapshot { state.withLock { $0 } }

    func publish(
        positions: [TopicPartition: Offset],
        counters: TaskCounters,
        recordsOut: Int64,
        recordsOutByTopic: [String: Int64],
        times: CommitTimes,
        lostCount: Int64,
        replacedCount: Int64
    ) {
        state.withLock {
            $0.positions = positions
            $0.counters = counters
            $0.recordsOut = recordsOut
            $0.recordsOutByTopic = recordsOutByTopic
            $0.times = times
            $0.lostCount = lostCount
            $0.replacedCount = replacedCount
        }
    }

    func publish(stores: [StoreFacts]) { state.withLock { $0.stores = stores } }
    func noteTrouble(_ trouble: String?) { state.withLock { $0.trouble = trouble } }
    func noteCommit() { state.withLock { $0.commits += 1 } }
    func noteRewind() { state.withLock { $0.rewinds += 1 } }
    func noteRestored(_ count: Int64) { state.withLock { $0.restored += count } }
    func noteWiped(_ store: String) { state.withLock { $0.wipedStores.append(store) } }
    func noteDelayedCheckpoint() { state.withLock { $0.delayedCheckpoints += 1 } }
    func noteDelayedPurge() { state.withLock { $0.delayedPurges += 1 } }
}
