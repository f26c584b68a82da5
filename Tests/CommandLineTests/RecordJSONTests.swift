import LogModel
import MillraceTestKit
import Testing

@testable import ClientCommands

/// Records as lines of JSON, out and in.
@Suite struct RecordJSONTests {
    /// A record as values.
    struct Sample: Equatable {
        var timestamp: Int64
        var key: [UInt8]?
        var value: [UInt8]?
        var headers: [Header]

        struct Header: Equatable {
            var key: [UInt8]
            var value: [UInt8]?
        }
    }

    private static let topic = TopicPartition("a", PartitionIndex(3))

    /// The lines that samples are printed as, in one batch.
    private func lines(of samples: [Sample]) throws -> [[UInt8]] {
        var builder = RecordBatchBuilder()
        for sample in samples {
            var headers = RecordHeaderBlock()
            for header in sample.headers {
                header.key.withUnsafeBytes { key in
                    Self.withBytes(header.value) { headers.append(key: key, value: $0) }
                }
            }
            Self.withBytes(sample.key) { key in
                Self.withBytes(sample.value) { value in
                    headers.withBytes { block in
                        builder.append(
                            timestamp: Timestamp(sample.timestamp),
                            key: key,
                            value: value,
                            headers: block
                        )
                    }
                }
            }
        }
        return try Array(builder.seal()).withUnsafeBytes { bytes -> [[UInt8]] in
            let batch = try RecordBatchView(bytes)
            var records = try batch.records()
            var writer = RecordJSONWriter()
            var lines: [[UInt8]] = []
            while let record = try records.next() {
                lines.append(Array(try writer.line(of: record, in: batch, Self.topic)))
            }
            return lines
        }
    }

    private static func withBytes<Result>(
        _ bytes: [UInt8]?,
        _ body: (UnsafeRawBufferPointer?) -> Result
    ) -> Result {
        guard let bytes else { return body(nil) }
        return bytes.withUnsafeBytes { body($0) }
    }

    private func read(_ text: String) throws -> RecordJSONReader {
        var reader = RecordJSONReader()
        try Array(text.utf8).withUnsafeBytes { try reader.read($0) }
        return reader
    }

    private func sample(_ reader: RecordJSONReader) -> Sample {
        let headers = reader.headers.withBytes { block in
            var headers: [Sample.Header] = []
            var iterator = RecordHeaderIterator(block)
            while let header = iterator.next() {
                headers.append(
                    Sample.Header(key: Array(header.key), value: header.value.map { Array($0) })
                )
            }
            return headers
        }
        return Sample(
            timestamp: reader.timestamp?.rawValue ?? -1,
            key: reader.key.withBytes { $0.map { Array($0) } },
            value: reader.value.withBytes { $0.map { Array($0) } },
            headers: headers
        )
    }

    @Test func `a record has every member, in a fixed order`() throws {
        let sample = Sample(
            timestamp: 1_359_608_400_000,
            key: Array("k".utf8),
            value: nil,
            headers: [
                .init(key: Array("a".utf8), value: Array("1".utf8)),
                .init(key: Array("a".utf8), value: [0xff]), .init(key: [], value: nil),
            ]
        )
        let line = try #require(try lines(of: [sample]).first)
        #expect(
            String(decoding: line, as: UTF8.self)
                == #"{"topic":"a","partition":3,"offset":0,"timestamp":1359608400000,"#
                + #""timestamp_type":"CreateTime","key":"k","value":null,"headers":["#
                + #"{"key":"a","value":"1"},{"key":"a","value_base64":"/w=="},"#
                + #"{"key":"","value":null}]}"# + "\n"
        )
    }

    @Test func `null is told from empty`() throws {
        let samples = [
            Sample(timestamp: 0, key: nil, value: [], headers: []),
            Sample(timestamp: 0, key: [], value: nil, headers: []),
        ]
        let found = try lines(of: samples).map { try read(String(decoding: $0, as: UTF8.self)) }
        #expect(found.map(sample) == samples)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `any bytes come back as they were`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let samples = (0..<50).map { _ in Self.hostileSample(&random) }
        let lines = try lines(of: samples)
        var reader = RecordJSONReader()
        for (line, expected) in zip(lines, samples) {
            #expect(line.last == 10)
            #expect(line.dropLast().allSatisfy { $0 >= 0x20 }, "one line, seed \(seed)")
            try line.dropLast().withUnsafeBytes { try reader.read($0) }
            #expect(sample(reader) == expected, "seed \(seed)")
            #expect(reader.partition == 3)
        }
    }

    private static func hostileSample(_ random: inout SeededGenerator) -> Sample {
        let times: [Int64] = [0, -1, 1, 1_700_000_000_000, Int64.max, Int64.min]
        return Sample(
            timestamp: times[Int.random(in: 0..<times.count, using: &random)],
            key: Bool.random(using: &random) ? nil : hostileBytes(&random),
            value: Int.random(in: 0..<5, using: &random) == 0 ? nil : hostileBytes(&random),
            headers: (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                .init(
                    key: hostileBytes(&random),
                    value: Bool.random(using: &random) ? nil : hostileBytes(&random)
                )
            }
        )
    }

    /// Pieces of text and of what is none: quotes, escapes, zero bytes, cut and overlong sequences,
    /// surrogates, a byte order mark, characters beyond the first plane.
    private static func hostileBytes(_ random: inout SeededGenerator) -> [UInt8] {
        let pieces: [[UInt8]] = [
            [], [0], [0x22], [0x5c], [0x5c, 0x75], [10], [13], [0x1f], [0x7f], [0x80], [0xff],
            [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82],
            [0xef, 0xbb, 0xbf], [0xef, 0xbf, 0xbe], Array("𝄞é".utf8), Array("plain text".utf8),
            Array("\u{2028}".utf8), Array("{\"a\":[1]}".utf8), [0xf0, 0x9f, 0x92],
        ]
        return (0..<Int.random(in: 0..<6, using: &random)).flatMap { _ in
            pieces[Int.random(in: 0..<pieces.count, using: &random)]
        }
    }

    @Test func `members in another order and escapes of any kind are read`() throws {
        let reader = try read(
            #" { "value" : "\u0041\ud834\udd1e\/" , "headers" : [ {"value":"v","key":"h"} ] } "#
        )
        let found = sample(reader)
        #expect(found.value == Array("A𝄞/".utf8))
        #expect(found.key == nil)
        #expect(found.headers == [.init(key: [0x68], value: [0x76])])
        #expect(reader.timestamp == nil && reader.partition == nil)
    }

    @Test func `a line of kcat's is read`() throws {
        let reader = try read(
            #"{"topic":"a","partition":2,"offset":7,"tstype":"create","ts":1359608400000,"#
                + #""broker":1,"headers":["a","1","a",null],"key":"k","payload":null}"#
        )
        let found = sample(reader)
        #expect(found.timestamp == 1_359_608_400_000)
        #expect(found.key == Array("k".utf8))
        #expect(found.value == nil)
        #expect(
            found.headers
                == [.init(key: [0x61], value: [0x31]), .init(key: [0x61], value: nil)]
        )
        #expect(reader.partition == 2)
        #expect(try read(#"{"payload":"v","ts":0,"tstype":"unknown"}"#).timestamp == nil)
    }

    @Test func `headers that are an object's members are read in their order`() throws {
        let found = sample(try read(#"{"value":"v","headers":{"b":"1","a":null,"b":""}}"#))
        #expect(
            found.headers == [
                .init(key: [0x62], value: [0x31]), .init(key: [0x61], value: nil),
                .init(key: [0x62], value: []),
            ]
        )
        #expect(sample(try read(#"{"value":"v","headers":{}}"#)).headers == [])
        #expect(sample(try read(#"{"value":"v","headers":[]}"#)).headers == [])
    }

    @Test(arguments: [
        ("", "not JSON"), ("[]", "an array, where an object is needed"), ("{}", "value: absent"),
        (#"{"key":"a"}"#, "value: absent; null is written as such"),
        (#"{"vlaue":"a"}"#, "vlaue: no member of a record; did you mean value?"),
        (#"{"value":1}"#, "value: the number 1, where a string is needed"),
        (#"{"value":{"a":1}}"#, "what is JSON itself goes into one"),
        (#"{"value":"a","value":"b"}"#, "value: there twice"),
        (#"{"value":"a","value_base64":"YQ=="}"#, "value_base64: there beside value"),
        (#"{"value_base64":"YQ="}"#, "value_base64: no base 64"),
        (#"{"value_base64":"YR=="}"#, "value_base64: no base 64"),
        (#"{"value_base64":null}"#, "value_base64: null, where a string is needed"),
        (#"{"value":"a","partition":-1}"#, "partition: the number -1"),
        (#"{"value":"a","partition":3000000000}"#, "where a partition is needed"),
        (#"{"value":"a","timestamp":"now"}"#, "timestamp: a string"),
        (#"{"value":"a","timestamp":1.5}"#, "where milliseconds since 1970 are needed"),
        (#"{"value":"a","headers":1}"#, "headers: the number 1, where an array is needed"),
        (#"{"value":"a","headers":{"h":1}}"#, "headers.h: the number 1, where a string"),
        (#"{"value":"a","headers":["h"]}"#, "headers[0]: a name without a value"),
        (#"{"value":"a","headers":["h",1]}"#, "headers[1]: the number 1, where a string"),
        (#"{"value":"a","headers":["h","v",null,"v"]}"#, "headers[2]: null, where a header's name"),
        (#"{"value":"a","headers":["h",{"key":"a"}]}"#, "headers[1]: an object, where a string"),
        (#"{"value":"a","headers":[null,"v"]}"#, "headers[0]: null, where an object"),
        (#"{"value":"a","payload":"b"}"#, "payload: there beside value"),
        (#"{"value_base64":"YQ==","payload":"b"}"#, "payload: there beside value_base64"),
        (#"{"value":"a","ts":1,"timestamp":1}"#, "ts: there beside timestamp"),
        (#"{"payload":"a","key_schema_id":1}"#, "key_schema_id: no member of a record"),
        (#"{"value":"a","headers":[1]}"#, "headers[0]: the number 1, where an object"),
        (#"{"value":"a","headers":[{"key":"h"}]}"#, "headers[0].value: absent"),
        (#"{"value":"a","headers":[{"key":null,"value":"v"}]}"#, "headers[0].key: null"),
        (#"{"value":"a"} {"value":"b"}"#, "not JSON"), (#"{"value":"a"#, "not JSON"),
    ])
    func `what is no record is refused in words`(text: String, said: String) {
        let error = #expect(throws: (any Error).self) { try read(text) }
        #expect("\(error.map { "\($0)" } ?? "")".contains(said))
    }
}
