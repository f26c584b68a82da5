import Foundation
import LogModel
import Testing

/// Files made by Kafka, kept beside the tests.
enum Fixture {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures")

    static func data(_ name: String) throws -> Data {
        try Data(contentsOf: folder.appendingPathComponent(name))
    }

    static func lines<Line: Decodable>(_ name: String, of type: Line.Type) throws -> [Line] {
        try data(name).split(separator: UInt8(ascii: "\n")).map {
            try JSONDecoder().decode(type, from: Data($0))
        }
    }

    static func bytes(hex: String) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).map { index in
            UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) ?? 0
        }
    }
}

/// A record as the fixtures state it.
struct FixtureRecord: Decodable, Equatable {
    var offset: Int64
    var timestamp: Int64
    var key: Data?
    var value: Data?
    /// Key and value of each header; absent in message sets.
    var headers: [[String?]]?
}

/// A batch or message set made by Kafka.
struct FixtureBatch: Decodable, Sendable, CustomTestStringConvertible {
    var `case`: String
    var exact: Bool
    var hex: String
    var produce: Int16
    var records: [FixtureRecord]

    var testDescription: String { self.case }
    var bytes: [UInt8] { Fixture.bytes(hex: hex) }

    static let all = (try? Fixture.lines("batches.jsonl", of: FixtureBatch.self)) ?? []
    static let current = all.filter { $0.case.hasPrefix("v2/") }
    static let legacy = all.filter { !$0.case.hasPrefix("v2/") }
}

extension FixtureRecord: Sendable {}

/// A damaged batch, with what Kafka answers.
struct CorruptBatch: Decodable, Sendable, CustomTestStringConvertible {
    var `case`: String
    var hex: String
    var produce: Int16
    var stage: String

    var testDescription: String { self.case }
    var bytes: [UInt8] { Fixture.bytes(hex: hex) }

    static let all = (try? Fixture.lines("batches-corrupt.jsonl", of: CorruptBatch.self)) ?? []
}

/// Numbers that a seed determines.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}

/// Reads every record of the batch in `bytes`; what it throws is the outcome.
func readRecords(
    _ bytes: [UInt8],
    decompressor: inout RecordDecompressor,
    byteLimit: Int = 1 << 20
) throws(RecordBatchError) -> [FixtureRecord] {
    let result = bytes.withUnsafeBytes { buffer in
        Result { () throws(RecordBatchError) in
            let batch = try RecordBatchView(buffer)
            var iterator = try decompressor.records(of: batch, byteLimit: byteLimit)
            var records: [FixtureRecord] = []
            while let record = try iterator.next() {
                records.append(fixtureRecord(record, of: batch))
            }
            return records
        }
    }
    return try result.get()
}

private func fixtureRecord(_ record: RecordView, of batch: RecordBatchView) -> FixtureRecord {
    var headers: [[String?]] = []
    var iterator = RecordHeaderIterator(record.headers)
    while let header = iterator.next() {
        let value = header.value.map { Data($0).base64EncodedString() }
        headers.append([String(decoding: header.key, as: UTF8.self), value])
    }
    return FixtureRecord(
        offset: batch.offset(of: record).rawValue,
        timestamp: batch.timestamp(of: record).rawValue,
        key: record.key.map { Data($0) },
        value: record.value.map { Data($0) },
        headers: headers
    )
}
