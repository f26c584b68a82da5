import Bytes
import LogModel

/// The end of the last granted block of producer ids: `producer-id-block`, replaced in one step.
///
///     1 8a1c03f2     the version; CRC-32C of what follows
///     2000           ids below this were granted
enum ProducerIDBlock {
    static let fileName = "producer-id-block"
    private static let version = "1"
    /// The file of a directory that has given out none.
    static let none = encode(ProducerID(0))
    /// Numbers from here on no block ever reaches: a producer of somebody else that has one would
    /// leave none for others.
    static let limit = ProducerID(1 << 62)

    /// nil where the file is missing or damaged.
    static func load(_ files: PartitionFiles) throws(LogStorageError) -> ProducerID? {
        let bytes = try onDisk { () throws(DiskError) in
            try files.readableContent(of: files.path(fileName))
        }
        return bytes.flatMap(decode)
    }

    /// Has the block end behind `id`, which a folder of another time holds; durable on return.
    /// Where the file is lost, every partition is asked anyway.
    static func pass(_ id: ProducerID, _ files: PartitionFiles) throws(LogStorageError) {
        guard id.rawValue >= 0, let granted = try load(files), granted <= id else { return }
        try store(ProducerID(id.rawValue + 1_000), files)
    }

    static func store(_ end: ProducerID, _ files: PartitionFiles) throws(LogStorageError) {
        try onDisk { () throws(DiskError) in
            try files.replace(files.path(fileName), with: encode(end))
            try files.disk.syncDirectory(files.directory)
        }
    }

    static func decode(_ bytes: [UInt8]) -> ProducerID? {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard lines.count == 2, let end = Int64(lines[1]), end >= 0,
            encode(ProducerID(end)) == bytes
        else { return nil }
        return ProducerID(end)
    }

    static func encode(_ end: ProducerID) -> [UInt8] {
        let body = Array("\(end.rawValue)\n".utf8)
        let digits = String(body.withUnsafeBytes { crc32c($0) }, radix: 16)
        let padding = String(repeating: "0", count: 8 - digits.utf8.count)
        return Array("\(version) \(padding)\(digits)\n".utf8) + body
    }
}
