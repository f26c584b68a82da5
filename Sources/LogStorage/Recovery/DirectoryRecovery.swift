import Bytes
import LogModel

/// What a directory begins with.
struct RecoveredDirectory: Sendable {
    var logs: [UniqueID: [PartitionLog]] = [:]
    var checkpoint = DirectoryCheckpoint()
    var journal: Journal
    var notes: [String] = []
    /// Topics that the table does not name, and did not delete: it may be put back.
    var unnamedTopics: Set<UniqueID> = []
    var replayedByteCount: Int64 = 0
}

/// Opens a directory's journal: what its groups vouch for is written into the segments again,
/// flushed there, and noted in a new checkpoint, before anything of it is served.
///
/// Bytes are written even where they are there already: where an earlier owner's flush failed, the
/// system counts pages as clean that the disk never got.
struct DirectoryRecovery {
    let files: PartitionFiles
    let context: LogContext
    private let table: TopicTable
    private var checkpoint = DirectoryCheckpoint()
    var facts: [PartitionKey: PartitionFacts] = [:]
    var names: [PartitionKey: TopicPartition] = [:]
    var recovered: RecoveredDirectory
    /// Partitions whose part of a group could not be written.
    private var refused: Set<PartitionKey> = []
    private var segments = SegmentReplay()

    private var journalFolder: String { files.path(DataDirectory.journalFolder) }

    init(files: PartitionFiles, context: LogContext, table: TopicTable) {
        self.files = files
        self.context = context
        self.table = table
        recovered = RecoveredDirectory(
            journal: Journal(
                disk: context.disk,
                directory: files.path(DataDirectory.journalFolder),
                configuration: context.journal,
                nextSequence: 1
            )
        )
        for topic in table.topics.values {
            for index in 0..<topic.partitionCount {
                let key = PartitionKey(topicID: topic.id, partition: PartitionIndex(index))
                names[key] = TopicPartition(topic.name, PartitionIndex(index))
            }
        }
    }

    mutating func run() throws(LogStorageError) -> RecoveredDirectory {
        var isKnown = try loadCheckpoint()
        let content = try readJournal(isKnown: isKnown)
        let isHeld = checkpoint.hasHeldGroups
        let held = try onDisk { [context, journalFolder] () throws(DiskError) in
            try HeldGroups.load(
                disk: context.disk,
                directory: journalFolder,
                isExpected: isHeld
            )
        }
        for reason in content.lost + held.lost {
            recovered.notes.append(
                "\(reason): every partition is read whole when it is used, and nothing is cut"
            )
            isKnown = false
        }
        gatherFacts(isKnown: isKnown)
        if isKnown, context.cleanEnd.stands(for: checkpoint) { try compareEnds() }
        let groups = held.groups + content.groups
        for item in held.groups.joined() { replay(item, isHeld: true) }
        for item in content.groups.joined() { replay(item, isHeld: false) }
        for damage in held.damages + content.damages { note(damage) }
        makeLogs()
        try settle(
            groups,
            content,
            heldBefore: Set(held.groups.joined().map(\.entry.partition)),
            heldHasLost: !held.lost.isEmpty,
            isKnown: isKnown
        )
        recovered.replayedByteCount = content.readByteCount
        return recovered
    }

    // MARK: What lies there

    /// False where there is no checkpoint to go by.
    private mutating func loadCheckpoint() throws(LogStorageError) -> Bool {
        let path = files.path("\(DataDirectory.ownFolder)/\(DirectoryCheckpoint.fileName)")
        let bytes = try onDisk { [files] () throws(DiskError) in
            try files.readableContent(of: path)
        }
        if let bytes, let found = DirectoryCheckpoint(bytes) {
            checkpoint = found
            return true
        }
        recovered.notes.append(
            "\(path) is \(bytes == nil ? "missing" : "damaged"): every partition is read whole "
                + "when it is used, and nothing is cut"
        )
        return false
    }

    private func readJournal(isKnown: Bool) throws(LogStorageError) -> JournalContent {
        let from = isKnown ? checkpoint.replayFrom : nil
        return try onDisk { [context, journalFolder] () throws(DiskError) in
            try JournalContent.read(
                disk: context.disk,
                directory: journalFolder,
                replayFrom: from
            )
        }
    }

    private mutating func gatherFacts(isKnown: Bool) {
        var unusable: [UniqueID: String] = [:]
        for topic in table.topics.values {
            guard let reason = Self.words(ofUnusable: topic, in: files) else { continue }
            unusable[topic.id] = reason
            recovered.notes.append("\(reason); its partitions are offline")
        }
        for key in names.keys {
            var known = PartitionFacts(
                checkpoint.partitions[key],
                isKnown: isKnown,
                isRelaxed: names[key].map { isRelaxed($0.topic) } ?? false
            )
            if let reason = unusable[key.topicID] {
                known.offlineReason = reason
                // What the journal has of it is kept until the options can be used.
                refused.insert(key)
            }
            facts[key] = known
        }
    }

    /// Why the options of a topic keep its partitions offline; nil if they do not.
    static func words(ofUnusable topic: TopicDefinition, in files: PartitionFiles) -> String? {
        do throws(LogStorageError) {
            _ = try LogConfiguration(topicOptions: topic.options)
            return nil
        } catch {
            return "the options of topic \(topic.name) in \(files.path(TopicTable.fileName)) "
                + "cannot be used: \(error)"
        }
    }

    private func isRelaxed(_ topic: String) -> Bool {
        table.topics[topic]?.saysRelaxed ?? false
    }

    // MARK: Replay

    /// Writes a partition's part of a group into its segments. Where that cannot be done just now
    /// nothing more of the partition is written: all of it waits, and stays in the journal.
    private mutating func replay(_ item: JournalContent.HeldEntry, isHeld: Bool) {
        let entry = item.entry
        let key = entry.partition
        guard var known = facts[key], let name = names[key] else { return }
        known.logStart = max(known.logStart, entry.logStart)
        facts[key] = known
        guard entry.end > known.recovery.place.offset, known.offlineReason == nil else { return }
        if known.replayObstacle == nil {
            do throws(LogStorageError) {
                try segments.write(item, to: PartitionFiles(files, of: name))
            } catch {
                refused.insert(key)
                if error.letsReplayWait {
                    known.replayObstacle = SegmentReplay.reason(error)
                } else {
                    known.offlineReason = SegmentReplay.reason(error)
                }
            }
        }
        if let last = entry.ranges.last {
            known.end = LogPlace(
                offset: entry.end,
                segment: last.segment,
                position: last.position + Int64(last.byteCount)
            )
            // A held one is older than the doubt.
            if !isHeld { known.noteGroup(isRelaxed: isRelaxed(name.topic)) }
        }
        facts[key] = known
    }

    private mutating func note(_ damage: JournalDamage) {
        let text = damage.description
        recovered.notes.append(
            damage.partitions == nil
                ? "\(text); it cannot be read whose it was, so every partition is read-only"
                : text
        )
        for key in damage.partitions ?? Array(Set(names.keys).union(checkpoint.partitions.keys)) {
            guard var known = facts[key] else {
                // Of a topic that the table does not name now.
                checkpoint.partitions[key]?.doubt = .recordsMissing
                continue
            }
            known.note(damage)
            facts[key] = known
            refused.insert(key)
        }
    }

    // MARK: Settling

    private mutating func makeLogs() {
        for topic in table.topics.values {
            // With options that cannot be used its partitions are offline.
            let configuration =
                (try? LogConfiguration(topicOptions: topic.options)) ?? LogConfiguration()
            recovered.logs[topic.id] = DataDirectory.makeLogs(
                topic,
                configuration,
                files,
                context
            ) { facts[$0] ?? .empty }
        }
    }

    /// Opens what was replayed, flushes it, and notes in the checkpoint that the journal is not
    /// needed for it any more. What cannot be opened is held.
    private mutating func settle(
        _ groups: [[JournalContent.HeldEntry]],
        _ content: JournalContent,
        heldBefore: Set<PartitionKey>,
        heldHasLost: Bool,
        isKnown: Bool
    ) throws(LogStorageError) {
        let told = Set(groups.joined().map(\.entry.partition))
        let keys = told.filter { facts[$0] != nil }
        // A table that was put back from a copy may come to know them again.
        let gone = Set(table.deleted.map(\.id))
        let unnamed = told.filter { facts[$0] == nil && !gone.contains($0.topicID) }
        var written = checkpoint
        written.partitions = written.partitions.filter { !gone.contains($0.key.topicID) }
        if !isKnown {
            for key in written.partitions.keys where facts[key] == nil {
                written.partitions[key]?.doubt = .endUnknown
            }
        }
        noteUnnamed(unnamed.union(written.partitions.keys.filter { facts[$0] == nil }))
        written.replayFrom = content.next
        for (key, known) in facts where known.recovery.doubt != .none || !isKnown {
            var value = known.recovery
            if !isKnown, value.doubt != .recordsMissing { value.doubt = .endUnknown }
            written.partitions[key] = value
        }
        var failed = unnamed
        if !keys.isEmpty || !refused.isEmpty || !unnamed.isEmpty {
            let logs = recovered.logs.values.joined().filter { keys.contains($0.key) }
            let outcome = Self.writeBack(Array(logs), refused: refused.union(unnamed))
            failed = outcome.failed
            written.partitions.merge(outcome.written) { $1 }
            // Until the checkpoint stands for the others, what is held of them stays.
            if !failed.isEmpty { try hold(groups, failed.union(heldBefore)) }
        }
        written.hasHeldGroups = groups.joined().contains { failed.contains($0.entry.partition) }
        try onDisk { [context, files, journalFolder] () throws(DiskError) in
            let own = files.path(DataDirectory.ownFolder)
            for (folder, parent) in [(own, files.directory), (journalFolder, own)]
            where try context.disk.kind(of: folder) == nil {
                try context.disk.createDirectory(folder)
                try context.disk.syncDirectory(parent)
            }
        }
        if written != checkpoint {
            try ProducerIDBlock.pass(context.highestFoundProducer, files)
            try onDisk { [files] () throws(DiskError) in try Self.store(written, files) }
        }
        // What a damaged one has lost is in doubt by the checkpoint now.
        if heldHasLost || !heldBefore.isSubset(of: failed) { try hold(groups, failed) }
        for log in recovered.logs.values.joined() where log.recoveryReport != nil {
            if let value = written.partitions[log.key] { log.noteCheckpointed(value.place) }
        }
        recovered.checkpoint = written
        try onDisk { [context, journalFolder] () throws(DiskError) in
            var journal = Journal(
                disk: context.disk,
                directory: journalFolder,
                configuration: context.journal,
                nextSequence: written.replayFrom
            )
            try journal.takeOver(try context.disk.list(journalFolder))
            recovered.journal = journal
        }
    }

    private mutating func noteUnnamed(_ keys: Set<PartitionKey>) {
        recovered.unnamedTopics = Set(keys.map(\.topicID))
        recovered.notes += UnnamedTopics(files).note(keys).map { [$0] } ?? []
    }

    private func hold(
        _ groups: [[JournalContent.HeldEntry]],
        _ keys: Set<PartitionKey>
    ) throws(LogStorageError) {
        try onDisk { [context, journalFolder] () throws(DiskError) in
            try HeldGroups.store(
                HeldGroups.kept(groups) { keys.contains($0.partition) },
                salt: context.disk.randomNumber(),
                disk: context.disk,
                directory: journalFolder
            )
        }
    }

    private static func writeBack(
        _ logs: [PartitionLog],
        refused: Set<PartitionKey>
    ) -> (failed: Set<PartitionKey>, written: [PartitionKey: PartitionCheckpoint]) {
        var failed = refused
        var opened: [PartitionLog] = []
        for log in logs {
            do throws(LogStorageError) {
                try log.wake()
                log.captureIfSettled()
                opened.append(log)
            } catch {
                failed.insert(log.key)
            }
        }
        let outcome = DataDirectory.writeBack(opened, all: false)
        failed.formUnion(outcome.failed)
        return (failed, outcome.written.filter { !failed.contains($0.key) })
    }

    static func store(_ checkpoint: DirectoryCheckpoint, _ files: PartitionFiles) throws(DiskError)
    {
        let own = PartitionFiles(
            disk: files.disk,
            directory: files.path(DataDirectory.ownFolder)
        )
        try own.replace(own.path(DirectoryCheckpoint.fileName), with: checkpoint.encoded)
        try own.disk.syncDirectory(own.directory)
    }
}
