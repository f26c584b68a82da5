package import LogStorage

/// Makes a directory as a Kafka broker leaves it, on any disk.
package struct KafkaDirectoryMaker {
    package let disk: any Disk
    package let path: String

    package static let properties =
        "#\nversion=1\nnode.id=1\ndirectory.id=AAAAAAAAQACAAAAAAAAAAQ\n"
        + "cluster.id=AAAAAAAAQACAAAAAAAAAAQ\n"

    /// An empty directory of a broker that ended cleanly, or was killed.
    package init(
        _ disk: any Disk,
        _ path: String = "/kafka",
        isClean: Bool = true,
        properties: String = Self.properties
    ) throws {
        self.disk = disk
        self.path = path
        try disk.createDirectory(path)
        try write("meta.properties", Array(properties.utf8))
        if isClean { try write(".kafka_cleanshutdown", Array("{\"version\":0}".utf8)) }
    }

    /// A partition's folder with segments by base offset.
    package func partition(
        _ name: String,
        _ segments: [Int64: [[UInt8]]],
        id: String? = "AAAAAAAAQACAAAAAAAAAAg"
    ) throws {
        try disk.createDirectory("\(path)/\(name)")
        if let id {
            try write("\(name)/partition.metadata", Array("version: 0\ntopic_id: \(id)\n".utf8))
        }
        for (base, entries) in segments {
            try write("\(name)/\(Self.digits(base)).log", entries.flatMap { $0 })
        }
    }

    /// A checkpoint file: lines such as `t 0 42`.
    package func checkpoint(_ name: String, _ lines: String...) throws {
        let text = "0\n\(lines.count)\n" + lines.map { "\($0)\n" }.joined()
        try write("\(name)-checkpoint", Array(text.utf8))
    }

    /// Any file, by its name below the directory.
    package func write(_ name: String, _ bytes: [UInt8]) throws {
        let file = try disk.open("\(path)/\(name)", .create)
        defer { file.close() }
        try bytes.withUnsafeBytes { try file.write($0, at: 0) }
    }

    /// A base offset as file names have it.
    package static func digits(_ base: Int64) -> String {
        let digits = String(base)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits
    }
}
