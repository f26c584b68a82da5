package import Bytes
package import LogModel

/// A partition by what it is, not by its name: the topic's id and the number.
package struct PartitionKey: Hashable, Comparable, Sendable {
    package var topicID: UniqueID
    package var partition: PartitionIndex

    package init(topicID: UniqueID, partition: PartitionIndex) {
        self.topicID = topicID
        self.partition = partition
    }

    package static func < (left: PartitionKey, right: PartitionKey) -> Bool {
        (left.topicID, left.partition) < (right.topicID, right.partition)
    }
}

/// Bytes of one segment.
struct JournalRange: Equatable, Sendable {
    /// The base offset of the segment.
    var segment: Offset
    /// Where in the segment's file they begin.
    var position: Int64
    var byteCount: Int
    /// The bytes lie in the record; otherwise they were flushed in the segment itself.
    var isInRecord: Bool
}

/// What a group says of one partition: everything below `end` is durable once the group is.
struct JournalEntry: Equatable, Sendable {
    var partition: PartitionKey
    var logStart: Offset
    var end: Offset
    /// In the order in which they were appended.
    var ranges: [JournalRange]

    var recordedByteCount: Int {
        ranges.reduce(0) { $0 + ($1.isInRecord ? $1.byteCount : 0) }
    }
}

/// One group: what became durable together, all of it or nothing.
///
///      0  4  magic "MRG2"; "MRG1" had no salt
///      4  4  CRC-32C of all that follows
///      8  8  sequence: one more than the group before it
///     16  4  bytes of the whole record, padding left out
///     20  4  bytes of the table
///     24  4  CRC-32C of the table, so that a damaged record still tells whose it was
///     28  8  where the record lies in its file: one copied into a client's records is none
///     36  8  the salt of its file's use: no client knows it, so no bytes of his are a record
///     44  …  table: a count (4), then for each partition: topic id (16), partition (4), log start
///            (8), end (8), a count of ranges (4), and each range: segment (8), position (8),
///            bytes (4), 1 if they follow in this record (1)
///      …  …  the bytes of the ranges, in the order of the table
///
/// Records begin at multiples of 8.
enum JournalRecord {
    static let magic: UInt32 = 0x4D52_4732
    static let headerByteCount = 44
    private static let shortMagic: UInt32 = 0x4D52_4731
    /// The bytes of a head that has no salt.
    static let shortHeaderByteCount = 36
    static let alignment = 8
    private static let entryByteCount = 40
    private static let rangeByteCount = 21

    /// What the head of a record says.
    struct Head: Equatable {
        var checksum: UInt32
        var sequence: UInt64
        var byteCount: Int
        var tableByteCount: Int
        var tableChecksum: UInt32
        var position: Int
        /// Nil in a record of the format that has none.
        var salt: UInt64?

        var headerByteCount: Int {
            salt == nil ? JournalRecord.shortHeaderByteCount : JournalRecord.headerByteCount
        }
    }

    static func padded(_ byteCount: Int) -> Int {
        (byteCount + alignment - 1) / alignment * alignment
    }

    static func byteCount(of entries: [JournalEntry]) -> Int {
        tableByteCount(of: entries) + headerByteCount
            + entries.reduce(0) { $0 + $1.recordedByteCount }
    }

    private static func tableByteCount(of entries: [JournalEntry]) -> Int {
        entries.reduce(4) { $0 + entryByteCount + $1.ranges.count * rangeByteCount }
    }

    /// The record of a group that is to lie at `position` of a file; `payload` are the bytes of
    /// each entry's ranges, in order.
    static func encode(
        sequence: UInt64,
        position: Int64,
        salt: UInt64,
        entries: [JournalEntry],
        payload: [[UInt8]]
    ) -> [UInt8] {
        let total = byteCount(of: entries)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(padded(total))
        put(magic, into: &bytes)
        put(UInt32(0), into: &bytes)
        put(sequence, into: &bytes)
        put(UInt32(total), into: &bytes)
        put(UInt32(tableByteCount(of: entries)), into: &bytes)
        put(UInt32(0), into: &bytes)
        put(position, into: &bytes)
        put(salt, into: &bytes)
        put(UInt32(entries.count), into: &bytes)
        for entry in entries { put(entry, into: &bytes) }
        let table = bytes[headerByteCount...].withUnsafeBytes { crc32c($0) }
        set(table, at: 24, in: &bytes)
        for part in payload { bytes.append(contentsOf: part) }
        precondition(bytes.count == total, "a group's payload is not what its table says")
        let whole = bytes[8...].withUnsafeBytes { crc32c($0) }
        set(whole, at: 4, in: &bytes)
        bytes.append(contentsOf: repeatElement(0, count: padded(total) - total))
        return bytes
    }

    private static func put(_ entry: JournalEntry, into bytes: inout [UInt8]) {
        put(entry.partition.topicID.high, into: &bytes)
        put(entry.partition.topicID.low, into: &bytes)
        put(entry.partition.partition.rawValue, into: &bytes)
        put(entry.logStart.rawValue, into: &bytes)
        put(entry.end.rawValue, into: &bytes)
        put(UInt32(entry.ranges.count), into: &bytes)
        for range in entry.ranges {
            put(range.segment.rawValue, into: &bytes)
            put(range.position, into: &bytes)
            put(UInt32(range.byteCount), into: &bytes)
            bytes.append(range.isInRecord ? 1 : 0)
        }
    }

    /// The head at the start of `bytes`, which lie at `position` of a file; nil if there is none
    /// that could be one there.
    static func head(_ bytes: UnsafeRawBufferPointer, at position: Int) -> Head? {
        guard bytes.count >= shortHeaderByteCount, let p = bytes.baseAddress else { return nil }
        let found: UInt32 = p.bigEndian(at: 0)
        guard found == shortMagic || found == magic && bytes.count >= headerByteCount else {
            return nil
        }
        let head = Head(
            checksum: p.bigEndian(UInt32.self, at: 4),
            sequence: p.bigEndian(UInt64.self, at: 8),
            byteCount: Int(p.bigEndian(UInt32.self, at: 16)),
            tableByteCount: Int(p.bigEndian(UInt32.self, at: 20)),
            tableChecksum: p.bigEndian(UInt32.self, at: 24),
            position: Int(truncatingIfNeeded: p.bigEndian(Int64.self, at: 28)),
            salt: found == magic ? p.bigEndian(UInt64.self, at: 36) : nil
        )
        guard head.position == position, head.tableByteCount >= 4, head.sequence < UInt64.max / 2,
            head.byteCount >= head.headerByteCount + head.tableByteCount
        else { return nil }
        return head
    }

    /// Whether `record`, a whole one, is as it was written.
    static func isIntact(_ record: UnsafeRawBufferPointer, _ head: Head) -> Bool {
        record.count == head.byteCount
            && crc32c(UnsafeRawBufferPointer(rebasing: record[8...])) == head.checksum
    }

    /// The table of a record whose table is intact; nil if it is not, or makes no sense.
    static func entries(_ record: UnsafeRawBufferPointer, _ head: Head) -> [JournalEntry]? {
        let begin = head.headerByteCount
        guard record.count >= begin + head.tableByteCount else { return nil }
        let table = UnsafeRawBufferPointer(rebasing: record[begin..<begin + head.tableByteCount])
        guard crc32c(table) == head.tableChecksum else { return nil }
        var reader = ByteReader(table)
        do throws(WireError) {
            let count = try reader.readInteger(UInt32.self)
            var entries: [JournalEntry] = []
            var recorded = 0
            for _ in 0..<count {
                let entry = try entry(&reader)
                recorded += entry.recordedByteCount
                entries.append(entry)
            }
            let payload = head.byteCount - begin - head.tableByteCount
            return reader.isAtEnd && recorded == payload ? entries : nil
        } catch { return nil }
    }

    private static func entry(_ reader: inout ByteReader) throws(WireError) -> JournalEntry {
        let id = UniqueID(
            high: try reader.readInteger(UInt64.self),
            low: try reader.readInteger(UInt64.self)
        )
        let index = PartitionIndex(try reader.readInteger(Int32.self))
        var entry = JournalEntry(
            partition: PartitionKey(topicID: id, partition: index),
            logStart: Offset(try reader.readInteger(Int64.self)),
            end: Offset(try reader.readInteger(Int64.self)),
            ranges: []
        )
        for _ in 0..<(try reader.readInteger(UInt32.self)) {
            let segment = Offset(try reader.readInteger(Int64.self))
            let position = try reader.readInteger(Int64.self)
            let count = Int(try reader.readInteger(UInt32.self))
            let isInRecord = try reader.readInteger(UInt8.self) == 1
            guard segment >= .zero, position >= 0, position < Int64.max / 2 else {
                throw .truncated
            }
            // The last one says where the partition ends.
            if let last = entry.ranges.last,
                segment < last.segment
                    || segment == last.segment
                        && position < last.position + Int64(last.byteCount)
            {
                throw .truncated
            }
            entry.ranges.append(
                JournalRange(
                    segment: segment,
                    position: position,
                    byteCount: count,
                    isInRecord: isInRecord
                )
            )
        }
        guard entry.logStart >= .zero, entry.end >= entry.logStart, index.rawValue >= 0 else {
            throw .truncated
        }
        return entry
    }

    private static func put<Integer: FixedWidthInteger>(
        _ value: Integer,
        into bytes: inout [UInt8]
    ) { withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) } }

    private static func set(_ value: UInt32, at index: Int, in bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { bytes.replaceSubrange(index..<index + 4, with: $0) }
    }
}
