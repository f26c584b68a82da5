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
    package var notes: [String] { recoveryNotes + leftoverNotes.withLock { $0 } }
    private let recoveryNotes: [String]
    /// Folders of deleted topics that the start could not remove either.
    private let leftoverNotes = Lock<[String]>([])
    /// Topics that the table does not name, and did not delete: of another table, which may be put
    /// back.
    package let unnamedTopics: Set<UniqueID>
    /// Bytes of the journal that the opening read.
    package let replayedByteCount: Int64
    let files: PartitionFiles
    private let lock: any DiskLock
    let context: LogContext
    let table: Lock<TopicTable>
    private let changing = Lock<Void>(())
    /// Held by whoever removes the folders of deleted topics. Before `changing`.
    let removing = Lock<Void>(())
    let logs: Lock<[UniqueID: [PartitionLog]]>
    /// Deleted topics whose folders are gone: their names may go once no group tells of them.
    let emptied = Lock<Set<UniqueID>>([])
    /// Below this no producer id is given out any more, as far as imports asked.
    let importedProducers = Lock(ProducerID(0))
    /// Held by whoever stores the block of producer ids.
    let givingOut = Lock<Void>(())
    /// One write-back at a time.
    let writingBack: Lock<DirectoryCheckpoint>
    let unreplayed: Lock<Unreplayed>

    package static let lockFile = "millrace.lock"
    package static let ownFolder = ".millrace"
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
        recoveryNotes = recovered.notes
        unnamedTopics = recovered.unnamedTopics
        replayedByteCount = recovered.replayedByteCount
        writingBack = Lock(recovered.checkpoint)
        unreplayed = Lock(
            Unreplayed(
                logs: recovered.logs.values.joined().filter(\.isUnreplayed),
                pace: RetryPace(failedAt: context.time.monotonicNanoseconds())
            )
        )
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
        let given = PartitionFiles(disk: disk, directory: path)
        let isNew = try DirectoryFormat.check(given, creates: creates)
        // From here on it is this folder, whatever its path leads to later.
        let files = try onDisk { () throws(DiskError) in
            if isNew { try DirectoryFormat.createWithParents(path, disk) }
            return PartitionFiles(disk: try disk.rooted(at: path), directory: path)
        }
        let disk = files.disk
        let lock = try onDisk { () throws(DiskError) in
            try disk.lock(files.path(lockFile), owner: owner)
        }
        do throws(LogStorageError) {
            // Looked at again under the lock: another process may have made it meanwhile.
            if try DirectoryFormat.check(files, creates: creates) {
                try DirectoryFormat.make(files)
            }
            let (context, table, recovered) = try recover(files, journal, time)
            let directory = DataDirectory(
                files: files,
                lock: lock,
                context: context,
                table: table,
                recovered: recovered
            )
            // What cannot be removed now is tried again by the next start: it is in nobody's way.
            if let left = try? directory.removeLeftovers() {
                directory.leftoverNotes.withLock { $0 = left.map(\.note) }
                // The recovery has kept nothing of them.
                try? directory.forget(directory.emptied.withLock { $0 })
            }
            return directory
        } catch {
            lock.close()
            throw error
        }
    }

    /// Reads what lies there; on a full disk in the room that was kept for it.
    private static func recover(
        _ files: PartitionFiles,
        _ journal: JournalConfiguration,
        _ time: any TimeSource
    ) throws(LogStorageError) -> (LogContext, TopicTable, RecoveredDirectory) {
        func attempt() throws(LogStorageError) -> (LogContext, TopicTable, RecoveredDirectory) {
            let context = LogContext(
                disk: files.disk,
                directory: files.directory,
                time: time,
                journal: journal
            )
            let table = try TopicTable.load(files)
            var recovery = DirectoryRecovery(files: files, context: context, table: table)
            do throws(LogStorageError) {
                return (context, table, try recovery.run())
            } catch {
                // What all partitions share knows the partitions, and they know it.
                _ = context.takeDirty()
                context.pool.removeAll()
                throw error
            }
        }
        let reserve = StartReserve(files, journal)
        var isTaken = reserve.isNeeded && reserve.take()
        var outcome: (LogContext, TopicTable, RecoveredDirectory)
        do throws(LogStorageError) { outcome = try attempt() } catch {
            // A quota may be used up on a disk that has room.
            guard case .disk(.full) = error, !isTaken, reserve.take() else { throw error }
            isTaken = true
            outcome = try attempt()
        }
        if isTaken { outcome.2.notes.append(reserve.words) } else { reserve.keep() }
        return outcome
    }

    /// The disk on which the directory's path means this folder.
    package var disk: any Disk { files.disk }

    /// Flushes of files since the directory was opened, journal and segments.
    package var fdatasyncCount: Int { context.fdatasyncCount }

    /// Bytes written to the journal since the directory was opened.
    package var journalByteCount: Int64 { groups.round.withLock { $0.journal.byteCount } }

    // MARK: Topics

    /// Whether there is a folder for this partition, whosever it is.
    package func hasFolder(of name: TopicPartition) -> Bool {
        (try? files.disk.kind(of: files.path(name.description))) == .directory
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
        try configuration.refuseConflicts()
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
        try configuration.refuseConflicts()
        guard let topic = table.withLock({ $0.topics[name] }), topic.id == id else { return }
        let logs = partitions(of: topic.id)
        // Options that cannot be used are no reason to keep them.
        let before = (try? Self.configuration(topic.options)) ?? LogConfiguration()
        let becomesFlushed = topic.saysRelaxed && configuration.durability == .flushed
        var targets: [PartitionKey: Offset] = [:]
        if becomesFlushed {
            // What was acknowledged so far nothing vouches for: the next start would cut it.
            for log in logs {
                log.configuration.durability = .flushed
                log.needsWriteBack()
                targets[log.key] = log.flushTarget
            }
        }
        do throws(LogStorageError) {
            if becomesFlushed {
                try writeBack(all: false)
                try keepTails(of: logs.filter { !$0.isWrittenBack(to: targets[$0.key] ?? .zero) })
            }
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
        // Whoever removes what deleted topics have left must not meet a folder that is worked in: a
        // file that comes meanwhile would keep it, and its mark be gone.
        try removing.withLock { _ throws(LogStorageError) in
            do throws(LogStorageError) { try strike(definition) } catch .disk(.full) {
                try removeRecords(of: definition)
                try strike(definition)
            }
            let retired = logs.withLock { $0.removeValue(forKey: definition.id) } ?? []
            for log in retired { log.retire("the topic was deleted") }
        }
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

    /// One change of the table at a time, durable before it counts. One that failed does not count
    /// after a start either.
    func change(_ body: (inout TopicTable) -> Void) throws(LogStorageError) {
        try changing.withLock { _ throws(LogStorageError) in
            let known = table.withLock { $0 }
            var changed = known
            body(&changed)
            try changed.put(files)
            do throws(LogStorageError) { try TopicTable.flushName(files) } catch {
                takeBack(changed, for: known)
                throw error
            }
            table.withLock { [changed] in $0 = changed }
        }
    }

    /// A start may find either table: the one before is put back. Where that fails too, nothing
    /// more is acknowledged for the topics that are not in both as they are.
    private func takeBack(_ changed: TopicTable, for known: TopicTable) {
        do throws(LogStorageError) { try known.store(files) } catch {
            for topic in known.topics.values where changed.topics[topic.name] != topic {
                for log in partitions(of: topic.id) {
                    log.fail(
                        "a change of its topic could neither be stored nor be taken back: \(error)"
                    )
                }
            }
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

    // MARK: The end

    /// Makes everything durable and written back, so that the next start has nothing to replay.
    package func close() throws(LogStorageError) {
        defer { release() }
        try writeBack(all: true)
        try noteCleanEnd()
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
