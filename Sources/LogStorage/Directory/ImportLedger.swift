package import Bytes

/// The topics that an import has begun and not finished: `millrace.import`, one a line, there only
/// while an import runs or after one that was killed. It is durable before the first of the topics
/// is made and goes when the last is whole, so no half topic passes for a whole one.
///
///     orders AbCdEfGhIjKlMnOpQrStUv    name and id, as the topic table has them
///
/// A topic is its id: one of the name that somebody made or deleted meanwhile is another one, and
/// none of an import. Of a line without an id, as older programs wrote them, nothing can be told.
package struct ImportLedger: Sendable {
    /// A topic that is being filled; without an id, one of which only the name is known.
    package struct Entry: Equatable, Sendable {
        package var name: String
        package var id: UniqueID?

        package init(name: String, id: UniqueID?) {
            self.name = name
            self.id = id
        }
    }

    private let files: PartitionFiles

    package static let fileName = "millrace.import"

    package init(disk: any Disk, directory: String) {
        files = PartitionFiles(disk: disk, directory: directory)
    }

    /// The topics of an import that has not ended.
    package func entries() throws(LogStorageError) -> [Entry] {
        let files = files
        let bytes = try onDisk { () throws(DiskError) in
            try files.content(of: files.path(Self.fileName))
        }
        return String(decoding: bytes ?? [], as: UTF8.self).split(separator: "\n").map { line in
            let parts = line.split(separator: " ", maxSplits: 1)
            return Entry(
                name: parts.first.map(String.init) ?? "",
                id: parts.count > 1 ? UniqueID(parts[1]) : nil
            )
        }
    }

    /// The topics of the table that an import has begun and not ended.
    package func unfinishedTopics() throws(LogStorageError) -> [TopicDefinition] {
        let ids = Set(try entries().compactMap(\.id))
        guard !ids.isEmpty else { return [] }
        return try TopicTable.load(files).topics.values.filter { ids.contains($0.id) }
            .sorted { $0.name < $1.name }
    }

    /// What is said of one whose import does not run any more.
    package static func words(ofKilled topic: String) -> String {
        "\(topic) is not whole: an import was killed on its way; import again or delete the topic"
    }

    /// Takes note of topics that are about to be made.
    package func begin(_ topics: [Entry]) throws(LogStorageError) {
        let files = files
        try onDisk { () throws(DiskError) in
            let lines = topics.map { topic in
                topic.id.map { "\(topic.name) \($0)\n" } ?? "\(topic.name)\n"
            }
            try files.replace(files.path(Self.fileName), with: Array(lines.joined().utf8))
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
}
