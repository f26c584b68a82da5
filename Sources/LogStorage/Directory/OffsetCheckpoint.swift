import LogModel

/// Kafka's text file of offsets by partition: version 0, a count, then a line for each.
enum OffsetCheckpoint {
    static func encode(_ offsets: [TopicPartition: Offset]) -> [UInt8] {
        let lines = offsets.sorted { $0.key < $1.key }.map {
            "\($0.key.topic) \($0.key.partition.rawValue) \($0.value.rawValue)\n"
        }
        return Array("0\n\(lines.count)\n\(lines.joined())".utf8)
    }

    /// The offsets of a file; nil if its text makes no sense.
    static func decode(_ bytes: [UInt8]) -> [TopicPartition: Offset]? {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard lines.count >= 2, lines[0] == "0", let count = Int(lines[1]),
            lines.count == count + 2
        else { return nil }
        var offsets: [TopicPartition: Offset] = [:]
        for line in lines[2...] {
            let parts = line.split(separator: " ")
            guard parts.count == 3, let partition = Int32(parts[1]), let offset = Int64(parts[2]),
                partition >= 0
            else { return nil }
            offsets[TopicPartition(String(parts[0]), PartitionIndex(partition))] = Offset(offset)
        }
        return offsets
    }
}
