import Bytes
import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// The bytes of the journal, without a disk.
@Suite struct JournalFormatTests {
    static let salt: UInt64 = 0xFEED_F00D_0000_0001

    static func key(_ number: Int32) -> PartitionKey {
        PartitionKey(topicID: UniqueID(high: 1, low: 2), partition: PartitionIndex(number))
    }

    /// An entry of one range in the record and one that is not.
    private static func entry(_ number: Int32, _ byteCount: Int) -> JournalEntry {
        JournalEntry(
            partition: key(number),
            logStart: Offset(3),
            end: Offset(40),
            ranges: [
                JournalRange(
                    segment: Offset(0),
                    position: 500,
                    byteCount: 0,
                    isInRecord: false
                ),
                JournalRange(
                    segment: Offset(7),
                    position: 0,
                    byteCount: byteCount,
                    isInRecord: true
                ),
            ]
        )
    }

    private static func group(
        _ sequence: UInt64,
        _ numbers: [Int32],
        _ count: Int,
        at position: Int = 0
    ) -> [UInt8] {
        JournalRecord.encode(
            sequence: sequence,
            position: Int64(position),
            salt: salt,
            entries: numbers.map { entry($0, count) },
            payload: numbers.map { [UInt8](repeating: UInt8($0), count: count) }
        )
    }

    /// Groups one behind the other in a file, each with its sequence, partitions and bytes.
    private static func groups(
        _ parts: [(sequence: UInt64, numbers: [Int32], count: Int)]
    ) -> [[UInt8]] {
        var position = JournalFileHeader.byteCount
        return parts.map { part in
            let group = group(part.sequence, part.numbers, part.count, at: position)
            position += group.count
            return group
        }
    }

    static func file(
        _ groups: [[UInt8]],
        first: UInt64 = 1,
        salt: UInt64? = salt
    ) -> [UInt8] {
        let header = JournalFileHeader(
            firstSequence: first,
            fileByteCount: 65_536,
            replayFrom: 1,
            salt: salt
        )
        return header.encoded + groups.joined() + [UInt8](repeating: 0, count: 512)
    }

    static func scan(_ bytes: [UInt8], replayFrom: UInt64 = 1) throws -> JournalFileScan {
        try bytes.withUnsafeBytes { raw in
            let header = try #require(JournalFileHeader(raw))
            return JournalFileScan(raw, header, replayFrom: replayFrom)
        }
    }

    @Test func `a group reads back as it was written, with any number of bytes`() throws {
        for count in 0..<40 {
            let bytes = Self.group(9, [1, 2], count)
            #expect(bytes.count % JournalRecord.alignment == 0)
            try bytes.withUnsafeBytes { raw in
                let head = try #require(JournalRecord.head(raw, at: 0))
                #expect(head.sequence == 9)
                let record = UnsafeRawBufferPointer(rebasing: raw[..<head.byteCount])
                #expect(JournalRecord.isIntact(record, head))
                #expect(
                    JournalRecord.entries(record, head) == [
                        Self.entry(1, count), Self.entry(2, count),
                    ]
                )
            }
        }
    }

    @Test func `every flipped bit of a group is seen, and bytes that make no sense never trap`() {
        let bytes = Self.group(9, [1, 2], 33)
        let byteCount = bytes.withUnsafeBytes { JournalRecord.head($0, at: 0)?.byteCount ?? 0 }
        for bit in 0..<byteCount * 8 {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            let isBelieved = flipped.withUnsafeBytes { raw in
                guard let head = JournalRecord.head(raw, at: 0), head.byteCount <= raw.count else {
                    return false
                }
                let record = UnsafeRawBufferPointer(rebasing: raw[..<head.byteCount])
                _ = JournalRecord.entries(record, head)
                return JournalRecord.isIntact(record, head)
            }
            #expect(!isBelieved, "bit \(bit)")
        }
        for length in 0..<bytes.count {
            bytes[..<length].withUnsafeBytes { raw in
                guard let head = JournalRecord.head(raw, at: 0) else { return }
                _ = JournalRecord.entries(raw, head)
                #expect(!JournalRecord.isIntact(raw, head) || length >= byteCount)
            }
        }
    }

    @Test func `a header is believed with its checksum only`() throws {
        for (salt, byteCount) in [(Self.salt, 56), (nil, 48)] {
            let header = JournalFileHeader(
                firstSequence: 5,
                fileByteCount: 8192,
                replayFrom: 3,
                filledByteCount: 4096,
                salt: salt
            )
            let bytes = header.encoded
            #expect(bytes.count == JournalFileHeader.byteCount)
            #expect(bytes.withUnsafeBytes { JournalFileHeader($0) } == header)
            for bit in 0..<byteCount * 8 {
                var flipped = bytes
                flipped[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(flipped.withUnsafeBytes { JournalFileHeader($0) } == nil, "bit \(bit)")
            }
        }
    }

    @Test func `a file gives its groups in order, from the first that counts on`() throws {
        let groups = Self.groups((1...6).map { (UInt64($0), [1], 10 * $0) })
        let scan = try Self.scan(Self.file(groups), replayFrom: 4)
        #expect(scan.groups.map(\.sequence) == [4, 5, 6])
        #expect(scan.gaps.isEmpty && scan.next == 7)
        #expect(scan.position == JournalFileHeader.byteCount + groups.joined().count)
    }

    @Test func `groups of an earlier use behind the last one do not count`() throws {
        let old = Self.groups((1...9).map { (UInt64($0), [1], 20) })
        let new = Self.groups((10...12).map { (UInt64($0), [1], 20) })
        let scan = try Self.scan(Self.file(new + old[3...], first: 10), replayFrom: 10)
        #expect(scan.groups.map(\.sequence) == [10, 11, 12])
        #expect(scan.gaps.isEmpty && scan.next == 13)
    }

    @Test func `the last group torn at any byte is a torn tail and no damage`() throws {
        let groups = Self.groups((1...3).map { (UInt64($0), [Int32($0)], 100) })
        let whole = Self.file(groups)
        let begin = JournalFileHeader.byteCount + groups[0].count + groups[1].count
        for cut in begin..<begin + groups[2].count {
            // Zeros from there on: what was not written yet.
            let torn = Array(whole[..<cut]) + [UInt8](repeating: 0, count: whole.count - cut)
            let scan = try Self.scan(torn)
            #expect(scan.gaps.isEmpty)
            let isWhole = torn == whole
            #expect(
                scan.groups.map(\.sequence) == (isWhole ? [1, 2, 3] : [1, 2]),
                "cut at \(cut)"
            )
        }
    }

    @Test func `a bad group with a good successor is damage, with its partitions where it tells`()
        throws
    {
        let groups = Self.groups((1...4).map { (UInt64($0), [Int32($0), 9], 64) })
        let whole = Self.file(groups)
        let begin = JournalFileHeader.byteCount + groups[0].count
        let head = groups[1].withUnsafeBytes { JournalRecord.head($0, at: begin) }
        let byteCount = try #require(head).byteCount
        for bit in 0..<byteCount * 8 {
            var flipped = whole
            flipped[begin + bit / 8] ^= 1 << UInt8(bit % 8)
            let scan = try Self.scan(flipped)
            #expect(scan.groups.map(\.sequence) == [1, 3, 4], "bit \(bit)")
            #expect(scan.next == 5)
            let gap = try #require(scan.gaps.first)
            #expect(scan.gaps.count == 1 && gap.sequence == 2 && gap.position == begin)
            if let partitions = gap.partitions {
                #expect(partitions == [Self.key(2), Self.key(9)])
            }
        }
        var two = whole
        two[begin + byteCount - 1] ^= 1
        two[begin + groups[1].count + byteCount - 1] ^= 1
        let scan = try Self.scan(two)
        #expect(scan.groups.map(\.sequence) == [1, 4])
        #expect(scan.gaps.map(\.partitions) == [nil], "the second one's are not known")
    }

    @Test func `a group that a client copied into its records is none`() throws {
        let copied = Self.groups([(7, [3], 40)])[0]
        let entry = JournalEntry(
            partition: Self.key(1),
            logStart: .zero,
            end: Offset(1),
            ranges: [
                JournalRange(segment: .zero, position: 0, byteCount: copied.count, isInRecord: true)
            ]
        )
        let group = JournalRecord.encode(
            sequence: 1,
            position: Int64(JournalFileHeader.byteCount),
            salt: Self.salt,
            entries: [entry],
            payload: [copied]
        )
        let whole = Self.file([group])
        #expect(try Self.scan(whole).groups.map(\.sequence) == [1])
        // Torn at its end, with the copy whole inside of it.
        for bit in 0..<JournalRecord.headerByteCount * 8 {
            var torn = whole
            torn[JournalFileHeader.byteCount + bit / 8] ^= 1 << UInt8(bit % 8)
            let scan = try Self.scan(torn)
            #expect(scan.groups.isEmpty && scan.gaps.isEmpty, "bit \(bit)")
        }
    }

    @Test func `the first group tells what a damaged header does not`() throws {
        let groups = Self.groups((3...5).map { (UInt64($0), [1], 20) })
        var bytes = Self.file(groups, first: 3)
        bytes[20] ^= 1
        let header = try #require(bytes.withUnsafeBytes { JournalFileScan.header(in: $0) })
        #expect(header.firstSequence == 3 && header.salt == Self.salt)
        let scan = bytes.withUnsafeBytes { JournalFileScan($0, header, replayFrom: 1) }
        #expect(scan.groups.map(\.sequence) == [3, 4, 5])
    }

    /// The same group in the format that has no salt.
    private static func saltless(_ group: [UInt8], at position: Int) throws -> [UInt8] {
        var bytes = group
        let head = try #require(group.withUnsafeBytes { JournalRecord.head($0, at: position) })
        bytes.removeSubrange(head.byteCount...)
        bytes.removeSubrange(JournalRecord.shortHeaderByteCount..<JournalRecord.headerByteCount)
        func put(_ value: UInt32, at index: Int) {
            withUnsafeBytes(of: value.bigEndian) {
                bytes.replaceSubrange(index..<index + 4, with: $0)
            }
        }
        put(0x4D52_4731, at: 0)
        put(UInt32(bytes.count), at: 16)
        put(bytes[8...].withUnsafeBytes { crc32c($0) }, at: 4)
        let padding = JournalRecord.padded(bytes.count) - bytes.count
        return bytes + [UInt8](repeating: 0, count: padding)
    }

    @Test func `a file of the format without a salt is read`() throws {
        var groups: [[UInt8]] = []
        for sequence: UInt64 in 1...3 {
            let at = JournalFileHeader.byteCount + groups.joined().count
            groups.append(try Self.saltless(Self.group(sequence, [1, 2], 33, at: at), at: at))
        }
        let bytes = Self.file(groups, salt: nil)
        #expect(
            try Self.scan(bytes).groups.map(\.entries)
                == Array(
                    repeating: [Self.entry(1, 33), Self.entry(2, 33)],
                    count: 3
                )
        )
        let group = try #require(try Self.scan(bytes).groups.first)
        #expect(bytes[group.payloadPosition...].starts(with: repeatElement(1, count: 33)))
        // In a file with a salt they are none.
        #expect(try Self.scan(Self.file(groups)).groups.isEmpty)
    }

    @Test func `files are read from the last that begins at or before the first group that counts`()
    {
        func file(_ name: String, _ first: UInt64) -> JournalOrder.File {
            .init(
                name: name,
                header: JournalFileHeader(
                    firstSequence: first,
                    fileByteCount: 8192,
                    replayFrom: 1,
                    salt: nil
                )
            )
        }
        func order(_ files: [JournalOrder.File], _ from: UInt64) -> [String] {
            JournalOrder(files, replayFrom: from).files.map(\.name)
        }
        let files = [file("a", 20), file("b", 1), file("c", 10)]
        #expect(order(files, 1) == ["b", "c", "a"])
        #expect(order(files, 10) == ["c", "a"])
        #expect(order(files, 19) == ["c", "a"])
        #expect(order(files, 25) == ["a"])
        #expect(order([], 1) == [])
        // Nothing begins early enough: all are read, and what is missing is seen.
        #expect(order([file("a", 20), file("c", 10)], 5) == ["c", "a"])
        // One that was begun and got no group, and another that begins alike.
        #expect(Set(order([file("a", 20), file("b", 20), file("c", 10)], 22)) == ["a", "b"])
    }

    @Test func `a checkpoint reads back, and with any bit turned over it does not`() {
        var checkpoint = DirectoryCheckpoint()
        checkpoint.replayFrom = 77
        for number: Int32 in 0..<3 {
            checkpoint.partitions[Self.key(number)] = PartitionCheckpoint(
                place: LogPlace(offset: Offset(90), segment: Offset(40), position: 1234),
                logStart: Offset(5),
                lastStable: Offset(60),
                abortedCount: 7,
                doubt: PartitionCheckpoint.Doubt(rawValue: UInt8(number)) ?? .none
            )
        }
        let bytes = checkpoint.encoded
        #expect(DirectoryCheckpoint(bytes) == checkpoint)
        for bit in 0..<bytes.count * 8 {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(DirectoryCheckpoint(flipped) == nil, "bit \(bit)")
        }
        for length in 0..<bytes.count {
            #expect(DirectoryCheckpoint(Array(bytes[..<length])) == nil)
        }
    }
}
