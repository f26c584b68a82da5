import LogModel

/// Kafka's text file of offsets by partition: version 0, a count, then a line for each.
enum CheckpointFile {
    static let logStart = "log-start-offset-checkpoint"
    static let recoveryPoint = "recovery-point-offset-checkpoint"
    static let cleaner = "cleaner-offset-checkpoint"
    static let highWatermark = "replication-offset-checkpoint"

    /// The offsets of a file; nil if its text makes no sense. A broker makes the files empty.
    static func offsets(in bytes: [UInt8]) -> [TopicPartition: Offset]? {
        guard !bytes.isEmpty else { return [:] }
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        guard lines.count >= 2, lines[0] == "0", let count = Int(lines[1]), count >= 0,
            lines.count - 2 == count
        else { return nil }
        var offsets: [TopicPartition: Offset] = [:]
        for line in lines.dropFirst(2) {
            let parts = line.split(separator: " ")
            guard parts.count == 3, let partition = Int32(parts[1]), partition >= 0,
                let offset = Int64(parts[2])
            else { return nil }
            let name = TopicPartition(String(parts[0]), PartitionIndex(partition))
            offsets[name] = Offset(max(0, offset))
        }
        return offsets
    }
}
