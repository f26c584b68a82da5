package import LogModel

/// Reads a data directory as it lies there, and says what is wrong with it. Changes nothing; takes
/// the owner's lock for the time, so that nothing changes meanwhile.
package struct LogVerifier {
    private let files: PartitionFiles
    private var report = VerificationReport()

    private init(files: PartitionFiles) { self.files = files }

    /// Verifies the partitions of a data directory that `isChosen` accepts, one after the other.
    ///
    /// - Throws: `.disk(.locked)` if it is in use; `.corrupt` if it is no data directory, or one
    ///   of a newer format.
    package static func verify(
        disk: any Disk,
        directory: String,
        isChosen: (TopicPartition) -> Bool = { _ in true },
        progress: (TopicPartition) -> Void = { _ in }
    ) throws(LogStorageError) -> VerificationReport {
        let files = PartitionFiles(disk: disk, directory: directory)
        var verifier = LogVerifier(files: files)
        let lock = try onDisk { () throws(DiskError) in
            let path = files.path(DataDirectory.lockFile)
            return try disk.kind(of: path) == nil
                ? nil : try disk.lock(path, owner: "a verification")
        }
        defer { lock?.close() }
        guard try DataDirectory.checkFormat(files) else {
            throw .corrupt("\(files.path(DataDirectory.metaFile)) is missing: no data directory")
        }
        try verifier.run(isChosen, progress)
        return verifier.report
    }

    private mutating func run(
        _ isChosen: (TopicPartition) -> Bool,
        _ progress: (TopicPartition) -> Void
    ) throws(LogStorageError) {
        let table = try TopicTable.load(files)
        let points = offsets(DataDirectory.recoveryPointFile)
        let starts = offsets(DataDirectory.logStartFile)
        let files = files
        let names = try onDisk { () throws(DiskError) in try files.disk.list(files.directory) }
        let wasClean = names.contains(DataDirectory.cleanFile)
        // Kafka keeps its topics' options elsewhere.
        let knowsOptions = names.contains(TopicTable.fileName)
        checkFolders(table, names)
        let partitions = names.compactMap { TopicPartition(folder: $0) }.filter { partition in
            let count = table.topics[partition.topic]?.partitionCount ?? 0
            return partition.partition.rawValue < count && isChosen(partition)
        }
        for partition in partitions.sorted() {
            progress(partition)
            let options = table.topics[partition.topic]?.options ?? [:]
            let compacts = try LogConfiguration(topicOptions: options).compacts
            let verifier = PartitionVerifier(
                files: PartitionFiles(
                    disk: files.disk,
                    directory: files.path(partition.description)
                ),
                mayBeCompacted: compacts || !knowsOptions,
                wasClean: wasClean,
                recoveryPoint: points[partition] ?? .zero,
                logStart: starts[partition]
            )
            do throws(DiskError) { report.add(try verifier.run()) } catch { throw .disk(error) }
        }
    }

    private mutating func offsets(_ name: String) -> [TopicPartition: Offset] {
        do throws(DiskError) {
            guard let bytes = try files.content(of: files.path(name)) else { return [:] }
            if let offsets = OffsetCheckpoint.decode(bytes) { return offsets }
            find(.damage, name, "the text is no list of offsets by partition")
        } catch { find(.damage, name, "\(error)") }
        return [:]
    }

    /// Each partition of each topic has its folder, and each folder its topic.
    private mutating func checkFolders(_ table: TopicTable, _ names: [String]) {
        let there = Set(names)
        for topic in table.topics.values.sorted(by: { $0.name < $1.name }) {
            for index in 0..<topic.partitionCount where !there.contains("\(topic.name)-\(index)") {
                find(.damage, "\(topic.name)-\(index)", "the partition's folder is missing")
            }
        }
        for name in names {
            guard let partition = TopicPartition(folder: name) else { continue }
            let count = table.topics[partition.topic]?.partitionCount ?? 0
            if partition.partition.rawValue >= count {
                find(.note, name, "a folder of no topic, as a crash leaves while one is deleted")
            }
        }
    }

    private mutating func find(
        _ severity: VerificationReport.Finding.Severity,
        _ name: String,
        _ reason: String
    ) {
        report.findings.append(
            .init(
                severity: severity,
                file: files.path(name),
                position: nil,
                offset: nil,
                reason: reason
            )
        )
    }
}
