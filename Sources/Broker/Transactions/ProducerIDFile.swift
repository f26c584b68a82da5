import LogModel
import LogStorage

/// The end of the last granted block of producer ids, in one line of a file of its own.
///
///     0          the version of this file
///     2000       ids below this were granted
///
/// Written beside and renamed over, and durable before an id of the block is used.
struct ProducerIDFile: Sendable {
    static let name = "producer-id-block"
    private static let version = "0"

    let disk: any Disk
    let directory: String

    private var path: String { "\(directory)/\(Self.name)" }

    /// The end of the last block; 0 if none was granted.
    func read() throws(BrokerError) -> ProducerID {
        let text: String
        do throws(DiskError) {
            guard try disk.kind(of: path) == .file else { return ProducerID(0) }
            text = try readText()
        } catch {
            throw .disk(error)
        }
        let lines = text.split(separator: "\n")
        guard lines.count == 2, lines[0] == Self.version, let end = Int64(lines[1]), end >= 0
        else { throw .corrupt("\(path) is not a block of producer ids") }
        return ProducerID(end)
    }

    /// Makes `end` durable.
    func write(_ end: ProducerID) throws(BrokerError) {
        let bytes = Array("\(Self.version)\n\(end.rawValue)\n".utf8)
        let temporary = path + ".tmp"
        do throws(DiskError) {
            if try disk.kind(of: temporary) != nil { try disk.remove(temporary) }
            let file = try disk.open(temporary, .create)
            defer { file.close() }
            try writeAll(bytes, to: file)
            try file.sync()
            try disk.rename(temporary, to: path)
            try disk.syncDirectory(directory)
        } catch {
            throw .disk(error)
        }
    }

    private func writeAll(_ bytes: [UInt8], to file: any DiskFile) throws(DiskError) {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(DiskError) in try file.write(buffer, at: 0) }
        }
        try result.get()
    }

    private func readText() throws(DiskError) -> String {
        let file = try disk.open(path, .read)
        defer { file.close() }
        // Two short lines: whatever is longer is damaged and found so by the caller.
        var bytes = [UInt8](repeating: 0, count: 64)
        let result = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(DiskError) in try file.read(into: buffer, at: 0) }
        }
        return String(decoding: bytes[..<(try result.get())], as: UTF8.self)
    }
}
