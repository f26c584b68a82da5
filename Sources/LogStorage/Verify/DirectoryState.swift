import LogModel

/// What a directory's checkpoint and journal say of its partitions, read without changing anything.
struct DirectoryState {
    struct Note {
        var file: String
        var reason: String
    }

    var facts: [PartitionKey: PartitionFacts] = [:]
    /// Ranges of segments whose bytes the journal has.
    var journaled: [PartitionKey: [JournalRange]] = [:]
    var notes: [Note] = []

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
                Note(file: ProducerIDBlock.fileName, reason: "it is missing or damaged")
            )
        }
        for topic in table.topics.values {
            for index in 0..<topic.partitionCount {
                let key = PartitionKey(topicID: topic.id, partition: PartitionIndex(index))
                var facts = checkpoint?.partitions[key].map { PartitionFacts($0) } ?? .empty
                if checkpoint == nil { facts.tail = .unknown("the checkpoint is lost") }
                state.facts[key] = facts
                if let suspicion = facts.suspicion {
                    state.notes.append(Note(file: "\(topic.name)-\(index)", reason: suspicion))
                }
            }
        }
        try state.addJournal(files, from: checkpoint?.replayFrom)
        return state
    }

    /// What an earlier start found of the journal.
    private mutating func addJournal(
        _ files: PartitionFiles,
        from sequence: UInt64?
    ) throws(LogStorageError) {
        let folder = files.path(DataDirectory.journalFolder)
        let (held, content) = try onDisk { () throws(DiskError) in
            (
                try HeldGroups.load(disk: files.disk, directory: folder),
                try JournalContent.read(
                    disk: files.disk,
                    directory: folder,
                    replayFrom: sequence
                )
            )
        }
        for reason in content.lost {
            notes.append(Note(file: DataDirectory.journalFolder, reason: reason))
        }
        for damage in held.damages + content.damages {
            let file = damage.file.dropFirst(files.directory.utf8.count + 1)
            notes.append(Note(file: String(file), reason: damage.reason))
        }
        for item in (held.groups + content.groups).joined() { add(item.entry) }
    }

    private mutating func add(_ entry: JournalEntry) {
        guard var known = facts[entry.partition] else { return }
        known.logStart = max(known.logStart, entry.logStart)
        if entry.end > known.recovery.place.offset, let last = entry.ranges.last {
            known.end = LogPlace(
                offset: entry.end,
                segment: last.segment,
                position: last.position + Int64(last.byteCount)
            )
            journaled[entry.partition, default: []] += entry.ranges.filter(\.isInRecord)
        }
        facts[entry.partition] = known
    }
}
