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

    /// The partitions of a directory that is not opened for it of which everything was deleted, as
    /// its last clean end has it; none where it did not end so.
    package static func emptied(
        disk: any Disk,
        path: String
    ) throws(LogStorageError) -> Set<TopicPartition> {
        let files = PartitionFiles(disk: disk, directory: path)
        let table = try TopicTable.load(files)
        let name = "\(ownFolder)/\(DirectoryCheckpoint.fileName)"
        let bytes = try onDisk { () throws(DiskError) in
            try files.readableContent(of: files.path(name))
        }
        guard let checkpoint = bytes.flatMap({ DirectoryCheckpoint($0) }),
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
}
