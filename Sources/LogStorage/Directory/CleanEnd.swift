import Bytes
import LogModel
import Synchronization
import Threads

/// `.millrace/clean`: the directory was closed, and nobody has changed a partition's segments
/// since. It holds the checksum of the checkpoint that says where they end; beside another
/// checkpoint it counts for nothing. Removed, durably, before the first change, as Kafka's
/// `.kafka_cleanshutdown`.
///
/// After such an end no crash can have left bytes behind a partition's end: what lies there is of
/// another time, put there by a backup for one, and it was acknowledged for all anybody knows.
final class CleanEnd: Sendable {
    private let files: PartitionFiles
    /// The file is there, whether it counts or not.
    private let isThere = Atomic<Bool>(true)
    private let changing = Lock<Void>(())

    static let fileName = "clean"

    init(directory: String, disk: any Disk) {
        files = PartitionFiles(disk: disk, directory: "\(directory)/\(DataDirectory.ownFolder)")
    }

    private var path: String { files.path(Self.fileName) }

    private static func text(_ checkpoint: DirectoryCheckpoint) -> [UInt8] {
        let checksum = checkpoint.encoded.withUnsafeBytes { crc32c($0) }
        return Array("\(checksum)\n".utf8)
    }

    /// Whether the directory was closed with this checkpoint.
    func stands(for checkpoint: DirectoryCheckpoint) -> Bool {
        do throws(DiskError) {
            let found = try files.content(of: path)
            isThere.store(found != nil, ordering: .sequentiallyConsistent)
            return found == Self.text(checkpoint)
        } catch {
            // A mark that cannot be read says nothing; it is removed all the same.
            isThere.store(true, ordering: .sequentiallyConsistent)
            return false
        }
    }

    /// A partition's segments are about to change.
    func end() throws(LogStorageError) {
        guard isThere.load(ordering: .acquiring) else { return }
        try changing.withLock { _ throws(LogStorageError) in
            guard isThere.load(ordering: .acquiring) else { return }
            try onDisk { () throws(DiskError) in
                if try files.disk.kind(of: path) != nil {
                    try files.disk.remove(path)
                    try files.disk.syncDirectory(files.directory)
                }
            }
            isThere.store(false, ordering: .releasing)
        }
    }

    /// What the mark says; nil where it is not there or cannot be read.
    private var content: [UInt8]? {
        do throws(DiskError) { return try files.content(of: path) } catch { return nil }
    }

    /// The directory is closed with this checkpoint.
    func store(_ checkpoint: DirectoryCheckpoint) throws(LogStorageError) {
        try onDisk { () throws(DiskError) in
            let text = Self.text(checkpoint)
            guard content != text else { return }
            isThere.store(true, ordering: .sequentiallyConsistent)
            try files.replace(path, with: text)
            try files.disk.syncDirectory(files.directory)
        }
    }
}

/// Whether partitions' files end where a checkpoint says, told by their lengths.
struct EndCheck {
    let files: PartitionFiles
    /// The names in the data directory.
    private let folders: Set<String>

    init(_ files: PartitionFiles) throws(LogStorageError) {
        self.files = files
        folders = Set(
            try onDisk { () throws(DiskError) in try files.disk.list(files.directory) }
        )
    }

    /// Whether a partition's folder holds more than the checkpoint knows of; nil where nobody can
    /// look: the opening of the partition says what is wrong there.
    func hasMore(
        _ name: TopicPartition,
        than known: PartitionCheckpoint
    ) throws(LogStorageError) -> Bool? {
        let folder = name.description
        guard folders.contains(folder) else { return false }
        let partition = PartitionFiles(disk: files.disk, directory: files.path(folder))
        do throws(DiskError) {
            return try Self.hasMore(partition, than: known.place)
        } catch {
            if case .removed = error { throw .disk(error) }
            return nil
        }
    }

    private static func hasMore(
        _ files: PartitionFiles,
        than place: LogPlace
    ) throws(DiskError) -> Bool {
        let disk = files.disk
        let byteCount = try disk.byteCount(of: files.path(place.segment, .log)) ?? 0
        if byteCount > place.position { return true }
        guard try disk.kind(of: files.directory) == .directory else { return false }
        for name in try disk.list(files.directory) {
            guard let base = SegmentName.offset(in: name, .log), base > place.segment,
                try disk.byteCount(of: files.path(name)) ?? 0 > 0
            else { continue }
            return true
        }
        return false
    }
}
