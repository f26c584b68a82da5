import LogModel
import Testing

/// The iterator takes a quick way through records as they mostly are: here it is held against a
/// reader that knows no such way.
struct RecordIteratorTests {
    struct Record: Equatable {
        var attributes: UInt8
        var timestampDelta: Int64
        var offsetDelta: Int32
        var key: [UInt8]?
        var value: [UInt8]?
        var headers: [UInt8]
    }

    /// What a walk gives: the records up to its end, or up to the one that is malformed.
    struct Walk: Equatable {
        var records: [Record] = []
        var isWhole = true
    }

    // MARK: The plain reader

    private struct Malformed: Error {}

    /// One byte after the other, each with its bound.
    private struct PlainReader {
        var bytes: ArraySlice<UInt8>

        mutating func byte() throws -> UInt8 {
            guard let first = bytes.popFirst() else { throw Malformed() }
            return first
        }

        mutating func varint(byteLimit: Int) throws -> Int64 {
            var value: UInt64 = 0
            for index in 0..<byteLimit {
                let byte = try byte()
                value |= UInt64(byte & 0x7f) << UInt64(index * 7)
                if byte < 0x80 {
                    if byteLimit == 5 { value &= 0xffff_ffff }
                    return Int64(bitPattern: value >> 1) ^ -Int64(value & 1)
                }
            }
            throw Malformed()
        }

        mutating func part() throws -> [UInt8]? {
            let length = Int(try varint(byteLimit: 5))
            guard length >= 0 else { return nil }
            guard length <= bytes.count else { throw Malformed() }
            defer { bytes = bytes.dropFirst(length) }
            return Array(bytes.prefix(length))
        }

        mutating func record() throws -> Record {
            let length = Int(try varint(byteLimit: 5))
            guard length >= 6, length <= bytes.count else { throw Malformed() }
            var inner = PlainReader(bytes: bytes.prefix(length))
            bytes = bytes.dropFirst(length)
            let record = Record(
                attributes: try inner.byte(),
                timestampDelta: try inner.varint(byteLimit: 10),
                offsetDelta: Int32(truncatingIfNeeded: try inner.varint(byteLimit: 5)),
                key: try inner.part(),
                value: try inner.part(),
                headers: Array(inner.bytes)
            )
            let count = try inner.varint(byteLimit: 5)
            guard count >= 0, count <= inner.bytes.count / 2 else { throw Malformed() }
            for _ in 0..<count {
                guard try inner.part() != nil else { throw Malformed() }
                _ = try inner.part()
            }
            guard inner.bytes.isEmpty else { throw Malformed() }
            return record
        }
    }

    private static func plainWalk(_ block: [UInt8], count: Int32) -> Walk {
        var walk = Walk()
        var reader = PlainReader(bytes: block[...])
        for _ in 0..<count {
            guard let record = try? reader.record() else {
                walk.isWhole = false
                return walk
            }
            walk.records.append(record)
        }
        walk.isWhole = reader.bytes.isEmpty
        return walk
    }

    // MARK: The iterator

    /// The same by the iterator, over memory of which nothing behind the block may count.
    private static func walk(_ block: [UInt8], count: Int32, behind: UInt8) -> Walk {
        var batch = [UInt8](repeating: 0, count: RecordBatchLayout.headerByteCount)
        batch += block
        let header = RecordBatchHeader(
            baseOffset: .zero,
            leaderEpoch: LeaderEpoch(0),
            attributes: BatchAttributes(),
            lastOffsetDelta: max(0, count - 1),
            baseTimestamp: Timestamp(0),
            maxTimestamp: Timestamp(0),
            producerID: .none,
            producerEpoch: .none,
            baseSequence: .none,
            recordCount: count
        )
        batch.withUnsafeMutableBytes { header.write(to: $0) }
        batch += [UInt8](repeating: behind, count: 32)
        return batch.withUnsafeBytes { buffer in
            var walk = Walk()
            do {
                var records = try RecordBatchView(buffer).records()
                while let record = try records.next() {
                    walk.records.append(
                        Record(
                            attributes: record.attributes,
                            timestampDelta: record.timestampDelta,
                            offsetDelta: record.offsetDelta,
                            key: record.key.map { Array($0) },
                            value: record.value.map { Array($0) },
                            headers: Array(record.headers)
                        )
                    )
                }
            } catch { walk.isWhole = false }
            return walk
        }
    }

    private static func compare(_ block: [UInt8], count: Int32, _ note: String) {
        let plain = plainWalk(block, count: count)
        for behind: UInt8 in [0x00, 0x7f, 0xff] {
            #expect(walk(block, count: count, behind: behind) == plain, "\(note), \(behind)")
        }
    }

    // MARK: Blocks

    private static func varint(_ value: Int64) -> [UInt8] {
        var rest = UInt64(bitPattern: value << 1) ^ UInt64(bitPattern: value >> 63)
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private static func part(_ bytes: [UInt8]?) -> [UInt8] {
        varint(Int64(bytes?.count ?? -1)) + (bytes ?? [])
    }

    private static func bytes(of record: Record) -> [UInt8] {
        let body =
            [record.attributes] + varint(record.timestampDelta) + varint(Int64(record.offsetDelta))
            + part(record.key) + part(record.value) + record.headers
        return varint(Int64(body.count)) + body
    }

    /// Numbers on both sides of where their form gets one byte longer.
    private static let edges: [Int64] = [
        0, 1, -1, 63, 64, -64, -65, 8_191, 8_192, -8_193, 1_048_575, 1_048_576, 1 << 30,
    ]
    private static let headerBlocks: [[UInt8]] = [
        [0], [2, 2, 0x61, 1], [4, 0, 0, 2, 0x62, 4, 1, 2], [0x80, 0],
    ]

    @Test(arguments: edges)
    func `records are read whatever the lengths of their numbers`(edge: Int64) {
        let sizes = [nil, 0, 1, 63, 64, 8_191, 8_192] as [Int?]
        for headers in Self.headerBlocks {
            for size in sizes {
                let part = size.map { [UInt8](repeating: 0x81, count: $0) }
                for (key, value) in [(part, nil), (nil, part), (part, part)] {
                    let record = Record(
                        attributes: 0,
                        timestampDelta: edge,
                        offsetDelta: Int32(truncatingIfNeeded: edge),
                        key: key,
                        value: value,
                        headers: headers
                    )
                    let block = Self.bytes(of: record)
                    Self.compare(block, count: 1, "\(edge), \(String(describing: size))")
                    Self.compare(block + block, count: 2, "twice")
                    #expect(Self.walk(block, count: 1, behind: 0).records == [record])
                }
            }
        }
    }

    @Test func `a record is built of its fields, however many bytes its length takes`() {
        let sizes = Array(30...70) + Array(8_160...8_200) + Array(1_048_540...1_048_580)
        for size in sizes {
            let part = [UInt8](repeating: 0x81, count: size)
            for (key, value) in [(part, nil), (nil, part), (Array(part.prefix(11)), part)] {
                for headers in [nil, Self.headerBlocks[2]] {
                    var builder = RecordBatchBuilder()
                    var expected: [UInt8] = []
                    for number in 0..<2 {
                        let record = Record(
                            attributes: 0,
                            timestampDelta: Int64(number) * 100,
                            offsetDelta: Int32(number),
                            key: key,
                            value: value,
                            headers: headers ?? [0]
                        )
                        expected += Self.bytes(of: record)
                        Self.append(record, headers, to: &builder)
                    }
                    #expect(builder.recordBlock.elementsEqual(expected), "\(size)")
                }
            }
        }
    }

    private static func append(
        _ record: Record,
        _ headers: [UInt8]?,
        to builder: inout RecordBatchBuilder
    ) {
        // An array without bytes lends no address, and is no null.
        func lend(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Void) {
            guard let bytes else { return body(nil) }
            (bytes + [0]).withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0.dropLast())) }
        }
        lend(record.key) { key in
            lend(record.value) { value in
                lend(headers) { headers in
                    builder.append(
                        timestamp: Timestamp(record.timestampDelta),
                        key: key,
                        value: value,
                        headers: headers
                    )
                }
            }
        }
    }

    /// Three short records, one of them with headers, one of them of the fewest bytes.
    private static let sample: [UInt8] = [
        Record(
            attributes: 0,
            timestampDelta: 3,
            offsetDelta: 0,
            key: Array("key-1".utf8),
            value: Array("a value".utf8),
            headers: [0]
        ),
        Record(
            attributes: 1,
            timestampDelta: 70,
            offsetDelta: 1,
            key: nil,
            value: [],
            headers: [2, 2, 0x61, 1]
        ),
        Record(
            attributes: 0,
            timestampDelta: 0,
            offsetDelta: 2,
            key: nil,
            value: nil,
            headers: [0]
        ),
    ].flatMap(bytes)

    @Test func `a block with any byte changed gives what a plain reader makes of it`() {
        for index in Self.sample.indices {
            for value in UInt8.min...UInt8.max {
                var changed = Self.sample
                changed[index] = value
                Self.compare(changed, count: 3, "byte \(index) is \(value)")
            }
        }
    }

    @Test func `a block cut at any byte gives what a plain reader makes of it`() {
        for length in 21..<Self.sample.count {
            Self.compare(Array(Self.sample.prefix(length)), count: 3, "\(length) bytes")
        }
    }
}
