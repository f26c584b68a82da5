import Bytes
import LogModel
import Synchronization
import Threads

/// Writing back: segments come to stand for themselves, and the journal's files are free again.
extension DataDirectory {
    /// Makes the segments stand for everything that the journal vouches for now, notes it in the
    /// checkpoint, and lets the journal's files be used again. With `all`, indexes too, as at an
    /// end.
    package func writeBack(all: Bool) throws(LogStorageError) {
        _ = groups.takeDue()
        try writingBack.withLock { checkpoint throws(LogStorageError) in
            context.appendedByteCount.store(0, ordering: .relaxed)
            let emptied = self.emptied.withLock { $0 }
            let capture = groups.capture()
            if let failure = capture.failure {
                for log in capture.logs { context.register(log) }
                throw failure
            }
            guard !capture.logs.isEmpty || !emptied.isEmpty else { return }
            let outcome = Self.writeBack(capture.logs, all: all)
            var changed = checkpoint
            for (key, value) in outcome.written { changed.partitions[key] = value }
            let gone = Set(table.withLock { $0.deleted.map(\.id) })
            changed.partitions = changed.partitions.filter { !gone.contains($0.key.topicID) }
            // Known from here on, whatever comes of storing it: the next write-back must not free
            // the journal over partitions that only this one knew of.
            checkpoint = changed
            do throws(LogStorageError) {
                // Once a partition's end is known nobody asks it any more.
                try passFoundProducers()
                if !outcome.failed.isEmpty {
                    changed.hasHeldGroups = try hold(outcome.failed, changed)
                }
                changed.replayFrom = capture.sequence
                try store(changed)
            } catch {
                for log in capture.logs { context.register(log) }
                throw error
            }
            checkpoint = changed
            groups.round.withLock { $0.journal.free(below: capture.sequence) }
            for log in capture.logs {
                if let value = outcome.written[log.key] {
                    log.noteCheckpointed(value.place)
                }
            }
            try release(gone, &checkpoint)
            try forget(emptied)
        }
    }

    /// Makes the segments of these partitions alone stand for themselves, and notes it in the
    /// checkpoint. The journal goes on vouching for them too: none of its files is free by it, and
    /// nothing of them has to be held where it fails.
    package func writeBack(of logs: [PartitionLog]) throws(LogStorageError) {
        guard !logs.isEmpty else { return }
        try writingBack.withLock { checkpoint throws(LogStorageError) in
            if let failure = groups.capture(of: logs) { throw failure }
            let outcome = Self.writeBack(logs, all: false)
            var changed = checkpoint
            changed.partitions.merge(outcome.written) { $1 }
            let gone = Set(table.withLock { $0.deleted.map(\.id) })
            changed.partitions = changed.partitions.filter { !gone.contains($0.key.topicID) }
            guard changed != checkpoint else { return }
            // As in a write-back of all.
            checkpoint = changed
            try passFoundProducers()
            try store(changed)
            for log in logs {
                if let value = outcome.written[log.key] { log.noteCheckpointed(value.place) }
            }
        }
    }

    /// Has the next start keep what these partitions have behind their recovery points, as long as
    /// it is whole: nobody could write it back, and it was acknowledged with relaxed durability.
    func keepTails(of logs: [PartitionLog]) throws(LogStorageError) {
        guard !logs.isEmpty else { return }
        try writingBack.withLock { checkpoint throws(LogStorageError) in
            var changed = checkpoint
            for log in logs {
                var value = changed.partitions[log.key] ?? .zero
                // Other doubts have it keep as much.
                if value.doubt.cutsTail { value.doubt = .tailRelaxed }
                changed.partitions[log.key] = value
            }
            try store(changed)
            checkpoint = changed
        }
    }

    /// The last act: all segments end where the checkpoint says, but for those that it names.
    func noteCleanEnd() throws(LogStorageError) {
        do throws(LogStorageError) {
            try writingBack.withLock { checkpoint throws(LogStorageError) in
                // No segment was changed since it was written.
                guard !context.cleanEnd.stands(for: checkpoint) else { return }
                let check = try EndCheck(files)
                var changed = checkpoint
                for topic in topics {
                    for log in partitions(of: topic.id) {
                        var value = changed.partitions[log.key] ?? .zero
                        let isKnown = changed.partitions[log.key] != nil
                        guard value.doubt.cutsTail else { continue }
                        guard let hasMore = try check.hasMore(log.name, than: value) else {
                            continue
                        }
                        // Whoever made them relaxed may have acknowledged them.
                        let isRelaxed = log.configuration.durability != .flushed
                        let doubt: PartitionCheckpoint.Doubt =
                            isRelaxed ? .tailRelaxed : .tailUnacknowledged
                        value.doubt = hasMore ? doubt : .none
                        if hasMore || isKnown { changed.partitions[log.key] = value }
                    }
                }
                if changed != checkpoint {
                    try store(changed)
                    checkpoint = changed
                }
                try context.cleanEnd.store(changed)
            }
        } catch .disk(.full) {
            // The next start takes it for a crash, and finds everything.
            return
        }
    }

    /// Nothing tells of these deleted topics any more: what was not known to be deleted would be
    /// kept, for a table of topics that is put back.
    func forget(_ emptied: Set<UniqueID>) throws(LogStorageError) {
        guard !emptied.isEmpty else { return }
        try change { $0.deleted.removeAll { emptied.contains($0.id) } }
        self.emptied.withLock { $0.subtract(emptied) }
    }

    struct WriteBackOutcome: Sendable {
        var written: [PartitionKey: PartitionCheckpoint] = [:]
        /// What the journal vouches for and the segments do not hold.
        var failed: Set<PartitionKey> = []
    }

    static func writeBack(_ logs: [PartitionLog], all: Bool) -> WriteBackOutcome {
        var outcome = WriteBackOutcome()
        for log in logs {
            do throws(DiskError) {
                outcome.written[log.key] = try log.writeBack(all: all)
            } catch {
                outcome.failed.insert(log.key)
                continue
            }
            if log.isBehindItsJournal { outcome.failed.insert(log.key) }
        }
        return outcome
    }

    /// Keeps what the journal has of these partitions where no reuse reaches it, with what was held
    /// before and is not written back yet; whether there is any.
    private func hold(
        _ keys: Set<PartitionKey>,
        _ checkpoint: DirectoryCheckpoint
    ) throws(LogStorageError) -> Bool {
        let folder = files.path(Self.journalFolder)
        return try onDisk { [context] () throws(DiskError) in
            let held = try HeldGroups.load(disk: context.disk, directory: folder).groups
            let content = try JournalContent.read(
                disk: context.disk,
                directory: folder,
                replayFrom: checkpoint.replayFrom
            )
            let kept =
                HeldGroups.kept(held, where: checkpoint.isBehind)
                + HeldGroups.kept(content.groups) {
                    keys.contains($0.partition) && checkpoint.isBehind($0)
                }
            // That nothing is held any more is noted before the file goes.
            guard !kept.isEmpty else { return checkpoint.hasHeldGroups }
            try HeldGroups.store(
                kept,
                salt: context.disk.randomNumber(),
                disk: context.disk,
                directory: folder
            )
            return true
        }
    }

    /// What is held of partitions of deleted topics goes with them, and what was written back
    /// since. That nothing is held any more is noted before the file goes.
    private func release(
        _ topics: Set<UniqueID>,
        _ checkpoint: inout DirectoryCheckpoint
    ) throws(LogStorageError) {
        guard checkpoint.hasHeldGroups else { return }
        let folder = files.path(Self.journalFolder)
        let held = try onDisk { [context] () throws(DiskError) in
            try HeldGroups.load(disk: context.disk, directory: folder)
        }
        // Whose what is damaged or lost was, a start tells.
        guard held.damages.isEmpty, held.lost.isEmpty else { return }
        let kept = HeldGroups.kept(held.groups) { [checkpoint] in
            !topics.contains($0.partition.topicID) && checkpoint.isBehind($0)
        }
        guard kept.joined().count < held.groups.joined().count else { return }
        if kept.isEmpty {
            var changed = checkpoint
            changed.hasHeldGroups = false
            try store(changed)
            checkpoint = changed
        }
        try onDisk { [context] () throws(DiskError) in
            try HeldGroups.store(
                kept,
                salt: context.disk.randomNumber(),
                disk: context.disk,
                directory: folder
            )
        }
    }

    private func store(_ checkpoint: DirectoryCheckpoint) throws(LogStorageError) {
        try onDisk { [files] () throws(DiskError) in
            try DirectoryRecovery.store(checkpoint, files)
        }
    }
}
