package import Bytes
package import LogModel
import Synchronization
import Threads

/// A data directory: one owner, its format, its topics, and the journal that makes appends of all
/// of them durable.
///
///     meta.properties       with our format's number
///     millrace.topics       topics with their ids and options, one a line
///     millrace.lock         locked by the owner, names it
///     .millrace/checkpoint  up to where the segments stand for themselves
///     .millrace/journal/    groups that vouch for what lies behind
///     <topic>-<partition>/  one folder for each partition that was ever written to
package final class DataDirectory: Sendable {
    package let path: String
    package let groups: GroupCommit
    /// What the opening found that a person should know, a line each.
    package let notes: [String]
    /// Bytes of the journal that the opening read.
    package let replayedByteCount: Int64
    private let files: PartitionFiles
    private let lock: any DiskLock
    let context: LogContext
    private let table: Lock<TopicTable>
    private let changing = Lock<Void>(())
    /// Held by whoever removes the folders of deleted topics. Before `changing`.
    private let removing = Lock<Void>(())
    private let logs: Lock<[UniqueID: [PartitionLog]]>
    /// Deleted topics whose folders are gone: their names may go once no group tells of them.
    private let emptied = Lock<Set<UniqueID>>([])
    /// One write-back at a time.
    private let writingBack: Lock<DirectoryCheckpoint>

    package static let lockFile = "millrace.lock"
    static let ownFolder = ".millrace"
    static let journalFolder = ".millrace/journal"

    init(
        files: PartitionFiles,
        lock: any DiskLock,
        context: LogContext,
        table: TopicTable,
        recovered: RecoveredDirectory
    ) {
        path = files.directory
        self.files = files
        self.lock = lock
        self.context = context
        self.table = Lock(table)
        logs = Lock(recovered.logs)
        notes = recovered.notes
        replayedByteCount = recovered.replayedByteCount
        writingBack = Lock(recovered.checkpoint)
        groups = GroupCommit(context: context, journal: recovered.journal)
        groups.onFull { [unowned self] in
            do throws(LogStorageError) {
                try self.writeBack(all: false)
                return nil
            } catch { return error }
        }
    }

    /// What all partitions share knows the partitions, and they know it.
    deinit {
        _ = context.takeDirty()
        context.pool.removeAll()
    }

    /// Takes a directory, making it if need be and `creates`.
    ///
    /// - Throws: `.disk(.locked)` if another process has it; `.noDirectory`, `.kafkaDirectory`,
    ///   `.foreignDirectory` and `.otherFormat` for what is no data directory of this format.
    package static func open(
        disk: any Disk,
        path: String,
        owner: String,
        creates: Bool,
        time: any TimeSource,
        journal: JournalConfiguration = JournalConfiguration()
    ) throws(LogStorageError) -> DataDirectory {
        let files = PartitionFiles(disk: disk, directory: path)
        let isNew = try DirectoryFormat.check(files, creates: creates)
        let lock = try onDisk { () throws(DiskError) in
            if isNew { try DirectoryFormat.createWithParents(path, disk) }
            return try disk.lock(files.path(lockFile), owner: owner)
        }
        do throws(LogStorageError) {
            // Looked at again under the lock: another process may have made it meanwhile.
            if try DirectoryFormat.check(files, creates: creates) {
                try DirectoryFormat.make(files)
            }
            let context = LogContext(disk: disk, time: time, journal: journal)
            let table = try TopicTable.load(files)
            var recovery = DirectoryRecovery(files: files, context: context, table: table)
            let directory = DataDirectory(
                files: files,
                lock: lock,
                context: context,
                table: table,
                recovered: try recovery.run()
            )
            // What cannot be removed now is tried again by the next start: it is in nobody's way.
            if (try? directory.removeLeftovers()) != nil {
                // The recovery has kept nothing of them.
                try? directory.forget(directory.emptied.withLock { $0 })
            }
            return directory
        } catch {
            lock.close()
            throw error
        }
    }

    /// Flushes of files since the directory was opened, journal and segments.
    package var fdatasyncCount: Int { context.fdatasyncCount }

    /// Bytes written to the journal since the directory was opened.
    package var journalByteCount: Int64 { groups.round.withLock { $0.journal.byteCount } }

    // MARK: Topics

    /// The topics of a directory that is not opened for it, by name.
    package static func topics(
        disk: any Disk,
        path: String
    ) throws(LogStorageError) -> [TopicDefinition] {
        try TopicTable.load(PartitionFiles(disk: disk, directory: path))
            .topics.values.sorted { $0.name < $1.name }
    }

    /// Every topic, by name.
    package var topics: [TopicDefinition] {
        table.withLock { $0.topics.values.sorted { $0.name < $1.name } }
    }

    /// The partitions of a topic, in order.
    package func partitions(of id: UniqueID) -> [PartitionLog] { logs.withLock { $0[id] ?? [] } }

    /// Creates a topic: one step, its line in the table. Folders are made at the first append.
    ///
    /// - Throws: `.invalidConfiguration` for options that make no sense; `.foreignDirectory` where
    ///   a folder that one of its partitions needs is somebody else's.
    package func createTopic(
        _ name: String,
        id: UniqueID,
        partitionCount: Int32,
        options: [String: String]
    ) throws(LogStorageError) -> [PartitionLog] {
        let configuration = try Self.configuration(options)
        try refuseForeignFolders(of: name)
        let definition = TopicDefinition(
            name: name,
            id: id,
            partitionCount: partitionCount,
            options: options
        )
        try change { $0.topics[name] = definition }
        let made = Self.makeLogs(definition, configuration, files, context) { _ in .empty }
        logs.withLock { $0[id] = made }
        return made
    }

    static func configuration(
        _ options: [String: String]
    ) throws(LogStorageError) -> LogConfiguration {
        for (key, value) in options where (key + value).contains(where: \.isWhitespace) {
            throw .invalidConfiguration("\(key)=\(value): an option has no spaces")
        }
        return try LogConfiguration(topicOptions: options)
    }

    /// Makes options of a topic other ones, from now on; one change at a time. Does nothing if the
    /// topic is gone by then.
    package func alterTopic(
        _ name: String,
        id: UniqueID,
        options: [String: String]
    ) throws(LogStorageError) {
        let configuration = try Self.configuration(options)
        guard let topic = table.withLock({ $0.topics[name] }), topic.id == id else { return }
        let logs = partitions(of: topic.id)
        // Options that cannot be used are no reason to keep them.
        let before = (try? Self.configuration(topic.options)) ?? LogConfiguration()
        let becomesFlushed = before.durability != .flushed && configuration.durability == .flushed
        if becomesFlushed {
            // What was acknowledged so far nothing vouches for: the next start would cut it.
            for log in logs {
                log.configuration.durability = .flushed
                log.needsWriteBack()
            }
        }
        do throws(LogStorageError) {
            if becomesFlushed { try writeBack(all: false) }
            // Another topic may have the name by now.
            try change { if $0.topics[name]?.id == id { $0.topics[name]?.options = options } }
        } catch {
            for log in logs { log.configuration = before }
            throw error
        }
        for log in logs { log.configuration = configuration }
    }

    /// Takes a topic out of the table: from here on it does not exist. Then its files go; a
    /// folder that stays is an error all the same.
    ///
    /// On a full disk there is no room for the table's new text: there the records go first. A
    /// crash in between leaves the topic without them, to be deleted again.
    package func removeTopic(_ name: String) throws(LogStorageError) {
        guard let definition = table.withLock({ $0.topics[name] }) else { return }
        // By their marks the folders are known again, should the power go before they are removed.
        for log in partitions(of: definition.id) {
            try onDisk { () throws(DiskError) in try log.flushMark() }
        }
        do throws(LogStorageError) { try strike(definition) } catch .disk(.full) {
            try removeRecords(of: definition)
            try strike(definition)
        }
        let retired = logs.withLock { $0.removeValue(forKey: definition.id) } ?? []
        for log in retired { log.retire("the topic was deleted") }
        let left = try removeLeftovers()
        if let own = left.first(where: { $0.topic.id == definition.id }) { throw own.error }
    }

    private func strike(_ definition: TopicDefinition) throws(LogStorageError) {
        try change { table in
            table.topics[definition.name] = nil
            table.deleted.append(definition)
        }
    }

    /// Removes the files of a topic that is about to go, so that there is room to say so; by
    /// their marks its folders stay known.
    private func removeRecords(of definition: TopicDefinition) throws(LogStorageError) {
        for log in partitions(of: definition.id) { log.retire("the topic is being deleted") }
        for folder in try folders(of: definition.name)
        where try isLeftover(folder, of: definition) {
            let partition = PartitionFiles(disk: files.disk, directory: files.path(folder))
            try onDisk { () throws(DiskError) in try Self.removeFiles(of: partition) }
        }
    }

    /// One change of the table at a time, durable before it counts.
    private func change(_ body: (inout TopicTable) -> Void) throws(LogStorageError) {
        try changing.withLock { _ throws(LogStorageError) in
            var changed = table.withLock { $0 }
            body(&changed)
            try changed.store(files)
            table.withLock { [changed] in $0 = changed }
        }
    }

    static func makeLogs(
        _ topic: TopicDefinition,
        _ configuration: LogConfiguration,
        _ files: PartitionFiles,
        _ context: LogContext,
        facts: (PartitionKey) -> PartitionFacts
    ) -> [PartitionLog] {
        (0..<topic.partitionCount).map { index in
            let key = PartitionKey(topicID: topic.id, partition: PartitionIndex(index))
            let name = TopicPartition(topic.name, PartitionIndex(index))
            return PartitionLog(
                name: name,
                key: key,
                directory: files.path(name.description),
                configuration: configuration,
                context: context,
                facts: facts(key)
            )
        }
    }

    // MARK: Producer ids

    /// Ids below this were given out, or are named by what was imported. Where the file that says
    /// so is lost, every partition's producers are asked.
    package func grantedProducerIDs() throws(LogStorageError) -> ProducerID {
        if let granted = try ProducerIDBlock.load(files) { return granted }
        var highest: Int64 = -1
        var isWhole = true
        for log in logs.withLock({ $0.values.flatMap(\.self) }) {
            guard let producers = try? log.activeProducers else {
                isWhole = false
                continue
            }
            highest = producers.reduce(highest) { max($0, $1.producerID.rawValue) }
        }
        // One that cannot be opened now may be put back, with ids that nobody told of.
        let distance: Int64 = isWhole ? 1 : 1 << 40
        return ProducerID(highest <= Int64.max - distance ? highest + distance : Int64.max)
    }

    /// Makes the end of a block durable, before an id of it is used.
    package func grantProducerIDs(upTo end: ProducerID) throws(LogStorageError) {
        try ProducerIDBlock.store(end, files)
    }

    /// Producers of imported records keep their ids: nobody else is given one.
    private func passImportedProducers() throws(LogStorageError) {
        let highest = context.importedProducerID.load(ordering: .relaxed)
        guard highest >= 0, highest < Int64.max else { return }
        let granted = try grantedProducerIDs()
        guard granted.rawValue <= highest else { return }
        try grantProducerIDs(upTo: ProducerID(highest + 1))
    }

    // MARK: Folders of others

    /// Folders named like partitions of this topic must be nobody else's. What deleted topics of
    /// other names have left is in nobody's way.
    private func refuseForeignFolders(of name: String) throws(LogStorageError) {
        if let own = try removeLeftovers().first(where: { $0.topic.name == name }) {
            throw own.error
        }
        for folder in try folders(of: name) where try !isEmpty(folder) {
            throw .foreignDirectory(files.path(folder))
        }
    }

    private func folders(of name: String) throws(LogStorageError) -> [String] {
        let files = files
        let names = try onDisk { () throws(DiskError) in try files.disk.list(files.directory) }
        return names.filter { TopicPartition(folder: $0)?.topic == name }
    }

    private func isEmpty(_ folder: String) throws(LogStorageError) -> Bool {
        let files = files
        return try onDisk { () throws(DiskError) in
            try files.disk.list(files.path(folder)).isEmpty
        }
    }

    /// Whether a folder is one of a deleted topic's: by its mark, or because a removal was cut
    /// short behind the mark's own, or a crash left the mark torn.
    private func isLeftover(
        _ folder: String,
        of topic: TopicDefinition
    ) throws(LogStorageError) -> Bool {
        if try owner(of: folder) == topic.id { return true }
        guard let number = TopicPartition(folder: folder)?.partition,
            number.rawValue < topic.partitionCount
        else { return false }
        let files = PartitionFiles(disk: files.disk, directory: files.path(folder))
        let names = try onDisk { () throws(DiskError) in try files.disk.list(files.directory) }
        if names.isEmpty { return true }
        // A topic that bears the name now may have been torn likewise.
        guard names.contains(LogRecovery.metadataFile),
            table.withLock({ $0.topics[topic.name] == nil })
        else { return false }
        do throws(LogStorageError) {
            let key = PartitionKey(topicID: topic.id, partition: number)
            return try !LogRecovery.checkOwner(files, key, names)
        } catch .offline { return false }
    }

    /// The topic that a folder says it belongs to; nil if it says nothing.
    private func owner(of folder: String) throws(LogStorageError) -> UniqueID? {
        let path = files.path("\(folder)/\(LogRecovery.metadataFile)")
        let files = files
        let bytes = try onDisk { () throws(DiskError) in try files.content(of: path) }
        return bytes.flatMap(LogRecovery.topicID)
    }

    /// Removes the folders of deleted topics: those that carry their id, and only those. What
    /// cannot be removed stops no other; it is returned, and tried again later.
    private func removeLeftovers() throws(LogStorageError) -> [Leftover] {
        // One at a time: another topic may have a folder's name once it was removed.
        try removing.withLock { _ throws(LogStorageError) in try removeLeftoversAlone() }
    }

    private func removeLeftoversAlone() throws(LogStorageError) -> [Leftover] {
        let known = emptied.withLock { $0 }
        let deleted = table.withLock { $0.deleted }.filter { !known.contains($0.id) }
        guard !deleted.isEmpty else { return [] }
        var left: [Leftover] = []
        for topic in deleted {
            for folder in try folders(of: topic.name) {
                do throws(LogStorageError) {
                    if try isLeftover(folder, of: topic) { try removeFolder(folder) }
                } catch {
                    left.append(Leftover(topic: topic, error: error))
                }
            }
        }
        let files = files
        try onDisk { () throws(DiskError) in try files.disk.syncDirectory(files.directory) }
        let gone = Set(deleted.map(\.id)).subtracting(left.map(\.topic.id))
        emptied.withLock { $0.formUnion(gone) }
        return left
    }

    private struct Leftover {
        var topic: TopicDefinition
        var error: LogStorageError
    }

    private func removeFolder(_ folder: String) throws(LogStorageError) {
        let files = PartitionFiles(disk: files.disk, directory: files.path(folder))
        try onDisk { () throws(DiskError) in
            // The mark goes last: what a crash leaves, or what stays, is still known to be ours.
            try Self.removeFiles(of: files)
            try files.removeIfPresent(files.path(LogRecovery.metadataFile))
            try files.disk.removeDirectory(files.directory)
        }
    }

    /// Removes all of a folder but its mark, as far as that goes.
    private static func removeFiles(of files: PartitionFiles) throws(DiskError) {
        var failure: DiskError?
        for name in try files.disk.list(files.directory) where name != LogRecovery.metadataFile {
            do throws(DiskError) { try files.disk.remove(files.path(name)) } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        try files.disk.syncDirectory(files.directory)
    }

    // MARK: Writing back

    /// Makes the segments stand for everything that the journal vouches for now, notes it in the
    /// checkpoint, and lets the journal's files be used again. With `all`, indexes too, as at an
    /// end.
    package func writeBack(all: Bool) throws(LogStorageError) {
        _ = groups.takeDue()
        try writingBack.withLock { checkpoint throws(LogStorageError) in
            try passImportedProducers()
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
                if !outcome.failed.isEmpty { try hold(outcome.failed, changed) }
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
            try forget(emptied)
        }
    }

    /// Nothing tells of these deleted topics any more: what was not known to be deleted would be
    /// kept, for a table of topics that is put back.
    private func forget(_ emptied: Set<UniqueID>) throws(LogStorageError) {
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

    /// Keeps what the journal has of these partitions where no reuse reaches it.
    private func hold(
        _ keys: Set<PartitionKey>,
        _ checkpoint: DirectoryCheckpoint
    ) throws(LogStorageError) {
        let folder = files.path(Self.journalFolder)
        let from = checkpoint.replayFrom
        try onDisk { [context] () throws(DiskError) in
            try HeldGroups.add(
                from: JournalContent.read(disk: context.disk, directory: folder, replayFrom: from),
                keys: keys,
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

    // MARK: The end

    /// Makes everything durable and written back, so that the next start has nothing to replay.
    package func close() throws(LogStorageError) {
        defer { release() }
        try writeBack(all: true)
    }

    /// Gives up the lock without any of that: the next start recovers.
    package func release() {
        groups.round.withLock { round in
            round.journal.close()
            round.failure = round.failure ?? "the log is closed"
        }
        lock.close()
    }
}

extension TopicPartition {
    /// The partition whose folder has this name: the topic, a dash, the number as it is written.
    package init?(folder: String) {
        guard let dash = folder.lastIndex(of: "-"), dash > folder.startIndex,
            let number = Int32(folder[folder.index(after: dash)...]), number >= 0,
            "\(number)" == folder[folder.index(after: dash)...]
        else { return nil }
        self.init(String(folder[..<dash]), PartitionIndex(number))
    }
}
