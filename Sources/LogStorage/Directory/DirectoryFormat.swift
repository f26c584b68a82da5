import LogModel

/// Whether a folder may be opened as a data directory, and how one is made.
enum DirectoryFormat {
    /// The format that this program writes, and the oldest program's that may read it.
    static let current = 2
    static let metaFile = "meta.properties"
    /// It has some lines: of a longer one the rest is none of them.
    static let metaByteLimit: Int64 = 1 << 16
    /// What stands in `meta.properties`: the first two lines for tools of Kafka's.
    static var text: [UInt8] {
        Array(
            "version=1\nnode.id=1\nmillrace.format=\(current)\nmillrace.minimum.reader=\(current)\n"
                .utf8
        )
    }

    /// What is said of a directory of ours whose `meta.properties` does not say so any more.
    static var lostLines: String {
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        return "without it no start opens the directory; its lines are "
            + lines.joined(separator: ", ")
    }

    /// Refuses what is no data directory of ours; true for one that has to be made.
    static func check(_ files: PartitionFiles, creates: Bool) throws(LogStorageError) -> Bool {
        let path = files.directory
        let kind = try onDisk { () throws(DiskError) in
            try DirectoryKind.of(path, on: files.disk)
        }
        switch kind {
        case .absent, .empty:
            guard creates else { throw .noDirectory(path) }
            try refuseInsideKafkas(files)
            return true
        case .kafka: throw .kafkaDirectory(path)
        case .other:
            let isOurs = try onDisk { () throws(DiskError) in
                try Self.isOurs(files)
            }
            guard isOurs else { throw .foreignDirectory(path) }
            throw .corrupt(
                "\(files.path(metaFile)) is missing or does not name the format; \(lostLines)"
            )
        case .ours(current): break
        case .ours(let format) where format < current:
            throw .otherFormat(
                "\(path) was written in format \(format), this program reads format \(current): "
                    + "read it with the program that wrote it, and bring its records over with "
                    + "millrace consume and millrace produce"
            )
        case .ours(let format):
            try checkReader(files, format)
        }
        return false
    }

    /// A broker does not start over a folder in its log directory that it does not know.
    private static func refuseInsideKafkas(_ files: PartitionFiles) throws(LogStorageError) {
        for folder in files.disk.folders(above: files.directory) {
            // What cannot be looked into says nothing.
            if (try? DirectoryKind.of(folder, on: files.disk)) == .kafka {
                throw .kafkaDirectory(folder)
            }
        }
    }

    /// Whether files that only we write tell whose a directory is that has lost its format.
    static func isOurs(_ files: PartitionFiles) throws(DiskError) -> Bool {
        for name in [TopicTable.fileName, ProducerIDBlock.fileName]
        where try files.disk.kind(of: files.path(name)) == .file {
            return true
        }
        return false
    }

    private static func checkReader(
        _ files: PartitionFiles,
        _ format: Int
    ) throws(LogStorageError) {
        let bytes = try onDisk { () throws(DiskError) in
            try files.content(
                of: files.path(metaFile),
                byteLimit: metaByteLimit
            )
        }
        let reader = DirectoryKind.properties(of: bytes ?? [])["millrace.minimum.reader"]
        guard let number = reader.flatMap({ Int($0) }), number <= current else {
            throw .otherFormat(
                "\(files.directory) was written in format \(format), which needs a reader of "
                    + "format \(reader ?? "unknown"); this program reads \(current): use a newer "
                    + "program"
            )
        }
    }

    static func make(_ files: PartitionFiles) throws(LogStorageError) {
        let disk = files.disk
        // The table first: with the format's line the directory counts.
        try TopicTable().store(files)
        try ProducerIDBlock.store(ProducerID(0), files)
        try onDisk { () throws(DiskError) in
            try disk.createDirectory(files.path(DataDirectory.ownFolder))
            try disk.createDirectory(files.path(DataDirectory.journalFolder))
            try disk.syncDirectory(files.path(DataDirectory.ownFolder))
            let own = PartitionFiles(disk: disk, directory: files.path(DataDirectory.ownFolder))
            try own.replace(
                own.path(DirectoryCheckpoint.fileName),
                with: DirectoryCheckpoint().encoded
            )
            try disk.syncDirectory(own.directory)
            try files.replace(files.path(metaFile), with: text)
            try disk.syncDirectory(files.directory)
        }
    }

    static func createWithParents(_ path: String, _ disk: any Disk) throws(DiskError) {
        let isAbsolute = path.hasPrefix("/")
        var prefix = ""
        for part in path.split(separator: "/") {
            let parent = prefix
            prefix += isAbsolute || !prefix.isEmpty ? "/\(part)" : "\(part)"
            guard try disk.kind(of: prefix) == nil else { continue }
            try disk.createDirectory(prefix)
            try disk.syncDirectory(parent.isEmpty ? (isAbsolute ? "/" : ".") : parent)
        }
    }
}
