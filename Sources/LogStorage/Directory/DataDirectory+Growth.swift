package import Bytes
import LogModel
import Threads

extension DataDirectory {
    /// Gives a topic more partitions: one step, its line in the table. All of its partitions, in
    /// order; nil if the topic is gone by then or has that many.
    ///
    /// - Throws: `.foreignDirectory` where a folder that one of them needs is somebody else's.
    package func addPartitions(
        to name: String,
        id: UniqueID,
        upTo count: Int32
    ) throws(LogStorageError) -> [PartitionLog]? {
        guard let topic = table.withLock({ $0.topics[name] }), topic.id == id,
            topic.partitionCount < count
        else { return nil }
        try refuseForeignFolders(of: name, from: PartitionIndex(topic.partitionCount))
        let configuration = try Self.configuration(topic.options)
        var grown = topic
        grown.partitionCount = count
        let made = Self.makeLogs(grown, configuration, files, context) { _ in .empty }
        let new = made.dropFirst(Int(topic.partitionCount))
        // Another topic may have the name by now.
        var isThere = false
        try change {
            guard $0.topics[name]?.id == id else { return }
            $0.topics[name]?.partitionCount = count
            isThere = true
        }
        guard isThere else { return nil }
        return logs.withLock {
            $0[id, default: []] += new
            return $0[id]
        }
    }
}
