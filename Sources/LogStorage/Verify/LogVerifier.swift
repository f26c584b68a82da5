import Bytes
package import LogModel

/// Reads a data directory as it lies there, and says what is wrong with it. Changes nothing; takes
/// the owner's lock for the time, so that nothing changes meanwhile. Where nothing can be written,
/// the lock is taken without its owner's name, or not at all if it cannot be had so either.
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
        let lock = try onDisk { () throws(DiskError) in try Self.lock(files) }
        defer { lock?.close() }
        try verifier.checkFormat()
        try verifier.run(isChosen, progress)
        return verifier.report
    }

    private static func lock(_ files: PartitionFiles) throws(DiskError) -> (any DiskLock)? {
        let path = files.path(DataDirectory.lockFile)
        guard try files.disk.kind(of: path) != nil else {
            return try files.disk.lockForReading(path)
        }
        do throws(DiskError) {
            return try files.disk.lock(path, owner: "a verification")
        } catch {
            guard error.saysReadOnly else { throw error }
            return try files.disk.lockForReading(path)
        }
    }

    /// Its own format is what a directory is told by. Where that is damaged and other files show
    /// whose it is, the rest is verified all the same.
    private mutating func checkFormat() throws(LogStorageError) {
        let files = files
        let found = try onDisk { () throws(DiskError) in
            (
                try DirectoryKind.of(files.directory, on: files.disk),
                try files.content(
                    of: files.path(DirectoryFormat.metaFile),
                    byteLimit: DirectoryFormat.metaByteLimit
                )
            )
        }
        guard case (.other, let meta) = found else {
            _ = try DirectoryFormat.check(files, creates: false)
            if case .ours(DirectoryFormat.current) = found.0, found.1 != DirectoryFormat.text {
                find(.damage, DirectoryFormat.metaFile, "it is not what this format writes there")
            }
            return
        }
        let isOurs = try onDisk { () throws(DiskError) in try DirectoryFormat.isOurs(files) }
        guard isOurs else { throw .foreignDirectory(files.directory) }
        find(
            .damage,
            DirectoryFormat.metaFile,
            "\(meta == nil ? "the file is missing" : "it does not name the format"): "
                + DirectoryFormat.lostLines
        )
    }

    private mutating func run(
        _ isChosen: (TopicPartition) -> Bool,
        _ progress: (TopicPartition) -> Void
    ) throws(LogStorageError) {
        let table = try TopicTable.load(files)
        let files = files
        let state = try DirectoryState.read(files, table)
        for note in state.notes { find(note.severity, note.file, note.reason) }
        let names = try onDisk { () throws(DiskError) in try files.disk.list(files.directory) }
        checkFolders(table, names, state)
        // Those may have gaps.
        let ledger = ImportLedger(disk: files.disk, directory: files.directory)
        let unfinished = Set(try ledger.unfinishedTopics().map(\.id))
        for topic in table.topics.values.sorted(by: { $0.name < $1.name }) {
            if unfinished.contains(topic.id) {
                let words = ImportLedger.words(ofKilled: topic.name)
                find(.note, ImportLedger.fileName, words)
                continue
            }
            for index in 0..<topic.partitionCount {
                let name = TopicPartition(topic.name, PartitionIndex(index))
                guard isChosen(name), names.contains(name.description) else { continue }
                progress(name)
                let key = PartitionKey(topicID: topic.id, partition: PartitionIndex(index))
                let verifier = PartitionVerifier(
                    files: PartitionFiles(
                        disk: files.disk,
                        directory: files.path(name.description)
                    ),
                    key: key,
                    facts: state.facts[key] ?? .empty,
                    journaled: state.journaled[key] ?? [],
                    needsSegments: state.needsSegments(key)
                )
                // What cannot be read is found like damage, and keeps no other from being verified.
                do throws(DiskError) { report.add(try verifier.run()) } catch {
                    find(.damage, name.description, "it cannot be read: \(error)")
                }
            }
        }
    }

    /// Each partition that was written to has its folder, and each folder its topic.
    private mutating func checkFolders(
        _ table: TopicTable,
        _ names: [String],
        _ state: DirectoryState
    ) {
        let there = Set(names)
        for topic in table.topics.values.sorted(by: { $0.name < $1.name }) {
            for index in 0..<topic.partitionCount where !there.contains("\(topic.name)-\(index)") {
                let key = PartitionKey(topicID: topic.id, partition: PartitionIndex(index))
                guard state.needsSegments(key) else { continue }
                find(.damage, "\(topic.name)-\(index)", "the partition's folder is missing")
            }
        }
        for name in names {
            guard let partition = TopicPartition(folder: name) else { continue }
            let count = table.topics[partition.topic]?.partitionCount ?? 0
            guard partition.partition.rawValue >= count else { continue }
            if files.isFolder(name, ofAny: state.unnamedTopics) {
                find(
                    .damage,
                    name,
                    "\(files.path(TopicTable.fileName)) does not name its topic, and "
                        + "\(files.path(DataDirectory.ownFolder)) knows it: put the file back as "
                        + "it was, or, if the topic is not missed, move the folder away"
                )
            } else {
                find(.note, name, "a folder of no topic of this directory")
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
