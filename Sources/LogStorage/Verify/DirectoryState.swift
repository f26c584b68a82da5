import Bytes
import LogModel

/// What a directory's checkpoint and journal say of its partitions, read without changing anything.
struct DirectoryState {
    struct Note {
        var severity = VerificationReport.Finding.Severity.damage
        var file: String
        var reason: String
    }

    var facts: [PartitionKey: PartitionFacts] = [:]
    /// Ranges of segments whose bytes the journal has.
    var journaled: [PartitionKey: [JournalRange]] = [:]
    /// Partitions of which a group only says that their segment was flushed.
    private var flushedInPlace: Set<PartitionKey> = []
    /// Partitions of topics with relaxed durability.
    private var relaxed: Set<PartitionKey> = []
    var notes: [Note] = []
    /// Topics that the checkpoint or the journal knows, and the table neither names nor deleted.
    var unnamedTopics: Set<UniqueID> = []

    static func read(
        _ files: PartitionFiles,
        _ table: TopicTable
    ) throws(LogStorageError) -> DirectoryState {
        var state = DirectoryState()
        let name = "\(DataDirectory.ownFolder)/\(DirectoryCheckpoint.fileName)"
        let bytes = try onDisk { () throws(DiskError) in
            try files.content(of: files.path(name))
        }
        let checkpoint = bytes.flatMap { DirectoryCheckpoint($0) }
        if checkpoint == nil {
            let what = bytes == nil ? "the file is missing" : "its checksum or form is not right"
            state.notes.append(Note(file: name, reason: what))
        }
        if try ProducerIDBlock.load(files) == nil {
            state.notes.append(
                Note(
                    severity: .note,
                    file: ProducerIDBlock.fileName,
                    reason:
                        "it is missing or damaged: a start finds the last id that was given out "
                        + "by the records, and the file is made anew with the next"
                )
            )
        }
        let journal = try Journaled(files, checkpoint)
        let isKnown = checkpoint != nil && journal.lost.isEmpty
        for topic in table.topics.values {
            for index in 0..<topic.partitionCount {
                let key = PartitionKey(topicID: topic.id, partition: PartitionIndex(index))
                if topic.saysRelaxed { state.relaxed.insert(key) }
                state.facts[key] = PartitionFacts(
                    checkpoint?.partitions[key],
                    isKnown: isKnown,
                    isRelaxed: topic.saysRelaxed
                )
            }
        }
        state.add(journal, files)
        let journaled = (journal.held.groups + journal.content.groups).joined()
        state.unnamedTopics = Set(checkpoint?.partitions.keys.map(\.topicID) ?? [])
            .union(journaled.map(\.entry.partition.topicID))
            .subtracting(table.topics.values.map(\.id))
            .subtracting(table.deleted.map(\.id))
        if let checkpoint, isKnown { try state.compareEnds(files, table, checkpoint) }
        state.noteDoubts(table, isKnown: isKnown)
        return state
    }

    /// What the journal has, and what is held of it, as the next start reads it.
    private struct Journaled {
        var held: HeldGroups.Content
        var content: JournalContent

        var lost: [String] { content.lost + held.lost }

        init(
            _ files: PartitionFiles,
            _ checkpoint: DirectoryCheckpoint?
        ) throws(LogStorageError) {
            let folder = files.path(DataDirectory.journalFolder)
            (held, content) = try onDisk { () throws(DiskError) in
                (
                    try HeldGroups.load(
                        disk: files.disk,
                        directory: folder,
                        isExpected: checkpoint?.hasHeldGroups ?? false
                    ),
                    try JournalContent.read(
                        disk: files.disk,
                        directory: folder,
                        replayFrom: checkpoint?.replayFrom
                    )
                )
            }
        }
    }

    /// After a clean end a folder that holds more than the checkpoint knows is of another time.
    private mutating func compareEnds(
        _ files: PartitionFiles,
        _ table: TopicTable,
        _ checkpoint: DirectoryCheckpoint
    ) throws(LogStorageError) {
        let end = CleanEnd(directory: files.directory, disk: files.disk)
        guard end.stands(for: checkpoint) else { return }
        let check = try EndCheck(files)
        for topic in table.topics.values {
            for index in 0..<topic.partitionCount {
                let key = PartitionKey(topicID: topic.id, partition: PartitionIndex(index))
                let name = TopicPartition(topic.name, key.partition)
                guard let known = facts[key], known.recovery.doubt == .none,
                    try check.hasMore(name, than: known.recovery) == true
                else { continue }
                facts[key]?.tail = .unknown(DirectoryRecovery.otherTime)
            }
        }
    }

    /// What an earlier start could not settle, and left to the checkpoint to remember.
    private mutating func noteDoubts(_ table: TopicTable, isKnown: Bool) {
        for topic in table.topics.values.sorted(by: { $0.name < $1.name }) {
            for index in 0..<topic.partitionCount {
                let key = PartitionKey(topicID: topic.id, partition: PartitionIndex(index))
                guard let known = facts[key] else { continue }
                let folder = "\(topic.name)-\(index)"
                if let suspicion = known.suspicion {
                    let what = "\(suspicion): records may be missing, and it takes no more"
                    notes.append(Note(file: folder, reason: what))
                } else if isKnown, case .unknown(let reason) = known.tail {
                    let what = "\(reason): its last records may be missing; nothing of it is cut"
                    notes.append(Note(severity: .note, file: folder, reason: what))
                }
            }
        }
    }

    private mutating func add(_ journal: Journaled, _ files: PartitionFiles) {
        for reason in journal.lost {
            notes.append(Note(file: DataDirectory.journalFolder, reason: reason))
        }
        for item in journal.held.groups.joined() { add(item.entry, isHeld: true) }
        for item in journal.content.groups.joined() { add(item.entry, isHeld: false) }
        for damage in journal.held.damages + journal.content.damages {
            let file = damage.file.dropFirst(files.directory.utf8.count + 1)
            notes.append(Note(file: String(file), reason: damage.reason))
            for key in damage.partitions ?? Array(facts.keys) { facts[key]?.note(damage) }
        }
        let held = journal.held.groups.joined().map(\.entry).filter { entry in
            facts[entry.partition].map { entry.end > $0.recovery.place.offset } ?? true
        }
        noteHeld(held.map(\.partition))
    }

    /// What could not be written back, by a start or since, is kept until it can be.
    private mutating func noteHeld(_ keys: [PartitionKey]) {
        let count = Set(keys).count
        guard count > 0 else { return }
        let file = "\(DataDirectory.journalFolder)/\(HeldGroups.fileName)"
        let whose = count == 1 ? "1 partition" : "\(count) partitions"
        notes.append(
            Note(
                severity: .note,
                file: file,
                reason: "it keeps what could not be written back of \(whose): the next start tries "
                    + "again"
            )
        )
    }

    /// Whether segments must be there: something was acknowledged that the journal does not have
    /// from its first byte on.
    func needsSegments(_ key: PartitionKey) -> Bool {
        guard let known = facts[key], known.end.offset > known.logStart else { return false }
        return known.recovery.place.offset > known.logStart || flushedInPlace.contains(key)
            || journaled[key]?.first?.position != 0
    }

    private mutating func add(_ entry: JournalEntry, isHeld: Bool) {
        guard var known = facts[entry.partition] else { return }
        known.logStart = max(known.logStart, entry.logStart)
        if entry.end > known.recovery.place.offset, let last = entry.ranges.last {
            known.end = LogPlace(
                offset: entry.end,
                segment: last.segment,
                position: last.position + Int64(last.byteCount)
            )
            // As the next start has it.
            if !isHeld { known.noteGroup(isRelaxed: relaxed.contains(entry.partition)) }
            journaled[entry.partition, default: []] += entry.ranges.filter(\.isInRecord)
            if entry.ranges.contains(where: { !$0.isInRecord && $0.position > 0 }) {
                flushedInPlace.insert(entry.partition)
            }
        }
        facts[entry.partition] = known
    }
}
