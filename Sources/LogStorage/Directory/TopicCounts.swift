/// The topics of a data directory, for who only looks.
package enum TopicCounts {
    /// The number of partitions of each topic; nothing where the table cannot be read.
    package static func read(_ directory: String, on disk: any Disk) -> [String: Int] {
        let files = PartitionFiles(disk: disk, directory: directory)
        guard let table = try? TopicTable.load(files) else { return [:] }
        return table.topics.mapValues { Int($0.partitionCount) }
    }
}
