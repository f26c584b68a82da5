package import Bytes
import LogModel

/// A topic as the data directory knows it. It is its id; a topic made anew under the same name is
/// another one.
package struct TopicDefinition: Equatable, Sendable {
    package var name: String
    package var id: UniqueID
    package var partitionCount: Int32
    package var options: [String: String]

    package init(name: String, id: UniqueID, partitionCount: Int32, options: [String: String]) {
        self.name = name
        self.id = id
        self.partitionCount = partitionCount
        self.options = options
    }

    /// Whether the options say relaxed durability, also where others of them cannot be used.
    var saysRelaxed: Bool { options["millrace.durability"] == "relaxed" }
}

/// The topics of a data directory: `millrace.topics`, replaced in one step.
///
///     2 1c291ca3                                              the version; CRC-32C of what follows
///     orders 4 AbCdEfGhIjKlMnOpQrStUv cleanup.policy=compact   name, partitions, id, options
///     !orders 2 ZyXwVuTsRqPoNmLkJiHgFe                         deleted; folders may be left
struct TopicTable: Equatable, Sendable {
    var topics: [String: TopicDefinition] = [:]
    /// Topics that do not exist any more, whose folders are to be removed.
    var deleted: [TopicDefinition] = []

    static let fileName = "millrace.topics"
    private static let version = "2"
    /// No topic's name begins so.
    private static let deletedMark = UInt8(ascii: "!")

    static func load(_ files: PartitionFiles) throws(LogStorageError) -> TopicTable {
        let path = files.path(fileName)
        let bytes = try onDisk { () throws(DiskError) in try files.content(of: path) }
        guard let bytes else {
            throw .corrupt(
                "\(path) is missing, and with it the names of the topics: put it back from a copy "
                    + "of the directory; nothing was changed"
            )
        }
        let end = bytes.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.count
        let first = String(decoding: bytes[..<end], as: UTF8.self)
        guard first.hasPrefix("\(version) ") else {
            guard first.first?.isNumber == true else {
                throw .corrupt(
                    "\(path) is \(bytes.isEmpty ? "empty" : "damaged"), and with it the names "
                        + "of the topics: put it back from a copy of the directory; nothing was "
                        + "changed"
                )
            }
            throw .corrupt(
                "\(path) has version \(first.prefix { $0 > " " }), this program knows \(version)"
            )
        }
        guard first == Self.firstLine(bytes[end...]) else {
            throw .corrupt("\(path) is damaged: its lines are not what its checksum says")
        }
        var table = TopicTable()
        for line in bytes[end...].split(separator: UInt8(ascii: "\n")) {
            let isDeleted = line.first == deletedMark
            guard let topic = definition(isDeleted ? line.dropFirst() : line) else {
                throw .corrupt("\(path): \"\(String(decoding: line, as: UTF8.self))\" is no topic")
            }
            if isDeleted {
                table.deleted.append(topic)
            } else {
                table.topics[topic.name] = topic
            }
        }
        return table
    }

    /// By bytes: a character may be made of several, of which the first is a blank or `=`.
    private static func definition(_ line: ArraySlice<UInt8>) -> TopicDefinition? {
        let parts = line.split(separator: UInt8(ascii: " "))
        let words = parts.prefix(3).map { String(decoding: $0, as: UTF8.self) }
        guard words.count == 3, let count = Int32(words[1]), count > 0, let id = UniqueID(words[2])
        else { return nil }
        var options: [String: String] = [:]
        for option in parts[3...] {
            guard let cut = option.firstIndex(of: UInt8(ascii: "=")), cut > option.startIndex else {
                return nil
            }
            let name = String(decoding: option[..<cut], as: UTF8.self)
            options[name] = String(decoding: option[(cut + 1)...], as: UTF8.self)
        }
        return TopicDefinition(name: words[0], id: id, partitionCount: count, options: options)
    }

    /// The text of the file.
    var encoded: [UInt8] {
        let lines = topics.values.sorted { $0.name < $1.name }.map(Self.line)
        let gone = deleted.map { "!" + Self.line($0) }
        let body = Array((lines + gone).joined().utf8)
        return Array(Self.firstLine(body[...]).utf8) + body
    }

    /// Puts the table in place, durably.
    func store(_ files: PartitionFiles) throws(LogStorageError) {
        try put(files)
        try Self.flushName(files)
    }

    /// Puts the table in place in one step, which lasts once its name is flushed.
    func put(_ files: PartitionFiles) throws(LogStorageError) {
        try onDisk { () throws(DiskError) in
            try files.replace(files.path(Self.fileName), with: encoded)
        }
    }

    static func flushName(_ files: PartitionFiles) throws(LogStorageError) {
        try onDisk { () throws(DiskError) in try files.disk.syncDirectory(files.directory) }
    }

    private static func firstLine(_ body: ArraySlice<UInt8>) -> String {
        let digits = String(body.withUnsafeBytes { crc32c($0) }, radix: 16)
        return "\(version) " + String(repeating: "0", count: 8 - digits.utf8.count) + digits + "\n"
    }

    private static func line(_ topic: TopicDefinition) -> String {
        let options = topic.options.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
        return "\(topic.name) \(topic.partitionCount) \(topic.id)\(options.joined())\n"
    }
}
