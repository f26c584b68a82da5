import LogModel
import LogStorage
import Synchronization

/// What time takes out of topics: retention and compaction.
extension Broker {
    /// How many partitions that sleep are looked at each time.
    private static let sleeperCount = 8

    /// Those of these partitions that are open, and a few of the others: each has its turn.
    private func due(_ partitions: [Partition], _ next: borrowing Atomic<Int>) -> [Partition] {
        let sleeping = partitions.filter {
            $0.log.recoveryReport == nil && $0.log.offlineReason == nil
        }
        let awake = partitions.filter { $0.log.recoveryReport != nil }
        guard !sleeping.isEmpty else { return awake }
        let start = next.load(ordering: .relaxed) % sleeping.count
        let count = min(Self.sleeperCount, sleeping.count)
        next.store(start + count, ordering: .relaxed)
        return awake + (0..<count).map { sleeping[(start + $0) % sleeping.count] }
    }

    func applyRetention(now: Timestamp) {
        for partition in due(topics().flatMap(\.partitions), nextSleeper) {
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
        for partition in due(compacted, nextSleeperToClean) {
            do throws(LogStorageError) {
                _ = try partition.log.clean(throttle: throttle)
            } catch {
                counters.countFailure()
            }
            guard throttle(0) else { return }
        }
    }
}
