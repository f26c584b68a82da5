import Bytes

/// Which files the journal has: `.millrace/journal-files`, beside their folder, so that what takes
/// the files away does not take the word of them. A file is entered once it was filled, headed and
/// flushed: one that is entered and is not there, or is shorter than its header says, has lost
/// groups. Replaced in one step.
///
///     1 5d0f3c51     the version; CRC-32C of what follows
///     1 2            the numbers of the files
enum JournalLedger {
    private static let version = "1"

    static func path(of directory: String) -> String { "\(directory)-files" }

    /// The numbers of the files; nil where nothing tells them: an older program kept no account,
    /// or it is damaged.
    static func load(disk: any Disk, directory: String) throws(DiskError) -> Set<Int>? {
        let files = PartitionFiles(disk: disk, directory: directory)
        return try files.readableContent(of: path(of: directory)).flatMap(decode)
    }

    static func store(
        _ numbers: Set<Int>,
        disk: any Disk,
        directory: String
    ) throws(DiskError) {
        let files = PartitionFiles(disk: disk, directory: directory)
        try files.replace(path(of: directory), with: encode(numbers))
        guard let slash = directory.lastIndex(of: "/") else { return }
        try disk.syncDirectory(String(directory[..<slash]))
    }

    static func encode(_ numbers: Set<Int>) -> [UInt8] {
        let body = Array((numbers.sorted().map(String.init).joined(separator: " ") + "\n").utf8)
        let digits = String(body.withUnsafeBytes { crc32c($0) }, radix: 16)
        let padding = String(repeating: "0", count: 8 - digits.utf8.count)
        return Array("\(version) \(padding)\(digits)\n".utf8) + body
    }

    static func decode(_ bytes: [UInt8]) -> Set<Int>? {
        let lines = String(decoding: bytes, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 3 else { return nil }
        let numbers = Set(lines[1].split(separator: " ").compactMap { Int($0) })
        return encode(numbers) == bytes ? numbers : nil
    }
}
