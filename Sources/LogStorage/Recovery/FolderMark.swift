import Bytes
import LogModel

/// What a partition's folder says of itself: `partition.metadata`. Kafka reads the first two lines;
/// the third is ours. By it a folder that was renamed to another partition's name is known: that
/// partition's end says nothing of what lies in there, and by it nothing is cut.
///
///     version: 0
///     topic_id: AbCdEfGhIjKlMnOpQrStUv
///     partition: 3
struct FolderMark: Equatable, Sendable {
    var topicID: UniqueID
    /// Nil where Kafka or an older program wrote the file.
    var partition: PartitionIndex?

    static let fileName = "partition.metadata"

    private static let idLabel = "topic_id: "
    private static let partitionLabel = "partition: "

    init(_ key: PartitionKey) {
        topicID = key.topicID
        partition = key.partition
    }

    /// The mark in a file's bytes; nil if they make no sense.
    init?(_ bytes: [UInt8]) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard lines.count == 2 || lines.count == 3, lines[0] == "version: 0",
            lines[1].hasPrefix(Self.idLabel),
            let id = UniqueID(lines[1].dropFirst(Self.idLabel.count))
        else { return nil }
        topicID = id
        guard lines.count == 3 else { return }
        guard lines[2].hasPrefix(Self.partitionLabel),
            let number = Int32(lines[2].dropFirst(Self.partitionLabel.count))
        else { return nil }
        partition = PartitionIndex(number)
        // Half a number is another number.
        guard self.bytes == bytes else { return nil }
    }

    var bytes: [UInt8] {
        let third = partition.map { "\(Self.partitionLabel)\($0.rawValue)\n" } ?? ""
        return Array("version: 0\n\(Self.idLabel)\(topicID)\n\(third)".utf8)
    }

    /// Whether these bytes are what a crash may leave of this mark.
    func isTorn(_ bytes: [UInt8]) -> Bool {
        let whole = self.bytes
        return bytes != whole && bytes.count <= whole.count
            && zip(bytes, whole).allSatisfy { $0 == 0 || $0 == $1 }
    }

    /// Why a folder with this mark is not the partition's; nil if it is.
    func problem(for key: PartitionKey) -> String? {
        if topicID != key.topicID {
            return "it belongs to another topic, of id \(topicID), this one's is \(key.topicID): "
                + "move it away"
        }
        guard let partition, partition != key.partition else { return nil }
        return "it holds what was written to partition \(partition.rawValue) of the topic: was a "
            + "folder renamed? nothing was cut; once it is moved back, all is as before"
    }
}
