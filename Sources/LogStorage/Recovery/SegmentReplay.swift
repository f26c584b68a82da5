import LogModel

/// Writes what the journal has of partitions into their segments. Whatever stopped it, it may be
/// done again from the begin: the same bytes come to the same places.
struct SegmentReplay {
    /// Partitions whose folder is known to be theirs, and what a cleaner has written in it.
    private var claimed: [PartitionKey: CompactedSegments] = [:]

    /// Writes a partition's part of a group.
    mutating func write(
        _ item: JournalContent.HeldEntry,
        to partition: PartitionFiles
    ) throws(LogStorageError) {
        var at = 0
        for range in item.entry.ranges where range.isInRecord {
            let bytes = item.payload[at..<at + range.byteCount]
            at += range.byteCount
            try write(bytes, range, to: partition, item.entry.partition)
        }
    }

    private mutating func write(
        _ bytes: ArraySlice<UInt8>,
        _ range: JournalRange,
        to partition: PartitionFiles,
        _ key: PartitionKey
    ) throws(LogStorageError) {
        if range.position == 0 { try PartitionLog.makeFolder(partition, key) }
        // A group can be older than a cleaning, where no checkpoint says so: its bytes were written
        // back before it, and are another file's now.
        guard !(try claim(partition, key).covers(range.segment)) else { return }
        let path = partition.path(range.segment, .log)
        try onDisk { () throws(DiskError) in
            let file: any DiskFile
            do throws(DiskError) {
                file = try partition.disk.open(path, .readWrite)
            } catch .notFound {
                // In the middle of a file that is gone there is nothing to write to: the opening
                // of the partition says what is missing.
                guard range.position == 0 else { return }
                file = try partition.disk.open(path, .create)
            }
            defer { file.close() }
            guard try file.byteCount() >= range.position else { return }
            try PartitionFiles.write(Array(bytes), to: file, at: range.position)
        }
    }

    /// Nothing is written into a folder that is somebody else's.
    private mutating func claim(
        _ partition: PartitionFiles,
        _ key: PartitionKey
    ) throws(LogStorageError) -> CompactedSegments {
        if let known = claimed[key] { return known }
        let names = try onDisk { () throws(DiskError) -> [String]? in
            guard try partition.disk.kind(of: partition.directory) == .directory else { return nil }
            return try partition.disk.list(partition.directory)
        }
        guard let names else { return CompactedSegments() }
        _ = try LogRecovery.checkOwner(partition, key, names)
        var compacted = try CompactedSegments(in: partition)
        // What it says of segments that are not there is of an earlier time.
        let bases = names.compactMap { SegmentName.offset(in: $0, .log) }
        compacted.keep(only: Set(bases), logEnd: Offset(Int64.max))
        claimed[key] = compacted
        return compacted
    }

    static func reason(_ error: LogStorageError) -> String {
        switch error {
        case .disk(let error): error.description
        case .offline(let reason), .corrupt(let reason), .readOnly(let reason): reason
        default: "its part of the journal cannot be written"
        }
    }
}

extension LogStorageError {
    /// Whether what could not be replayed may be later: there was no room, no memory or no
    /// descriptor; or the disk had an error, which reading and writing again may not meet.
    var letsReplayWait: Bool {
        guard case .disk(let error) = self else { return false }
        return error.isPassing || error.saysUnreadable
    }
}

extension PartitionFiles {
    /// Those of a partition in the folder of a data directory.
    init(_ directory: PartitionFiles, of name: TopicPartition) {
        self.init(disk: directory.disk, directory: directory.path(name.description))
    }
}
