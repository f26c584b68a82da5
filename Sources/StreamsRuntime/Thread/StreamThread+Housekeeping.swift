import LogClient
import LogModel
import StateStores
import Streams

/// What a stream thread does between transactions.
extension StreamThread {
    /// Between transactions: checkpoints of the stores, and the purge of what is of no more use.
    func keepHouse() throws {
        let now = time.monotonicNanoseconds()
        let wallTime = time.wallTime()
        for task in tasks {
            for owned in task.stores {
                owned.store.noteWhole(at: wallTime)
                try checkpoint(owned.store, now: now)
            }
        }
        for reader in globalTables { try checkpoint(reader.store, now: now) }
        let purgeInterval =
            UInt64(configuration.repartitionPurgeIntervalMilliseconds) * 1_000_000
        guard now &- lastPurge >= purgeInterval else { return }
        lastPurge = now
        try purge()
    }

    /// A full disk only delays a checkpoint: the changelog holds everything.
    private func checkpoint(_ store: StateStore, now: UInt64) throws {
        do throws(StoreError) {
            try store.checkpointIfDue(
                now: now,
                interval: UInt64(configuration.checkpointIntervalMilliseconds) * 1_000_000
            )
        } catch {
            guard error.code == .full else { throw error }
            progress.noteDelayedCheckpoint()
        }
    }

    /// Deletes what every committed position has left behind of the job's repartition topics, and
    /// what is too old in changelogs that do not say it by record. A full disk only delays it.
    func purge() throws {
        let names = topology.specification.names
        let topics = Set(
            topology.specification.subtopologies.flatMap(\.repartitions)
                .map(names.repartitionTopic(via:))
        )
        for task in tasks {
            // A position also moves over what was aborted, without a commit.
            for (partition, position) in task.committedPositions
            where topics.contains(partition.topic) {
                guard try deleteRecords(of: partition, before: position) else { return }
            }
            for (changelog, end) in task.purgeableChangelogs {
                guard try deleteRecords(of: changelog, before: end) else { return }
            }
        }
    }

    /// False where the disk is full.
    private func deleteRecords(of partition: TopicPartition, before end: Offset) throws -> Bool {
        do throws(LogClientError) {
            try client.deleteRecords(of: partition, before: end)
            return true
        } catch {
            guard case .full = error else { throw error }
            progress.noteDelayedPurge()
            return false
        }
    }
}
