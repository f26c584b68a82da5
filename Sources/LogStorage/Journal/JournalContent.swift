import Bytes
import LogModel

/// The groups of a journal that count, read file by file.
struct JournalContent: Sendable {
    /// The sequence that the next group gets.
    var next: UInt64
    var damages: [JournalDamage] = []
    var readByteCount: Int64 = 0
    /// Which files that must be there have lost something, a line each.
    var lost: [String] = []
    /// Entries with their bytes, by group, in order.
    var groups: [[HeldEntry]] = []

    /// A partition's part of a group, with its bytes.
    struct HeldEntry: Sendable {
        var entry: JournalEntry
        var payload: [UInt8]
    }

    /// Reads the groups from `start` on; where that is not known any more, from the place that
    /// the files themselves name.
    static func read(
        disk: any Disk,
        directory: String,
        replayFrom start: UInt64?
    ) throws(DiskError) -> JournalContent {
        var content = JournalContent(next: start ?? 1)
        var found: [JournalOrder.File] = []
        let entered = try JournalLedger.load(disk: disk, directory: directory)
        guard try disk.kind(of: directory) == .directory else {
            if entered.map({ !$0.isEmpty }) ?? ((start ?? 1) > 1) {
                content.lost = ["\(directory) is missing"]
            }
            return content
        }
        var missing = entered ?? []
        for name in try disk.list(directory) {
            guard let number = Journal.number(of: name) else { continue }
            let isEntered = missing.remove(number) != nil
            let path = "\(directory)/\(name)"
            do throws(DiskError) {
                let header = try content.look(at: path, disk, isEntered: isEntered)
                if let header { found.append(.init(name: name, header: header)) }
            } catch {
                guard error.saysUnreadable else { throw error }
                content.lost.append("\(path) cannot be read")
            }
        }
        content.lost += missing.sorted().map { "\(directory)/\(Journal.name($0)) is missing" }
        if entered == nil, found.isEmpty, (start ?? 1) > 1 {
            content.lost.append("\(directory) has lost its files")
        }
        let replayFrom = start ?? found.map(\.header.replayFrom).max() ?? 1
        content.next = replayFrom
        var tail: Tail?
        for file in JournalOrder(found, replayFrom: replayFrom).files {
            let path = "\(directory)/\(file.name)"
            content.noteMissing(before: file.header, in: path, tail, replayFrom: replayFrom)
            do throws(DiskError) {
                tail = try content.add(file.header, path, disk, replayFrom: replayFrom) ?? tail
            } catch {
                guard error.saysUnreadable else { throw error }
                content.lost.append("\(path) cannot be read")
            }
        }
        return content
    }

    /// The header of a file, or what its first group tells in its place; nil where it has neither.
    private mutating func look(
        at path: String,
        _ disk: any Disk,
        isEntered: Bool
    ) throws(DiskError) -> JournalFileHeader? {
        let file = try disk.open(path, .read)
        defer { file.close() }
        let head = try PartitionFiles.bytes(of: file, at: 0, count: 64)
        readByteCount += Int64(head.count)
        var header = head.withUnsafeBytes { JournalFileHeader($0) }
        if header == nil { header = try Self.header(of: file) }
        guard isEntered else { return header }
        let byteCount = try file.byteCount()
        if header == nil {
            lost.append("\(path) has lost its header and its groups")
        } else if let filled = header?.filledByteCount, byteCount < filled {
            lost.append(
                "\(path) was cut short: it has \(byteCount) bytes, \(filled) were written"
            )
        }
        return header
    }

    /// What stands behind the last whole group of a file: a torn tail, or a group that the next
    /// file tells to have been whole.
    private struct Tail {
        var file: String
        var position: Int
        var sequence: UInt64
        /// Whose it was, where its table is intact.
        var partitions: [PartitionKey]?
    }

    /// A file that begins behind the group that is next tells that acknowledged ones are missing.
    /// If it is one, the file before may still tell whose it was.
    private mutating func noteMissing(
        before header: JournalFileHeader,
        in path: String,
        _ tail: Tail?,
        replayFrom: UInt64
    ) {
        let first = header.firstSequence
        guard first > next, first > replayFrom else { return }
        if let tail, let partitions = tail.partitions, tail.sequence == next, first == next + 1 {
            damages.append(
                JournalDamage(
                    file: tail.file,
                    position: tail.position,
                    partitions: partitions,
                    reason: "group \(next) is damaged, and a later one is whole"
                )
            )
            return
        }
        damages.append(
            JournalDamage(
                file: path,
                position: 0,
                partitions: nil,
                reason: "group \(next) is missing, this file begins with \(first)"
            )
        )
    }

    /// What stands for a header that is damaged or was never written: nil if the first group is
    /// not whole.
    private static func header(of file: any DiskFile) throws(DiskError) -> JournalFileHeader? {
        try bytes(of: file).withUnsafeBytes { JournalFileScan.header(in: $0) }
    }

    /// What a file without a header is read of at most: none is made as large.
    private static let byteLimit: Int64 = 1 << 30

    /// The bytes of a file in the journal's form, as many as its header says: whatever length the
    /// file has got since, what lies behind is nobody's.
    static func bytes(of file: any DiskFile) throws(DiskError) -> [UInt8] {
        let begin = try PartitionFiles.content(
            of: file,
            byteLimit: Int64(JournalFileHeader.byteCount)
        )
        let header = begin.withUnsafeBytes { JournalFileHeader($0) }
        return try PartitionFiles.content(of: file, byteLimit: header?.fileByteCount ?? byteLimit)
    }

    /// Nil for a file that is not read.
    private mutating func add(
        _ header: JournalFileHeader,
        _ path: String,
        _ disk: any Disk,
        replayFrom: UInt64
    ) throws(DiskError) -> Tail? {
        // A file that was begun and got no whole group is followed by another that begins alike.
        let first = header.firstSequence
        let isBehind = first > next && first > replayFrom
        guard isBehind || first == next || next == replayFrom else { return nil }
        let file = try disk.open(path, .read)
        defer { file.close() }
        let bytes = try Self.bytes(of: file)
        readByteCount += Int64(bytes.count)
        return bytes.withUnsafeBytes { bytes in
            let scan = JournalFileScan(bytes, header, replayFrom: replayFrom)
            for group in scan.groups {
                var at = group.payloadPosition
                groups.append(
                    group.entries.map { entry in
                        let count = entry.recordedByteCount
                        defer { at += count }
                        return HeldEntry(entry: entry, payload: Array(bytes[at..<at + count]))
                    }
                )
            }
            next = max(next, scan.next)
            for gap in scan.gaps where gap.sequence >= replayFrom {
                damages.append(
                    JournalDamage(
                        file: path,
                        position: gap.position,
                        partitions: gap.partitions,
                        reason: "group \(gap.sequence) is damaged, and a later one is whole"
                    )
                )
            }
            return Tail(
                file: path,
                position: scan.position,
                sequence: scan.next,
                partitions: scan.partitionsOfTail(in: bytes)
            )
        }
    }
}

/// What a journal vouches for and the segments cannot take yet, because a partition is offline or
/// damaged: kept in `held`, in the form of a journal file, until the partition can.
enum HeldGroups {
    static let fileName = "held"

    struct Content: Sendable {
        var groups: [[JournalContent.HeldEntry]] = []
        var damages: [JournalDamage] = []
        /// What the file has lost, where nothing tells whose it was.
        var lost: [String] = []
    }

    /// - Parameter isExpected: a checkpoint says that the file must be there.
    static func load(
        disk: any Disk,
        directory: String,
        isExpected: Bool = false
    ) throws(DiskError) -> Content {
        let files = PartitionFiles(disk: disk, directory: directory)
        let path = files.path(fileName)
        guard try disk.kind(of: path) != nil else {
            return Content(lost: isExpected ? ["\(path) is missing"] : [])
        }
        let file = try disk.open(path, .read)
        defer { file.close() }
        let bytes = try JournalContent.bytes(of: file)
        return bytes.withUnsafeBytes { bytes in
            // But for the salt the header says nothing that is not known.
            let found = JournalFileHeader(bytes) ?? JournalFileScan.header(in: bytes)
            let header = header(fileByteCount: bytes.count, salt: found?.salt)
            let scan = JournalFileScan(bytes, header, replayFrom: 0)
            var content = Content()
            content.groups = scan.groups.map { group in
                var at = group.payloadPosition
                return group.entries.map { entry in
                    let count = entry.recordedByteCount
                    defer { at += count }
                    return .init(entry: entry, payload: Array(bytes[at..<at + count]))
                }
            }
            var gaps = scan.gaps
            // The file was put in place in one step: it has no torn tail.
            if scan.position < bytes.count {
                gaps.append(
                    .init(
                        position: scan.position,
                        sequence: scan.next,
                        partitions: scan.partitionsOfBadGroup(in: bytes)
                    )
                )
            }
            if let loss = loss(bytes, found, scan) { content.lost = ["\(path) \(loss)"] }
            content.damages = gaps.map { gap in
                JournalDamage(
                    file: path,
                    position: gap.position,
                    partitions: gap.partitions,
                    reason: "held group \(gap.sequence) is damaged"
                )
            }
            return content
        }
    }

    /// It was put in place in one step: one without a group, or shorter than it says, was cut.
    private static func loss(
        _ bytes: UnsafeRawBufferPointer,
        _ header: JournalFileHeader?,
        _ scan: JournalFileScan
    ) -> String? {
        if bytes.count <= JournalFileHeader.byteCount { return "has lost its groups" }
        guard let wanted = header?.fileByteCount, scan.position >= bytes.count,
            Int64(bytes.count) < wanted
        else { return nil }
        return "was cut short: it has \(bytes.count) bytes, \(wanted) were written"
    }

    private static func header(fileByteCount: Int, salt: UInt64?) -> JournalFileHeader {
        JournalFileHeader(
            firstSequence: 1,
            fileByteCount: Int64(fileByteCount),
            replayFrom: 1,
            salt: salt
        )
    }

    /// Those entries of groups that are to be held; no group without any.
    static func kept(
        _ groups: [[JournalContent.HeldEntry]],
        where isKept: (JournalEntry) -> Bool
    ) -> [[JournalContent.HeldEntry]] {
        groups.map { $0.filter { isKept($0.entry) } }.filter { !$0.isEmpty }
    }

    /// Holds these groups, and nothing else.
    static func store(
        _ kept: [[JournalContent.HeldEntry]],
        salt: UInt64,
        disk: any Disk,
        directory: String
    ) throws(DiskError) {
        let files = PartitionFiles(disk: disk, directory: directory)
        guard !kept.isEmpty else {
            guard try disk.kind(of: files.path(fileName)) != nil else { return }
            try files.removeIfPresent(files.path(fileName))
            return try disk.syncDirectory(directory)
        }
        var bytes: [UInt8] = []
        for (index, group) in kept.enumerated() {
            bytes += JournalRecord.encode(
                sequence: UInt64(index + 1),
                position: Int64(JournalFileHeader.byteCount + bytes.count),
                salt: salt,
                entries: group.map(\.entry),
                payload: group.map(\.payload)
            )
        }
        let fileByteCount = JournalFileHeader.byteCount + bytes.count
        let header = header(fileByteCount: fileByteCount, salt: salt)
        try files.replace(files.path(fileName), with: header.encoded + bytes)
        try disk.syncDirectory(directory)
    }
}
