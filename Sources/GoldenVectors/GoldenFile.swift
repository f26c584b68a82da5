import Foundation
import LogModel

/// One file below the golden folder; its text is read and unpacked once.
final class GoldenFile {
    /// Below the golden folder, as `wire/batches.jsonl.gz`.
    let path: String
    let url: URL
    private var unpacked: [UInt8]?

    init(path: String, url: URL) {
        self.path = path
        self.url = url
    }

    /// The last component of the path.
    var name: String { url.lastPathComponent }

    /// The name without `.jsonl`, `.json` and `.gz`.
    var stem: String { String(name.prefix { $0 != "." }) }

    /// The path's folder, as `storage/segments/plain`.
    var folder: String { path.split(separator: "/").dropLast().joined(separator: "/") }

    /// The content, unpacked if the name ends in `.gz`.
    func content() throws -> [UInt8] {
        if let unpacked { return unpacked }
        var bytes = Array(try Data(contentsOf: url))
        if name.hasSuffix(".gz") {
            var decompressor = RecordDecompressor()
            bytes = try bytes.withUnsafeBytes { packed in
                Array(
                    try decompressor.decompress(packed, codec: .gzip, byteLimit: 4 << 30)
                )
            }
        }
        unpacked = bytes
        return bytes
    }

    /// The JSON value that the file consists of.
    func json() throws -> JSON { try JSONParser.parse(try content()[...]) }

    /// One JSON value a line.
    func lines() throws -> [JSON] {
        let lines = try content().split(separator: UInt8(ascii: "\n"))
        return try lines.map { (line) throws(GoldenError) in try JSONParser.parse(line) }
    }

    /// The first line's value: what families are told apart by. Nil where it is no JSON.
    lazy var firstLine: JSON? = {
        guard name.contains(".json"), let content = try? content() else { return nil }
        let line = content.prefix { $0 != UInt8(ascii: "\n") }
        return try? JSONParser.parse(line)
    }()

    /// Forgets the content.
    func unload() { unpacked = nil }
}
