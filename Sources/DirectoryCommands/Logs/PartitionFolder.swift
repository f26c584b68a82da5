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

    /// The segments whose indexes lie there without them, by the paths that they would have. What
    /// retention removes meanwhile may be half gone: it is looked for a second time.
    func missingSegments() throws(DiskError) -> [String] {
        let first = try Self.missing(among: PosixDisk().list(path))
        guard !first.isEmpty else { return [] }
        let second = try Self.missing(among: PosixDisk().list(path))
        return first.intersection(second).map { "\(path)/\(SegmentName.base($0)).log" }.sorted()
    }

    private static func missing(among names: [String]) -> Set<Offset> {
        func bases(_ kind: SegmentFile) -> Set<Offset> {
            Set(names.compactMap { SegmentName.offset(in: $0, kind) })
        }
        let indexes: [SegmentFile] = [.index, .timeIndex, .transactionIndex]
        return Set(indexes.flatMap(bases)).subtracting(bases(.log))
    }

    /// The paths of its files with this ending, by name, which is by offset.
    func files(ending: String) throws(DiskError) -> [String] {
        try PosixDisk().list(path).filter { $0.hasSuffix(ending) }.sorted().map { "\(path)/\($0)" }
    }
}
