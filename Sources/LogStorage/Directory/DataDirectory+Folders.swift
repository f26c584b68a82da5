import Bytes
import LogModel
import Threads

/// The folders of a data directory: whose they are, and what goes when a topic does.
extension DataDirectory {
    /// Folders named like partitions of this topic must be nobody else's. What deleted topics of
    /// other names have left is in nobody's way.
    ///
    /// Folders of partitions below `first` are the topic's own.
    func refuseForeignFolders(
        of name: String,
        from first: PartitionIndex = PartitionIndex(0)
    ) throws(LogStorageError) {
        if let own = try removeLeftovers().first(where: { $0.topic.name == name }) {
            throw own.error
        }
        for folder in try folders(of: name) where try !isEmpty(folder) {
            if let partition = TopicPartition(folder: folder), partition.partition < first {
                continue
            }
            throw .foreignDirectory(files.path(folder))
        }
    }

    func folders(of name: String) throws(LogStorageError) -> [String] {
        let files = files
        let names = try onDisk { () throws(DiskError) in try files.disk.list(files.directory) }
        return names.filter { TopicPartition(folder: $0)?.topic == name }
    }

    private func isEmpty(_ folder: String) throws(LogStorageError) -> Bool {
        let files = files
        return try onDisk { () throws(DiskError) in
            let path = files.path(folder)
            guard try files.disk.kind(of: path) == .directory else { return false }
            return try files.disk.list(path).isEmpty
        }
    }

    /// Whether a folder bears the mark of a topic that the checkpoint or the journal knows, and the
    /// table of topics does not name.
    package func isOfUnnamedTopic(folder path: String) -> Bool {
        guard let folder = path.split(separator: "/").last else { return false }
        return files.isFolder(String(folder), ofAny: unnamedTopics)
    }

    /// Whether a folder is one of a deleted topic's: by its mark, or because a removal was cut
    /// short behind the mark's own, or a crash left the mark torn.
    func isLeftover(
        _ folder: String,
        of topic: TopicDefinition
    ) throws(LogStorageError) -> Bool {
        let number = TopicPartition(folder: folder)?.partition
        let isNumbered = number.map { $0.rawValue < topic.partitionCount } ?? false
        do throws(LogStorageError) { if try owner(of: folder) == topic.id { return true } } catch {
            // One that the topic never had is not its own only because it cannot be read.
            guard isNumbered else { return false }
            throw error
        }
        guard isNumbered, let number, try isFolder(folder) else { return false }
        let files = PartitionFiles(disk: files.disk, directory: files.path(folder))
        let names = try onDisk { () throws(DiskError) in try files.disk.list(files.directory) }
        if names.isEmpty { return true }
        // A topic that bears the name now may have been torn likewise.
        guard names.contains(FolderMark.fileName),
            table.withLock({ $0.topics[topic.name] == nil })
        else { return false }
        do throws(LogStorageError) {
            let key = PartitionKey(topicID: topic.id, partition: number)
            return try !LogRecovery.checkOwner(files, key, names)
        } catch .offline { return false }
    }

    /// The topic that a folder says it belongs to; nil if it says nothing.
    private func owner(of folder: String) throws(LogStorageError) -> UniqueID? {
        let files = files
        return try onDisk { () throws(DiskError) in try files.mark(inFolder: folder)?.topicID }
    }

    private func isFolder(_ name: String) throws(LogStorageError) -> Bool {
        let files = files
        return try onDisk { () throws(DiskError) in
            try files.disk.kind(of: files.path(name)) == .directory
        }
    }

    /// Removes the folders of deleted topics: those that carry their id, and only those. What
    /// cannot be removed stops no other; it is returned, and tried again later.
    func removeLeftovers() throws(LogStorageError) -> [Leftover] {
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
                    left.append(Leftover(topic: topic, folder: folder, error: error))
                }
            }
        }
        let files = files
        try onDisk { () throws(DiskError) in try files.disk.syncDirectory(files.directory) }
        let gone = Set(deleted.map(\.id)).subtracting(left.map(\.topic.id))
        emptied.withLock { $0.formUnion(gone) }
        return left
    }

    struct Leftover {
        var topic: TopicDefinition
        var folder: String
        var error: LogStorageError

        var note: String {
            "the topic \(topic.name) is deleted, but its folder \(folder) could not be removed: "
                + "\(error); the next start tries it again"
        }
    }

    private func removeFolder(_ folder: String) throws(LogStorageError) {
        let files = PartitionFiles(disk: files.disk, directory: files.path(folder))
        try onDisk { () throws(DiskError) in
            // The mark goes last: what a crash leaves, or what stays, is still known to be ours.
            try Self.removeFiles(of: files)
            try files.removeIfPresent(files.path(FolderMark.fileName))
            try files.disk.removeDirectory(files.directory)
        }
    }

    /// Removes all of a folder but its mark, as far as that goes.
    static func removeFiles(of files: PartitionFiles) throws(DiskError) {
        var failure: DiskError?
        for name in try files.disk.list(files.directory) where name != FolderMark.fileName {
            do throws(DiskError) { try files.disk.remove(files.path(name)) } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        try files.disk.syncDirectory(files.directory)
    }
}
