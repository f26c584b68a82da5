import Bytes
import Foundation
import KafkaRecords
import KafkaWire
import LogModel
import Testing

struct KafkaWireTests {
    /// A body that Kafka's own classes wrote.
    struct Vector: Decodable, Sendable, CustomTestStringConvertible {
        var message: String
        var version: Int16
        var `case`: String
        var hex: String

        var testDescription: String { "\(message) v\(version) \(self.case)" }

        var bytes: [UInt8] {
            let digits = Array(hex.utf8)
            return stride(from: 0, to: digits.count, by: 2).map { index in
                UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) ?? 0
            }
        }

        static let all: [Vector] = {
            let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("Fixtures/messages.jsonl")
            let lines = (try? Data(contentsOf: file))?.split(separator: UInt8(ascii: "\n")) ?? []
            return lines.compactMap { try? JSONDecoder().decode(Vector.self, from: Data($0)) }
        }()
    }

    @Test func `the fixtures name every message`() {
        #expect(Set(Vector.all.map(\.message)) == Set(wireMessageTypes.keys))
    }

    @Test(arguments: Vector.all)
    func `a message of Kafka's is written as it was read`(_ vector: Vector) throws {
        let type = try #require(wireMessageTypes[vector.message])
        #expect(try rewritten(type, vector.bytes, version: vector.version) == vector.bytes)
    }

    @Test(arguments: Vector.all)
    func `a message cut anywhere is refused, and changed bytes never trap`(
        _ vector: Vector
    ) throws {
        let type = try #require(wireMessageTypes[vector.message])
        let bytes = vector.bytes
        for count in 0..<bytes.count {
            #expect(throws: WireError.self) {
                _ = try rewritten(type, Array(bytes.prefix(count)), version: vector.version)
            }
        }
        for index in bytes.indices {
            for value: UInt8 in [0, 0x7f, 0x80, 0xff] {
                var changed = bytes
                changed[index] = value
                _ = try? rewritten(type, changed, version: vector.version)
            }
        }
    }

    @Test func `each API has a request and a response of its versions`() throws {
        for api in WireAPI.all {
            for suffix in ["Request", "Response"] {
                let type = try #require(wireMessageTypes[api.name + suffix])
                #expect(type.versions == api.versions, "\(api.name)\(suffix)")
            }
        }
    }

    @Test func `an answer to ApiVersions has a header that every client can read`() {
        let api = WireAPI.named(by: 18)
        #expect(api?.requestHeaderVersion(3) == 2)
        #expect(api?.responseHeaderVersion(3) == 0)
        #expect(WireAPI.named(by: 0)?.responseHeaderVersion(9) == 1)
        #expect(WireAPI.named(by: 0)?.responseHeaderVersion(8) == 0)
    }

    @Test func `long records are a piece of their own in an answer`() throws {
        let records = [UInt8](repeating: 7, count: 100_000)
        var partition = FetchResponse.PartitionData(records: records)
        partition.highWatermark = 5
        let topic = FetchResponse.FetchableTopicResponse(topic: "t", partitions: [partition])
        let response = FetchResponse(responses: [topic])
        var writer = ByteWriter(gathering: true)
        response.write(to: &writer, version: 12)
        let pieces = try writer.finishPieces()
        #expect(pieces.contains(records))
        #expect(Array(pieces.joined()) == (try response.encoded(version: 12)))
    }

    private func rewritten<Message: KafkaMessage>(
        _ type: Message.Type,
        _ bytes: [UInt8],
        version: Int16
    ) throws(WireError) -> [UInt8] {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(WireError) in
                var reader = ByteReader(buffer)
                return try type.init(reading: &reader, version: version).encoded(version: version)
            }
        }
        return try result.get()
    }
}
