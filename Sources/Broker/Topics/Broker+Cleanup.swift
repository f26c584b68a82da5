import LogModel
import LogStorage
import Synchronization
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
    func noteOnce(_ note: String) {
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
        writeBackForCleaning(found)
        clean(found, throttle: throttle)
    }

    /// How many partitions are written back for the cleaner at a time: others stay for the next.
    private static let cleaningWriteBackCount = 16

    /// The cleaner touches only what stands for itself, and write-backs may be a minute apart: the
    /// partitions that it waits for, and no others, come to that sooner.
    private func writeBackForCleaning(_ partitions: [Partition]) {
        let now = time.monotonicNanoseconds()
        let last = max(
            lastWriteBack.load(ordering: .relaxed),
            lastCleaningWriteBack.load(ordering: .relaxed)
        )
        let interval = configuration.cleaningWriteBackInterval.wholeMilliseconds
        guard now > last, (now - last) / 1_000_000 >= UInt64(interval) else { return }
        let waiting = partitions.map(\.log).filter(\.cleaningAwaitsWriteBack)
        guard !waiting.isEmpty else { return }
        lastCleaningWriteBack.store(now, ordering: .relaxed)
        do throws(LogStorageError) {
            try dataDirectory.writeBack(of: Array(waiting.prefix(Self.cleaningWriteBackCount)))
        } catch {
            // The next write-back of all takes them along.
            counters.countFailure()
        }
    }

    /// The same of the partitions in use, all of them.
    package func cleanInUse(throttle: (Int) -> Bool) {
        let compacted = topics().flatMap(\.partitions).filter {
            $0.log.configuration.compacts && $0.log.recoveryReport != nil
        }
        clean(compacted, throttle: throttle)
    }

    /// What a compaction may write until it asks again.
    private static let cleanedByteCount = 8 << 20

    /// How long compaction is left alone where it found no room to write in.
    private static let roomPauseNanoseconds: UInt64 = 60_000_000_000

    /// Nil where the disk does not say.
    private func hasRoomToClean(_ byteCount: Int) -> Bool? {
        do throws(DiskError) {
            return try space.hasRoom(for: byteCount + Self.cleanedByteCount)
        } catch {
            counters.countFailure()
            return nil
        }
    }

    private func clean(_ partitions: [Partition], throttle: (Int) -> Bool) {
        let now = time.monotonicNanoseconds()
        guard now >= cleaningPause.load(ordering: .relaxed) else { return }
        partitionPauses.withLock { $0 = $0.filter { now < $0.value } }
        for partition in partitions {
            if partitionPauses.withLock({ $0[partition.id] != nil }) { continue }
            guard let hasRoom = hasRoomToClean(0) else { continue }
            var lacksRoom = !hasRoom
            do throws(LogStorageError) {
                if !lacksRoom {
                    _ = try partition.log.clean { byteCount in
                        // What is read is written again, at most: not into the room for commits.
                        let hasRoom = hasRoomToClean(byteCount)
                        lacksRoom = hasRoom == false
                        return hasRoom == true && throttle(byteCount)
                    }
                }
                if lacksRoom, partition.log.mayNeedCleaning(now: time.wallTime()) {
                    cleaningPause.store(now + Self.roomPauseNanoseconds, ordering: .relaxed)
                    noteOnce(
                        "\(partition.name) was not compacted, and is as it was: a compaction "
                            + "writes before it removes, and leaves "
                            + "\(configuration.reservedByteCount) bytes free; free some space, it "
                            + "is tried again"
                    )
                    return
                }
            } catch {
                // Its topic was deleted meanwhile.
                if partition.log.isRetired { continue }
                counters.countFailure()
                let error = BrokerError(error, in: partition.name.description)
                // A folder of its own may lie on another disk: that is its partition's alone.
                let isDiskFull = error.isFull && hasRoomToClean(0) == false
                if isDiskFull {
                    cleaningPause.store(now + Self.roomPauseNanoseconds, ordering: .relaxed)
                } else if error.isFull {
                    partitionPauses.withLock {
                        $0[partition.id] = now + Self.roomPauseNanoseconds
                    }
                }
                noteOnce(
                    "\(partition.name) was not compacted, and is as it was: "
                        + error.description
                )
                if isDiskFull { return }
            }
            guard throttle(0) else { return }
        }
    }
}
