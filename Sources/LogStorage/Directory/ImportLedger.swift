/// The topics that an import has begun and not finished: `millrace.import`, one name a line, there
/// only while an import runs or after one that was killed. It is durable before the first of the
/// topics is made and goes when the last is whole, so no half topic passes for a whole one.
package struct ImportLedger: Sendable {
    private let files: PartitionFiles

    private static let fileName = "millrace.import"

    package init(disk: any Disk, directory: String) {
        files = PartitionFiles(disk: disk, directory: directory)
    }

    /// The topics of an import that has not ended.
    package func unfinishedTopics() throws(LogStorageError) -> [String] {
        let files = files
        let bytes = try onDisk { () throws(DiskError) in
            try files.content(of: files.path(Self.fileName))
        }
        return String(decoding: bytes ?? [], as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Takes note of topics that are about to be made.
    package func begin(_ topics: [String]) throws(LogStorageError) {
        let files = files
        try onDisk { () throws(DiskError) in
            let text = topics.map { "\($0)\n" }.joined()
            try files.replace(files.path(Self.fileName), with: Array(text.utf8))
            try files.disk.syncDirectory(files.directory)
        }
    }

    /// Takes note that all topics are whole, or gone.
    package func end() throws(LogStorageError) {
        let files = files
        try onDisk { () throws(DiskError) in
            try files.removeIfPresent(files.path(Self.fileName))
            try files.disk.syncDirectory(files.directory)
        }
    }

    /// Takes note that a topic was deleted: one of its name that comes later is another.
    package func strike(_ topic: String) throws(LogStorageError) {
        let all = try unfinishedTopics()
        let left = all.filter { $0 != topic }
        guard left.count < all.count else { return }
        if left.isEmpty { try end() } else { try begin(left) }
    }
}
