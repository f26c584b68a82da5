import Bytes
import LogModel
import Testing

/// The builder has a quick way for records as they mostly are: here it is held against a writer
/// that knows no such way.
struct RecordBatchBuilderTests {
    private struct Record {
        var timestamp: Int64 = 1_000
        var key: [UInt8]?
        var value: [UInt8]?
        var headers: [UInt8]?
    }

    /// The records as Kafka writes them, one part after the other.
    private static func plain(_ records: [Record]) -> [UInt8] {
        var block: [UInt8] = []
        for (index, record) in records.enumerated() {
            var body: [UInt8] = [0]
            Varint.append(record.timestamp &- records[0].timestamp, to: &body)
            Varint.append(Int64(index), to: &body)
            for part in [record.key, record.value] {
                Varint.append(Int64(part?.count ?? -1), to: &body)
                body += part ?? []
            }
            body += record.headers ?? [0]
            Varint.append(Int64(body.count), to: &block)
            block += body
        }
        return block
    }

    private static func append(_ record: Record, to builder: inout RecordBatchBuilder) {
        withBytes(record.key) { key in
            withBytes(record.value) { value in
                withBytes(record.headers) { headers in
                    builder.append(
                        timestamp: Timestamp(record.timestamp),
                        key: key,
                        value: value,
                        headers: headers
                    )
                }
            }
        }
    }

    private static func withBytes(
        _ bytes: [UInt8]?,
        _ body: (UnsafeRawBufferPointer?) -> Void
    ) {
        guard let bytes else { return body(nil) }
        bytes.withUnsafeBytes { body($0) }
    }

    private static func built(_ records: [Record]) -> [UInt8] {
        var builder = RecordBatchBuilder(capacity: 16)
        for record in records { append(record, to: &builder) }
        return Array(builder.recordBlock)
    }

    /// Where a length takes another byte, and where bytes are copied in another way.
    private static let counts: [Int?] = [
        nil, 0, 1, 3, 4, 7, 8, 15, 16, 31, 32, 33, 44, 48, 49, 55, 56, 57, 63, 64, 65, 127, 128,
        8_180, 8_191, 8_192,
    ]

    private static func bytes(_ count: Int?, from first: UInt8) -> [UInt8]? {
        count.map { count in (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0) } }
    }

    @Test(arguments: counts)
    func `keys and values of any length lie as Kafka has them`(_ keyCount: Int?) {
        for valueCount in Self.counts {
            let record = Record(
                key: Self.bytes(keyCount, from: 1),
                value: Self.bytes(valueCount, from: 100)
            )
            let records = [record, Record(key: [1], value: [2]), record]
            let isSame = Self.built(records) == Self.plain(records)
            #expect(isSame, "a value of \(valueCount.map(String.init) ?? "no") bytes")
        }
    }

    @Test func `times before and long after the first one lie as Kafka has them`() {
        let first: Int64 = 1_700_000_000_000
        let times = (0...62).flatMap { [first &+ 1 &<< $0, first &- 1 &<< $0] } + [.max, .min]
        let records = ([first] + times).map { time in
            Record(timestamp: time, key: [1, 2, 3, 4, 5], value: [6, 7, 8, 9])
        }
        #expect(Self.built(records) == Self.plain(records))
    }

    @Test func `the numbers of many records lie as Kafka has them`() {
        let records = (0..<17_000).map { number in
            Record(
                timestamp: Int64(number / 100),
                key: Self.bytes(number % 20, from: 5),
                value: Self.bytes(number % 70, from: 9)
            )
        }
        #expect(Self.built(records) == Self.plain(records))
    }

    @Test func `a record's headers lie behind it as they are`() {
        let headers: [UInt8] = [2, 2, 65, 2, 66]
        let records = [
            Record(key: [1], value: [2], headers: headers), Record(key: [1], value: [2]),
            Record(key: nil, value: nil, headers: headers), Record(key: [], value: []),
            Record(key: [1], value: [2], headers: [0]),
        ]
        #expect(Self.built(records) == Self.plain(records))
    }

    @Test func `the largest time is that of any record`() {
        var builder = RecordBatchBuilder()
        for time: Int64 in [50, 70, 60] {
            Self.append(Record(timestamp: time, key: [1], value: [2]), to: &builder)
            Self.append(Record(timestamp: time &+ 5, key: nil, value: [2]), to: &builder)
        }
        let batch = Array(builder.seal())
        batch.withUnsafeBytes { bytes in
            let view = try? RecordBatchView(bytes)
            #expect(view?.baseTimestamp == Timestamp(50))
            #expect(view?.maxTimestamp == Timestamp(75))
        }
    }
}
