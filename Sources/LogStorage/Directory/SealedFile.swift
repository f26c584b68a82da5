import Bytes

/// A small file in `.millrace` that is replaced as a whole, durably: what it held before, or what
/// it holds now, never anything between. Its content is its owner's.
///
///      0  8  magic "MILLRSEA"
///      8  4  format of the content
///     12  4  CRC-32C of all that follows
///     16  …  content
package struct SealedFile: Sendable {
    /// More is no small file.
    package static let contentByteLimit = 16 << 20
    private static let magic: UInt64 = 0x4D49_4C4C_5253_4541
    private static let headerByteCount = 16

    private let files: PartitionFiles
    private let name: String
    private let format: UInt32

    package init(_ name: String, format: UInt32, disk: any Disk, directory: String) {
        files = PartitionFiles(disk: disk, directory: "\(directory)/\(DataDirectory.ownFolder)")
        self.name = name
        self.format = format
    }

    package var path: String { files.path(name) }

    /// The content that was written last; nil where there is no such file.
    package func content() throws(LogStorageError) -> [UInt8]? {
        let bytes = try onDisk { () throws(DiskError) in try files.content(of: path) }
        guard let bytes else { return nil }
        let content = bytes.withUnsafeBytes { Self.decode($0, format) }
        guard let content else {
            throw .corrupt("\(path) is damaged, or a later program's")
        }
        return content
    }

    private static func decode(_ raw: UnsafeRawBufferPointer, _ format: UInt32) -> [UInt8]? {
        guard raw.count >= headerByteCount, let begin = raw.baseAddress,
            begin.bigEndian(UInt64.self, at: 0) == magic,
            begin.bigEndian(UInt32.self, at: 8) == format,
            begin.bigEndian(UInt32.self, at: 12)
                == crc32c(UnsafeRawBufferPointer(rebasing: raw[headerByteCount...]))
        else { return nil }
        return Array(raw[headerByteCount...])
    }

    package func replace(with content: [UInt8]) throws(LogStorageError) {
        precondition(content.count <= Self.contentByteLimit, "a small file that is not small")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerByteCount + content.count)
        let checksum = content.withUnsafeBytes { crc32c($0) }
        withUnsafeBytes(of: Self.magic.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: format.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: checksum.bigEndian) { bytes.append(contentsOf: $0) }
        bytes += content
        try onDisk { () throws(DiskError) in
            try files.replace(path, with: bytes)
            try files.disk.syncDirectory(files.directory)
        }
    }
}
