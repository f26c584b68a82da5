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
        for partition in found { applyRetention(to: partition, now: now) }
    }

    private func applyRetention(to partition: Partition, now: Timestamp) {
        do throws(LogStorageError) {
            try partition.log.removeSegmentsBeforeLogStart()
            guard let start = try partition.log.retentionStart(now: now) else { return }
            try dataDirectory.groups.deleteRecords(of: partition.log, before: start)
        } catch {
            counters.countFailure()
        }
    }

    /// Tells of something that goes on by itself, once.
    private func noteOnce(_ note: String) {
        laterNotes.withLock { if !$0.contains(note), $0.count < 100 { $0.append(note) } }
    }

    /// What time has taken out of the partitions in use, at the end: a process may be too short for
    /// a round of the housekeeping.
    func applyRetentionInUse() {
        let now = time.wallTime()
        for partition in topics().flatMap(\.partitions) where partition.log.recoveryReport != nil {
            applyRetention(to: partition, now: now)
        }
    }

    /// Compacts what is due, partition by partition, until the throttle says no. Called by a thread
    /// of its own, or stepped in simulation.
    package func clean(throttle: (Int) -> Bool) {
        let compacted = topics().flatMap(\.partitions).filter(\.log.configuration.compacts)
            .filter { $0.log.knownBounds.map { $0.logEnd > $0.logStart } ?? true }
        let now = time.wallTime()
        let found = due(compacted, cleaningTurns) { $0.mayNeedCleaning(now: now) }
        clean(found, throttle: throttle)
    }

    /// The same of the partitions in use, all of them.
    package func cleanInUse(throttle: (Int) -> Bool) {
        let compacted = topics().flatMap(\.partitions).filter {
            $0.log.configuration.compacts && $0.log.recoveryReport != nil
        }
        clean(compacted, throttle: throttle)
    }

    private func clean(_ partitions: [Partition], throttle: (Int) -> Bool) {
        for partition in partitions {
            do throws(LogStorageError) {
                _ = try partition.log.clean(throttle: throttle)
            } catch {
                counters.countFailure()
                noteOnce(
                    "\(partition.name) was not compacted, and is as it was: "
                        + BrokerError(error, in: partition.name.description).description
                )
            }
            guard throttle(0) else { return }
        }
    }
}
