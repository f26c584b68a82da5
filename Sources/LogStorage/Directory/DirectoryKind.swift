/// Whose a directory is, told by the names in it and its `meta.properties`, before anything in it
/// is opened for writing.
package enum DirectoryKind: Equatable, Sendable {
    /// There is no such folder.
    case absent
    /// A folder without content, or one in which making a data directory was cut short.
    case empty
    /// A data directory of ours: `meta.properties` has `millrace.format`.
    case ours(format: Int)
    /// A log directory of a Kafka broker: read, never written.
    case kafka
    /// Files of somebody else, or a `meta.properties` that makes no sense.
    case other

    private static let metaFile = "meta.properties"
    /// What every log directory of Kafka's has, should `meta.properties` be lost.
    private static let kafkaNames: Set<String> = [
        ".kafka_cleanshutdown", "replication-offset-checkpoint", "cleaner-offset-checkpoint",
        "recovery-point-offset-checkpoint",
    ]
    /// What a data directory of ours may hold before its `meta.properties` is written.
    private static let firstNames: Set<String> = [
        ".millrace", "millrace.lock", "millrace.topics", "millrace.topics.tmp",
        "producer-id-block", "producer-id-block.tmp", "meta.properties.tmp",
    ]

    /// Whether these files, where they are there, say no more than a making of a directory that was
    /// cut short has written: no topic, and no producer id that was given out.
    package static func isBegun(topics: [UInt8]?, producerIDs: [UInt8]?) -> Bool {
        (topics ?? TopicTable().encoded) == TopicTable().encoded
            && (producerIDs ?? ProducerIDBlock.none) == ProducerIDBlock.none
            // The table is written first.
            && (topics != nil || producerIDs == nil)
    }

    /// The kind of a folder with these names (nil: there is none), `meta` being the content of its
    /// `meta.properties`, `isBegun` whether its other files say no more than a making writes.
    package static func of(
        names: [String]?,
        meta: [UInt8]?,
        isBegun: Bool = true
    ) -> DirectoryKind {
        guard let names else { return .absent }
        guard let meta else {
            if isBegun, names.allSatisfy({ firstNames.contains($0) || $0 == "lost+found" }) {
                return .empty
            }
            let isOurs = names.contains { $0.hasPrefix("millrace.") }
            return !isOurs && names.contains(where: kafkaNames.contains) ? .kafka : .other
        }
        let properties = Self.properties(of: meta)
        if let format = properties["millrace.format"] {
            return Int(format).map { .ours(format: $0) } ?? .other
        }
        // Where a table of topics lies, it is ours, and the line that says so was lost.
        if names.contains(TopicTable.fileName) { return .other }
        // 0 in ZooKeeper's time, 1 with KRaft.
        return ["0", "1"].contains(properties["version"]) ? .kafka : .other
    }

    /// Looks at a folder on a disk; nothing is written.
    package static func of(_ path: String, on disk: any Disk) throws(DiskError) -> DirectoryKind {
        switch try disk.kind(of: path) {
        case nil: return .absent
        case .file: return .other
        case .directory: break
        }
        let files = PartitionFiles(disk: disk, directory: path)
        return of(
            names: try disk.list(path),
            meta: try files.content(
                of: files.path(metaFile),
                byteLimit: DirectoryFormat.metaByteLimit
            ),
            isBegun: isBegun(
                topics: try files.content(of: files.path(TopicTable.fileName)),
                producerIDs: try files.readableContent(of: files.path(ProducerIDBlock.fileName))
            )
        )
    }

    /// The lines `name=value` of a file of properties, as Java writes them.
    package static func properties(of bytes: [UInt8]) -> [String: String] {
        var properties: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let text = line.drop { $0 == " " || $0 == "\t" }
            guard !text.hasPrefix("#"), !text.hasPrefix("!") else { continue }
            let parts = text.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let name = parts[0].reversed().drop { $0 == " " }.reversed()
            let value = parts[1].drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
            properties[String(name)] = String(value)
        }
        return properties
    }
}

/// What is said where a command would write into a directory of Kafka's.
package enum KafkaDirectoryRefusal {
    package static let what = "this is a log directory of Kafka's, which is never written to"
    package static let whatInside =
        "--data lies in a log directory of Kafka's, which is never written to"
    package static let reason =
        "meta.properties is a Kafka broker's; its topics can be read and brought over"

    /// The command that helps.
    package static func next(for directory: String) -> String {
        "millrace log import \(directory) --data NEWDIR"
    }
}
