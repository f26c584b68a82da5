import Broker
import LogModel
import LogStorage

/// The folder of one partition.
struct PartitionFolder {
    let path: String
    let name: String
    let partition: TopicPartition

    var index: Int { Int(partition.partition.rawValue) }

    /// Nil where the name is no partition's.
    init?(directory: String, name: String) {
        guard let partition = TopicName.partition(ofFolder: name) else { return nil }
        path = "\(directory)/\(name)"
        self.name = name
        self.partition = partition
    }

    /// The paths of its files with this ending, by name, which is by offset.
    func files(ending: String) throws(DiskError) -> [String] {
        try PosixDisk().list(path).filter { $0.hasSuffix(ending) }.sorted().map { "\(path)/\($0)" }
    }
}
