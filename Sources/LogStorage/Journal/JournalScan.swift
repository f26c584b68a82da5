import Bytes
import LogModel

/// A group as it was found in a journal file.
struct FoundGroup: Equatable, Sendable {
    var sequence: UInt64
    var entries: [JournalEntry]
    /// Where the bytes of the ranges begin in the file.
    var payloadPosition: Int
}

/// A group that should be there, for a later one is, and is not whole.
struct JournalDamage: Equatable, Sendable, CustomStringConvertible {
    var file: String
    var position: Int
    /// The partitions that it told of; nil where not even that can be read.
    var partitions: [PartitionKey]?
    var reason: String

    var description: String { "\(file), byte \(position): \(reason)" }
}

/// Reads one journal file's bytes. Pure.
///
/// The writer begins a group only after the one before it was flushed, so a whole group proves
/// that all before it were durable: behind a bad one with a good successor acknowledged bytes are
/// missing. A bad one without a successor is a torn tail: nobody was told of it.
struct JournalFileScan {
    /// A group that is not whole, with a whole one behind it.
    struct Gap: Equatable {
        var position: Int
        var sequence: UInt64
        /// Nil where not even its table is intact.
        var partitions: [PartitionKey]?
    }

    private(set) var groups: [FoundGroup] = []
    private(set) var gaps: [Gap] = []
    /// The sequence that would come next.
    private(set) var next: UInt64
    /// Where the next group would lie.
    private(set) var position = JournalFileHeader.byteCount
    private let salt: UInt64?

    /// Reads the groups of a file from `header.firstSequence` on, and keeps those from
    /// `replayFrom` on.
    init(_ bytes: UnsafeRawBufferPointer, _ header: JournalFileHeader, replayFrom: UInt64) {
        next = header.firstSequence
        salt = header.salt
        while true {
            while let (head, record) = record(in: bytes, at: position),
                head.sequence == next, JournalRecord.isIntact(record, head),
                let entries = JournalRecord.entries(record, head)
            { take(head, entries, replayFrom) }
            guard let successor = successor(in: bytes) else { return }
            // Of several only the first can be asked whose it was.
            let isOne = successor.sequence == next + 1
            gaps.append(
                Gap(
                    position: position,
                    sequence: next,
                    partitions: isOne ? partitionsOfBadGroup(in: bytes) : nil
                )
            )
            position = successor.position
            next = successor.sequence
        }
    }

    private mutating func take(
        _ head: JournalRecord.Head,
        _ entries: [JournalEntry],
        _ replayFrom: UInt64
    ) {
        if head.sequence >= replayFrom {
            groups.append(
                FoundGroup(
                    sequence: head.sequence,
                    entries: entries,
                    payloadPosition: position + head.headerByteCount + head.tableByteCount
                )
            )
        }
        next += 1
        position += JournalRecord.padded(head.byteCount)
    }

    /// What stands for a file's damaged header: what its first group tells, if that is whole. Only
    /// of that one it is sure, without a salt, that it is no client's bytes.
    static func header(in bytes: UnsafeRawBufferPointer) -> JournalFileHeader? {
        guard let (head, record) = anyRecord(in: bytes, at: JournalFileHeader.byteCount),
            JournalRecord.isIntact(record, head), JournalRecord.entries(record, head) != nil
        else { return nil }
        return JournalFileHeader(
            firstSequence: head.sequence,
            fileByteCount: Int64(bytes.count),
            replayFrom: 1,
            salt: head.salt
        )
    }

    /// What may be a record of this use of the file.
    private func record(
        in bytes: UnsafeRawBufferPointer,
        at position: Int
    ) -> (JournalRecord.Head, UnsafeRawBufferPointer)? {
        guard let found = Self.anyRecord(in: bytes, at: position), found.0.salt == salt else {
            return nil
        }
        return found
    }

    private static func anyRecord(
        in bytes: UnsafeRawBufferPointer,
        at position: Int
    ) -> (JournalRecord.Head, UnsafeRawBufferPointer)? {
        guard position <= bytes.count - JournalRecord.shortHeaderByteCount else { return nil }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
        guard let head = JournalRecord.head(rest, at: position), head.byteCount <= rest.count else {
            return nil
        }
        return (head, UnsafeRawBufferPointer(rebasing: rest[..<head.byteCount]))
    }

    /// The next whole group of a later sequence behind `position`: then what stands at `position`
    /// is damage.
    private func successor(
        in bytes: UnsafeRawBufferPointer
    ) -> (position: Int, sequence: UInt64)? {
        var at = position + JournalRecord.alignment
        while at <= bytes.count - JournalRecord.shortHeaderByteCount {
            if let (head, record) = record(in: bytes, at: at), head.sequence > next,
                JournalRecord.isIntact(record, head), JournalRecord.entries(record, head) != nil
            {
                return (at, head.sequence)
            }
            at += JournalRecord.alignment
        }
        return nil
    }

    /// The same of what stands behind the last whole group: what a client wrote at an earlier use
    /// of the file, which may lie there, does not know the salt.
    func partitionsOfTail(in bytes: UnsafeRawBufferPointer) -> [PartitionKey]? {
        guard let head = Self.head(in: bytes, at: position), head.salt == salt else { return nil }
        return partitionsOfBadGroup(in: bytes)
    }

    /// The partitions that the bad group at `position` tells of, where its table is intact.
    func partitionsOfBadGroup(in bytes: UnsafeRawBufferPointer) -> [PartitionKey]? {
        guard let head = Self.head(in: bytes, at: position), head.sequence == next else {
            return nil
        }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
        return JournalRecord.entries(rest, head)?.map(\.partition)
    }

    private static func head(
        in bytes: UnsafeRawBufferPointer,
        at position: Int
    ) -> JournalRecord.Head? {
        guard position <= bytes.count - JournalRecord.shortHeaderByteCount else { return nil }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
        return JournalRecord.head(rest, at: position)
    }
}

/// In which order journal files are to be read. Pure.
struct JournalOrder: Equatable {
    struct File: Equatable {
        var name: String
        var header: JournalFileHeader
    }

    /// Those that may hold groups from `replayFrom` on, in order.
    var files: [File]

    /// `files` are all with a header that makes sense.
    init(_ files: [File], replayFrom: UInt64) {
        let sorted = files.sorted { $0.header.firstSequence < $1.header.firstSequence }
        // The last files that begin at or before it hold it; those in front of them do not. There
        // may be several: an owner that died before its first group was whole left an empty one.
        let begin = sorted.last { $0.header.firstSequence <= replayFrom }?.header.firstSequence
        self.files = sorted.filter { file in begin.map { file.header.firstSequence >= $0 } ?? true }
    }
}
