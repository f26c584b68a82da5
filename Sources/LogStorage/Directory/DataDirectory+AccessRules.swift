import Bytes

/// The rules of who may do what, as one file: `.millrace/acls`, replaced in one step.
///
///     1 8a1c03f2     the version; CRC-32C of what follows
///     …              the rules, in the form of whoever reads them
extension DataDirectory {
    private static let rulesName = "acls"
    private static let rulesFile = "\(ownFolder)/\(rulesName)"

    /// The file of the own folder with the users that may log in.
    package static let usersName = "users"

    /// What lies in the own folder and says nothing of the log.
    package static let filesBesideLog = [rulesName, clusterName, usersName]

    private static let rulesVersion = "1"

    /// What was stored last; nil where nothing ever was. A file that is not as it was written is an
    /// error: nobody may take it for one without rules.
    package func accessRules() throws(LogStorageError) -> [UInt8]? {
        let path = files.path(Self.rulesFile)
        let content = try onDisk { () throws(DiskError) in try files.content(of: path) }
        guard let content else { return nil }
        let end = content.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? content.count
        let body = Array(content[end...])
        guard content[..<end].elementsEqual(Self.rulesHead(body)) else {
            throw .corrupt("\(path): its checksum is not that of its content")
        }
        return body
    }

    /// What is read back of a file, less its head.
    package static let accessRuleByteLimit = PartitionFiles.smallFileByteLimit - 64

    /// Replaces what is stored; durable on return.
    package func storeAccessRules(_ body: [UInt8]) throws(LogStorageError) {
        precondition(body.count <= Self.accessRuleByteLimit, "rules that cannot be read again")
        try onDisk { () throws(DiskError) in
            try files.replace(files.path(Self.rulesFile), with: Self.rulesHead(body) + body)
            try files.disk.syncDirectory(files.path(Self.ownFolder))
        }
    }

    private static func rulesHead(_ body: [UInt8]) -> [UInt8] {
        let digits = String(body.withUnsafeBytes { crc32c($0) }, radix: 16)
        let padding = String(repeating: "0", count: 8 - digits.utf8.count)
        return Array("\(rulesVersion) \(padding)\(digits)\n".utf8)
    }
}
