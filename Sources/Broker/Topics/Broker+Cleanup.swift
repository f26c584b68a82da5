import LogModel
import LogStorage
import Threads

/// What time takes out of topics: retention and compaction.
extension Broker {
    /// Those of these partitions that are open, and of a few of the others, each at its turn, those
    /// that have to be opened: nobody closes them again.
    private func due(
        _ partitions: [Partition],
        _ turns: borrowing Lock<SleeperTurns>,
        mayNeed: (PartitionLog) -> Bool
    ) -> [Partition] {
        let awake = partitions.filter { $0.log.recoveryReport != nil }
        let sleeping = partitions.filter {
            $0.log.recoveryReport == nil && $0.log.offlineReason == nil
        }.sorted { $0.name < $1.name }
        let now = time.monotonicNanoseconds()
        let names = sleeping.map(\.name)
        let turn = turns.withLock { $0.take(from: names, now: now) }
        return awake + sleeping[turn].filter { mayNeed($0.log) }
    }

    func applyRetention(now: Timestamp) {
        let found = due(topics().flatMap(\.partitions), retentionTurns) {
            $0.mayNeedRetention(now: now)
        }
        for partition in found {
            do throws(LogStorageError) {
                try partition.log.removeSegmentsBeforeLogStart()
                guard let start = try partition.log.retentionStart(now: now) else { continue }
                try dataDirectory.groups.deleteRecords(of: partition.log, before: start)
            } catch {
                counters.countFailure()
            }
        }
    }

    /// Compacts what is due, partition by partition, until the throttle says no. Called by a thread
    /// of its own, or stepped in simulation.
    package func clean(throttle: (Int) -> Bool) {
        let compacted = topics().flatMap(\.partitions).filter(\.log.configuration.compacts)
            .filter { $0.log.knownBounds.map { $0.logEnd > $0.logStart } ?? true }
        let now = time.wallTime()
        for partition in due(compacted, cleaningTurns, mayNeed: { $0.mayNeedCleaning(now: now) }) {
            do throws(LogStorageError) {
                _ = try partition.log.clean(throttle: throttle)
            } catch {
                counters.countFailure()
            }
            guard throttle(0) else { return }
        }
    }
}
