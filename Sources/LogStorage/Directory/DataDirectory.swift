package import LogModel
import Bytes
import Synchronization

/// A topic as the data directory knows it.
package struct TopicDefinition: Equatable, Sendable {
    package var name: String
    package var partitionCount: Int32
    package var options: [String: String]
    package init(name: String, partitionCount: Int32, options: [String: String]) {
        self.name = name
        self.partitionCount = partitionCount
        self.options = options
    }
}

/// A data directory: one owner, its format, its topics, and what a clean end leaves for the next
/// start.
///
///     meta.properties                    as Kafka writes it; with our format's number
///     millrace.topics                    topics with their options, one a line
///     millrace.lock                      locked by the owner, names it
///     .kafka_cleanshutdown               there after a clean end, gone while in use
///     recovery-point-offset-checkpoint   by partition: everything below was flushed
///     log-start-offset-checkpoint        by partition, where it is not the first segment's
///     <topic>-<partition>/               one folder for each partition
package final class DataDirectory: Sendable {
    package let path: String
    /// Whether the last owner ended cleanly.
    package let wasCleanlyShutDown: Bool
    private let files: PartitionFiles
    private let lock: any DiskLock
    private let recoveryPoints: [TopicPartition: Offset]
    private let logStarts: [TopicPartition: Offset]
    private let table: Mutex<TopicTable>

    static let recoveryPointFile = "recovery-point-offset-checkpoint"
    static let logStartFile = "log-start-offset-checkpoint"
    static let cleanFile = ".kafka_cleanshutdown"
    static let metaFile = "meta.properties"
    package static let lockFile = "millrace.lock"

    private init(
        files: PartitionFiles,
        lock: any DiskLock,
        wasClean: Bool,
        table: TopicTable,
        recoveryPoints: [TopicPartition: Offset],
        logStarts: [TopicPartition: Offset]
    ) {
        path = files.directory
        wasCleanlyShutDown = wasClean
        self.files = files
        self.lock = lock
        self.recoveryPoints = recoveryPoints
        self.logStarts = logStarts
        self.table = Mutex(table)
    }

    /// Takes a directory, creating it if need be. From here on it counts as not cleanly closed.
    ///
    /// - Throws: `.disk(.locked)` if another process has it; `.corrupt` for a format that is newer
    ///   or makes no sense.
    package static func open(
        disk: any Disk,
        path: String,
        owner: String
    ) throws(LogStorageError) -> DataDirectory {
        let files = PartitionFiles(disk: disk, directory: path)
        let lock = try onDisk { () throws(DiskError) in
            try createWithParents(path, disk)
            return try disk.lock(files.path(lockFile), owner: owner)
        }
        do throws(LogStorageError) { return try take(files, lock: lock) } catch {
            lock.close()
            throw error
        }
    }

    private static func take(
        _ files: PartitionFiles,
        lock: any DiskLock
    ) throws(LogStorageError) -> DataDirectory {
        if try !checkFormat(files) { try writeFormat(files) }
        let table = try TopicTable.load(files)
        let points = try checkpoint(recoveryPointFile, files)
        let starts = try checkpoint(logStartFile, files)
        let wasClean = try onDisk { () throws(DiskError) in
            let isThere = try files.disk.kind(of: files.path(cleanFile)) != nil
            if isThere { try files.disk.remove(files.path(cleanFile)) }
            try files.disk.syncDirectory(files.directory)
            return isThere
        }
        return DataDirectory(
            files: files,
            lock: lock,
            wasClean: wasClean,
            table: table,
            recoveryPoints: points,
            logStarts: starts
        )
    }

    private static func createWithParents(_ path: String, _ disk: any Disk) throws(DiskError) {
        var prefix = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            let parent = prefix
            prefix += "/\(part)"
            guard try disk.kind(of: prefix) == nil else { continue }
            try disk.createDirectory(prefix)
            try disk.syncDirectory(parent.isEmpty ? "/" : parent)
        }
    }

    // MARK: Format

    /// The format that this program writes, and the oldest program's that may read it.
    package static let format = 1

    /// Refuses a directory of a format that this program does not know; false for a folder that
    /// is none yet.
    static func checkFormat(_ files: PartitionFiles) throws(LogStorageError) -> Bool {
        let bytes = try onDisk { () throws(DiskError) in
            try files.content(of: files.path(metaFile))
        }
        guard let bytes else { return false }
        var properties: [Substring: Substring] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            guard !line.hasPrefix("#") else { continue }
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { properties[parts[0]] = parts[1] }
        }
        guard let version = properties["version"] else {
            throw .corrupt("\(files.path(metaFile)) names no version: is this a data directory?")
        }
        guard version == "1" else {
            throw .corrupt(
                "\(files.path(metaFile)) has version \(version), this program knows 1: "
                    + "use a newer program"
            )
        }
        if let reader = properties["millrace.minimum.reader"] {
            guard let number = Int(reader) else {
                throw .corrupt("\(files.path(metaFile)): millrace.minimum.reader=\(reader)")
            }
            guard number <= format else {
                let written = properties["millrace.format"] ?? "?"
                throw .corrupt(
                    "\(files.directory) was written in format \(written), which needs a reader of "
                        + "format \(number); this program reads \(format): use a newer program"
                )
            }
        }
        return true
    }

    private static func writeFormat(_ files: PartitionFiles) throws(LogStorageError) {
        // From here on the table tells the topics: folders of one that a crash cut short do not.
        try TopicTable.load(files).store(files)
        let text = "version=1\nnode.id=1\nmillrace.format=\(format)\nmillrace.minimum.reader=1\n"
        try onDisk { () throws(DiskError) in
            try files.replace(files.path(metaFile), with: Array(text.utf8))
            try files.disk.syncDirectory(files.directory)
        }
    }

    // MARK: Topics

    /// Every topic, by name.
    package func topics() throws(LogStorageError) -> [TopicDefinition] {
        table.withLock { $0.topics.values.sorted { $0.name < $1.name } }
    }

    /// Creates a topic: its folders first, then, as the step that counts, its line in the table.
    package func createTopic(
        _ name: String,
        partitionCount: Int32,
        options: [String: String],
        time: any TimeSource
    ) throws(LogStorageError) -> [PartitionLog] {
        let configuration = try LogConfiguration(topicOptions: options)
        for (key, value) in options where (key + value).contains(where: \.isWhitespace) {
            throw .invalidConfiguration("\(key)=\(value): an option has no spaces")
        }
        // Folders that a crash left of a topic that never was, or was removed.
        try removePartitions(of: name)
        var random = SystemRandomNumberGenerator()
        let id = UniqueID(high: random.next(), low: random.next()).description
        var logs: [PartitionLog] = []
        for index in 0..<partitionCount {
            let directory = files.path("\(name)-\(index)")
            let partitionFiles = PartitionFiles(disk: files.disk, directory: directory)
            try onDisk { () throws(DiskError) in
                try self.files.disk.createDirectory(directory)
                try partitionFiles.replace(
                    partitionFiles.path("partition.metadata"),
                    with: Array("version: 0\ntopic_id: \(id)\n".utf8)
                )
            }
            let log = try PartitionLog.create(
                disk: files.disk,
                directory: directory,
                configuration: configuration,
                time: time
            )
            try log.flush()
            logs.append(log)
        }
        // The folders' names before the line that counts on them.
        try onDisk { () throws(DiskError) in try self.files.disk.syncDirectory(self.files.directory)
        }
        let definition = TopicDefinition(
            name: name,
            partitionCount: partitionCount,
            options: options
        )
        try table.withLock { table throws(LogStorageError) in
            var changed = table
            changed.topics[name] = definition
            try changed.store(self.files)
            table = changed
        }
        return logs
    }

    /// Opens one partition of a topic.
    package func openPartition(
        _ name: TopicPartition,
        options: [String: String],
        time: any TimeSource
    ) throws(LogStorageError) -> (PartitionLog, RecoveryReport) {
        try PartitionLog.open(
            disk: files.disk,
            directory: files.path(name.description),
            configuration: try LogConfiguration(topicOptions: options),
            cleanShutdown: wasCleanlyShutDown,
            recoveryPoint: recoveryPoints[name] ?? .zero,
            logStart: logStarts[name],
            time: time
        )
    }

    /// Takes a topic out of the table: from here on it does not exist.
    package func removeTopic(_ name: String) throws(LogStorageError) {
        try table.withLock { table throws(LogStorageError) in
            var changed = table
            changed.topics[name] = nil
            try changed.store(self.files)
            table = changed
        }
    }

    /// Removes the folders of a topic that is not in the table.
    package func removePartitions(of name: String) throws(LogStorageError) {
        let files = files
        try onDisk { () throws(DiskError) in
            var removed = false
            for entry in try files.disk.list(files.directory) {
                guard let partition = TopicPartition(folder: entry), partition.topic == name else {
                    continue
                }
                for file in try files.disk.list(files.path(entry)) {
                    try files.disk.remove("\(files.path(entry))/\(file)")
                }
                try files.disk.removeDirectory(files.path(entry))
                removed = true
            }
            if removed { try files.disk.syncDirectory(files.directory) }
        }
    }

    // MARK: The end

    /// Notes how far every partition is flushed and where it begins; after a clean end the next
    /// start trusts the caches.
    package func leave(
        recoveryPoints: [TopicPartition: Offset],
        logStarts: [TopicPartition: Offset],
        isClean: Bool
    ) throws(LogStorageError) {
        let files = files
        try onDisk { () throws(DiskError) in
            try files.replace(
                files.path(Self.recoveryPointFile),
                with: OffsetCheckpoint.encode(recoveryPoints)
            )
            try files.replace(
                files.path(Self.logStartFile),
                with: OffsetCheckpoint.encode(logStarts)
            )
            if isClean {
                try files.replace(
                    files.path(Self.cleanFile),
                    with: Array("{\"version\":0,\"brokerEpoch\":1}".utf8)
                )
            }
            try files.disk.syncDirectory(files.directory)
        }
    }

    /// Gives up the lock.
    package func close() { lock.close() }

    private static func checkpoint(
        _ name: String,
        _ files: PartitionFiles
    ) throws(LogStorageError) -> [TopicPartition: Offset] {
        let bytes = try onDisk { () throws(DiskError) in try files.content(of: files.path(name)) }
        guard let bytes else { return [:] }
        guard let offsets = OffsetCheckpoint.decode(bytes) else {
            throw .corrupt("\(files.path(name)) is no offset checkpoint")
        }
        return offsets
    }
}

extension TopicPartition {
    /// The partition whose folder has this name: the topic, a dash, the number.
    package init?(folder: String) {
        guard let dash = folder.lastIndex(of: "-"), dash > folder.startIndex,
            let number = Int32(folder[folder.index(after: dash)...]), number >= 0
        else { return nil }
        self.init(String(folder[..<dash]), PartitionIndex(number))
    }
}
