import Bytes
import LogModel

/// Partitions of which acknowledged records may be missing, because a group of the journal was
/// damaged: kept in `.millrace/suspects`, for the groups themselves are behind at the next start.
///
///     1                                   the version
///     AbCdEfGhIjKlMnOpQrStUv 0 <reason>   topic id, partition, and what was found
struct SuspectPartitions: Equatable {
    static let fileName = "suspects"
    private static let version = "1"

    var reasons: [PartitionKey: String] = [:]

    static func load(_ own: PartitionFiles) throws(DiskError) -> SuspectPartitions {
        var suspects = SuspectPartitions()
        guard let bytes = try own.content(of: own.path(fileName)) else { return suspects }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst() {
            let parts = line.split(separator: " ", maxSplits: 2)
            guard parts.count == 3, let id = UniqueID(parts[0]), let number = Int32(parts[1]) else {
                continue
            }
            let key = PartitionKey(topicID: id, partition: PartitionIndex(number))
            suspects.reasons[key] = String(parts[2])
        }
        return suspects
    }

    func store(_ own: PartitionFiles) throws(DiskError) {
        guard !reasons.isEmpty else {
            guard try own.disk.kind(of: own.path(Self.fileName)) != nil else { return }
            try own.removeIfPresent(own.path(Self.fileName))
            return try own.disk.syncDirectory(own.directory)
        }
        let lines = reasons.sorted { $0.key < $1.key }.map { key, reason in
            "\(key.topicID) \(key.partition.rawValue) \(reason)\n"
        }
        try own.replace(
            own.path(Self.fileName),
            with: Array(("\(Self.version)\n" + lines.joined()).utf8)
        )
        try own.disk.syncDirectory(own.directory)
    }
}
