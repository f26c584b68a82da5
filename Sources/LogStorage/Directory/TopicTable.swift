import LogModel

/// The topics of a data directory with their options: `millrace.topics`, replaced in one step.
///
///     1                                          the version
///     orders 4 cleanup.policy=compact …          name, partitions, options
///
/// A directory that Kafka wrote has no such file: there the partition folders tell the topics.
struct TopicTable: Sendable {
    var topics: [String: TopicDefinition] = [:]

    static let fileName = "millrace.topics"

    static func load(_ files: PartitionFiles) throws(LogStorageError) -> TopicTable {
        let path = files.path(fileName)
        let bytes = try onDisk { () throws(DiskError) in try files.content(of: path) }
        guard let bytes else { return try fromFolders(files) }
        var table = TopicTable()
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard lines.first == "1" else {
            throw .corrupt("\(path): version \(lines.first ?? ""), this program knows 1")
        }
        for line in lines.dropFirst() {
            let parts = line.split(separator: " ")
            guard parts.count >= 2, let count = Int32(parts[1]), count > 0 else {
                throw .corrupt("\(path): \"\(line)\" is no topic")
            }
            var options: [String: String] = [:]
            for option in parts[2...] {
                let pair = option.split(separator: "=", maxSplits: 1)
                guard pair.count == 2 else { throw .corrupt("\(path): \"\(option)\" is no option") }
                options[String(pair[0])] = String(pair[1])
            }
            let name = String(parts[0])
            table.topics[name] = TopicDefinition(
                name: name,
                partitionCount: count,
                options: options
            )
        }
        return table
    }

    private static func fromFolders(_ files: PartitionFiles) throws(LogStorageError) -> TopicTable {
        try onDisk { () throws(DiskError) in
            var table = TopicTable()
            for name in try files.disk.list(files.directory) {
                guard let partition = TopicPartition(folder: name),
                    try files.disk.kind(of: files.path("\(name)/partition.metadata")) != nil
                else { continue }
                let known = table.topics[partition.topic]?.partitionCount ?? 0
                table.topics[partition.topic] = TopicDefinition(
                    name: partition.topic,
                    partitionCount: max(known, partition.partition.rawValue + 1),
                    options: [:]
                )
            }
            return table
        }
    }

    func store(_ files: PartitionFiles) throws(LogStorageError) {
        let lines = topics.values.sorted { $0.name < $1.name }.map { topic in
            let options = topic.options.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
            return "\(topic.name) \(topic.partitionCount)\(options.joined())\n"
        }
        try onDisk { () throws(DiskError) in
            try files.replace(
                files.path(Self.fileName),
                with: Array("1\n\(lines.joined())".utf8)
            )
            try files.disk.syncDirectory(files.directory)
        }
    }
}
