package import LogModel

/// What can be told of a directory without opening it: nothing is taken, nothing changes.
extension DataDirectory {
    /// The topics of a directory that is not opened for it, by name.
    package static func topics(
        disk: any Disk,
        path: String
    ) throws(LogStorageError) -> [TopicDefinition] {
        try TopicTable.load(PartitionFiles(disk: disk, directory: path))
            .topics.values.sorted { $0.name < $1.name }
    }

    /// Refuses what `open` would refuse for its format; takes and changes nothing.
    package static func checkFormat(disk: any Disk, path: String) throws(LogStorageError) {
        _ = try DirectoryFormat.check(PartitionFiles(disk: disk, directory: path), creates: false)
    }

    /// Whether the last process that had a directory ended in order; true of one that nobody has
    /// written to.
    package static func endedCleanly(
        disk: any Disk,
        path: String
    ) throws(LogStorageError) -> Bool {
        let files = PartitionFiles(disk: disk, directory: path)
        guard let checkpoint = try checkpoint(of: files) else { return false }
        return CleanEnd(directory: path, disk: disk).stands(for: checkpoint)
    }

    /// The partitions of a directory that is not opened for it of which everything was deleted, as
    /// its last clean end has it; none where it did not end so.
    package static func emptied(
        disk: any Disk,
        path: String
    ) throws(LogStorageError) -> Set<TopicPartition> {
        let files = PartitionFiles(disk: disk, directory: path)
        let table = try TopicTable.load(files)
        guard let checkpoint = try checkpoint(of: files),
            CleanEnd(directory: path, disk: disk).stands(for: checkpoint)
        else { return [] }
        var found: Set<TopicPartition> = []
        for topic in table.topics.values {
            for index in 0..<topic.partitionCount {
                let key = PartitionKey(topicID: topic.id, partition: PartitionIndex(index))
                guard let known = checkpoint.partitions[key], known.doubt == .none,
                    known.logStart >= known.place.offset
                else { continue }
                found.insert(TopicPartition(topic.name, key.partition))
            }
        }
        return found
    }

    /// The partitions of a directory that is not opened for it which a start could not open, with
    /// the reason, as far as folders and options tell. No segment is read.
    package static func offline(
        disk: any Disk,
        path: String
    ) throws(LogStorageError) -> [TopicPartition: String] {
        let files = PartitionFiles(disk: disk, directory: path)
        let known = try checkpoint(of: files)?.partitions ?? [:]
        var found: [TopicPartition: String] = [:]
        for topic in try TopicTable.load(files).topics.values {
            let unusable = DirectoryRecovery.words(ofUnusable: topic, in: files)
            for index in 0..<topic.partitionCount {
                let name = TopicPartition(topic.name, PartitionIndex(index))
                let key = PartitionKey(topicID: topic.id, partition: name.partition)
                let facts = known[key].map { PartitionFacts($0) } ?? .empty
                found[name] =
                    unusable ?? obstacle(in: PartitionFiles(files, of: name), key, facts)
            }
        }
        return found
    }

    /// Why a folder cannot be a partition's; nil if it can.
    private static func obstacle(
        in folder: PartitionFiles,
        _ key: PartitionKey,
        _ facts: PartitionFacts
    ) -> String? {
        do throws(LogStorageError) {
            guard let names = try LogRecovery.folder(folder, facts) else { return nil }
            _ = try LogRecovery.checkOwner(folder, key, names)
            return nil
        } catch { return error.description }
    }

    private static func checkpoint(
        of files: PartitionFiles
    ) throws(LogStorageError) -> DirectoryCheckpoint? {
        let name = "\(ownFolder)/\(DirectoryCheckpoint.fileName)"
        let bytes = try onDisk { () throws(DiskError) in
            try files.readableContent(of: files.path(name))
        }
        return bytes.flatMap { DirectoryCheckpoint($0) }
    }

    /// Keeps owners out of a directory while it is looked at: its lock, for which no file is
    /// written or made; nil where the file system has no such locks.
    ///
    /// - Throws: `.disk(.locked)` where it has an owner.
    package static func lockForReading(
        disk: any Disk,
        path: String
    ) throws(LogStorageError) -> (any DiskLock)? {
        try onDisk { () throws(DiskError) in try disk.lockForReading("\(path)/\(lockFile)") }
    }

    /// Where the partitions of a directory end that nobody has open: the offset behind the last
    /// record that was acknowledged. A partition is left out of which that is not known.
    package static func ends(
        disk: any Disk,
        path: String
    ) throws(LogStorageError) -> [TopicPartition: Offset] {
        let files = PartitionFiles(disk: disk, directory: path)
        let table = try TopicTable.load(files)
        let state = try DirectoryState.read(files, table)
        var ends: [TopicPartition: Offset] = [:]
        for topic in table.topics.values {
            for index in 0..<topic.partitionCount {
                let key = PartitionKey(topicID: topic.id, partition: PartitionIndex(index))
                guard let known = state.facts[key], known.tail == .cut, known.suspicion == nil
                else { continue }
                ends[TopicPartition(topic.name, key.partition)] = known.end.offset
            }
        }
        return ends
    }
}
