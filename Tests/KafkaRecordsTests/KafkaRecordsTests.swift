import Bytes
import Foundation
import KafkaRecords
import Testing

struct KafkaRecordsTests {
    /// Messages by name; each is checked with the bytes that Kafka's own classes wrote.
    private static let types: [String: any KafkaMessage.Type] = [
        "ConsumerGroupCurrentMemberAssignmentValue": ConsumerGroupCurrentMemberAssignmentValue.self,
        "ConsumerGroupMemberMetadataValue": ConsumerGroupMemberMetadataValue.self,
        "ConsumerProtocolAssignment": ConsumerProtocolAssignment.self,
        "ConsumerProtocolSubscription": ConsumerProtocolSubscription.self,
        "ControlRecordTypeSchema": ControlRecordTypeSchema.self,
        "EndTxnMarker": EndTxnMarker.self,
        "GroupMetadataKey": GroupMetadataKey.self,
        "GroupMetadataValue": GroupMetadataValue.self,
        "LeaderChangeMessage": LeaderChangeMessage.self,
        "OffsetCommitKey": OffsetCommitKey.self,
        "OffsetCommitValue": OffsetCommitValue.self,
        "ProducerSnapshot": ProducerSnapshot.self,
        "ShareSnapshotValue": ShareSnapshotValue.self,
        "StreamsGroupTopologyValue": StreamsGroupTopologyValue.self,
        "TransactionLogKey": TransactionLogKey.self,
        "TransactionLogValue": TransactionLogValue.self,
    ]

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
                .appendingPathComponent("Fixtures/internal.jsonl")
            let lines = (try? Data(contentsOf: file))?.split(separator: UInt8(ascii: "\n")) ?? []
            return lines.compactMap { try? JSONDecoder().decode(Vector.self, from: Data($0)) }
                .filter { types[$0.message] != nil }
        }()
    }

    @Test func `the fixtures are there`() {
        #expect(Set(Vector.all.map(\.message)).count == Self.types.count)
    }

    @Test(arguments: Vector.all)
    func `a message of Kafka's is written as it was read`(_ vector: Vector) throws {
        let type = try #require(Self.types[vector.message])
        #expect(try rewritten(type, vector.bytes, version: vector.version) == vector.bytes)
    }

    @Test(arguments: Vector.all)
    func `a message cut anywhere is refused or shorter, and changed bytes never trap`(
        _ vector: Vector
    ) throws {
        let type = try #require(Self.types[vector.message])
        let bytes = vector.bytes
        for count in 0..<bytes.count {
            #expect(throws: WireError.self) {
                _ = try rewritten(type, Array(bytes.prefix(count)), version: vector.version)
            }
        }
        for index in bytes.indices {
            for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff] {
                var changed = bytes
                changed[index] = value
                _ = try? rewritten(type, changed, version: vector.version)
            }
        }
    }

    private func rewritten<Message: KafkaMessage>(
        _ type: Message.Type,
        _ bytes: [UInt8],
        version: Int16
    ) throws(WireError) -> [UInt8] {
        guard type.prefix == .none else {
            return try type.init(decoding: bytes).encoded(version: version)
        }
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(WireError) in
                var reader = ByteReader(buffer)
                return try type.init(reading: &reader, version: version).encoded(version: version)
            }
        }
        return try result.get()
    }

    @Test func `a key of another type is told apart`() throws {
        let key = try GroupMetadataKey(group: "g").encoded()
        #expect(try key.withUnsafeBytes { try recordType(ofKey: $0) } == 2)
        #expect(throws: WireError.unexpectedRecordType(2)) {
            _ = try OffsetCommitKey(decoding: key)
        }
    }

    @Test func `a version that nobody knows is refused both ways`() {
        #expect(throws: WireError.unsupportedVersion(9)) {
            _ = try TransactionLogValue(decoding: [0, 9, 0, 0])
        }
        #expect(throws: WireError.unsupportedVersion(9)) {
            _ = try TransactionLogValue().encoded(version: 9)
        }
    }

    @Test func `a field that the version has no place for is not lost silently`() {
        let value = TransactionLogValue(producerID: 1, nextProducerID: 2)
        #expect(throws: WireError.fieldNotInVersion("nextProducerId")) {
            _ = try value.encoded(version: 0)
        }
    }

    @Test func `a transaction without partitions has null there`() throws {
        let value = TransactionLogValue(producerID: 4, transactionPartitions: nil)
        for version in TransactionLogValue.versions {
            #expect(try TransactionLogValue(decoding: value.encoded(version: version)) == value)
        }
    }

    @Test func `tagged fields are written in ascending order`() throws {
        let bytes = try TransactionLogValue(
            previousProducerID: 5,
            nextProducerEpoch: 6
        ).encoded(version: 1)
        #expect(bytes.suffix(15) == [2, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5, 3, 2, 0, 6])
    }
}
