import Bytes
import KafkaDirectory
import LogModel
import MillraceTestKit
import Testing

/// Topics and options out of KRaft's own log.
@Suite struct MetadataTests {
    private static let first = UniqueID(high: 1, low: 2)
    private static let second = UniqueID(high: 3, low: 4)

    private static func record(
        _ type: UInt32,
        version: UInt32 = 0,
        _ write: (inout ByteWriter) -> Void
    ) throws -> [UInt8] {
        var writer = ByteWriter()
        writer.writeUnsignedVarint(1)
        writer.writeUnsignedVarint(type)
        writer.writeUnsignedVarint(version)
        write(&writer)
        writer.writeTags([])
        return try writer.finish()
    }

    private static func topic(_ name: String, _ id: UniqueID) throws -> [UInt8] {
        try record(2) {
            $0.writeString(name, isCompact: true)
            $0.writeUniqueID(id)
        }
    }

    private static func partition(_ number: Int32, of id: UniqueID) throws -> [UInt8] {
        try record(3, version: 1) {
            $0.writeInteger(number)
            $0.writeUniqueID(id)
            for _ in 0..<4 { $0.writeCount(0, isCompact: true) }
        }
    }

    private static func option(
        _ owner: String,
        _ name: String,
        _ value: String?,
        resource: Int8 = 2
    ) throws -> [UInt8] {
        try record(4) {
            $0.writeInteger(resource)
            $0.writeString(owner, isCompact: true)
            $0.writeString(name, isCompact: true)
            $0.writeString(value, isCompact: true)
        }
    }

    private static func removal(_ id: UniqueID) throws -> [UInt8] {
        try record(9) { $0.writeUniqueID(id) }
    }

    /// A batch whose values are these bytes.
    private static func batch(_ base: Int64, _ values: [[UInt8]]) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for value in values {
            value.withUnsafeBytes { builder.append(timestamp: Timestamp(5), key: nil, value: $0) }
        }
        return Array(builder.seal(baseOffset: Offset(base)))
    }

    private static func metadata(
        _ records: [[UInt8]],
        snapshot: (name: String, records: [[UInt8]])? = nil
    ) throws -> ClusterMetadata {
        let kafka = try KafkaReading()
        try kafka.maker.partition("__cluster_metadata-0", [0: [batch(0, records)]])
        if let snapshot {
            try kafka.maker.write(
                "__cluster_metadata-0/\(snapshot.name)",
                batch(0, snapshot.records)
            )
        }
        return try #require(try kafka.open().metadata)
    }

    @Test func `topics, partition counts and options are told by records in order`() throws {
        let metadata = try Self.metadata([
            Self.topic("t", Self.first), Self.partition(0, of: Self.first),
            Self.partition(2, of: Self.first), Self.option("t", "retention.ms", "-1"),
            Self.option("t", "segment.bytes", "9"), Self.option("t", "segment.bytes", nil),
            Self.option("", "log.retention.ms", "77", resource: 4),
            Self.option("1", "log.retention.ms", "88", resource: 4),
            Self.topic("gone", Self.second), Self.removal(Self.second),
            Self.record(20) { $0.writeInteger(Int32(1)) },
        ])
        #expect(metadata.problems.isEmpty)
        #expect(metadata.topics.keys.sorted() == ["t"])
        #expect(metadata.topics["t"]?.partitionCount == 3)
        #expect(metadata.topics["t"]?.options == ["retention.ms": "-1"])
        #expect(metadata.defaults == ["retention.ms": "77"])
    }

    @Test func `the newest snapshot stands for the log in front of it`() throws {
        let name = KafkaDirectoryMaker.digits(2) + "-0000000001.checkpoint"
        let metadata = try Self.metadata(
            [
                Self.topic("old", Self.second), Self.removal(Self.first),
                Self.option("t", "retention.ms", "5"),
            ],
            snapshot: (
                name, [Self.option("t", "cleanup.policy", "compact"), Self.topic("t", Self.first)]
            )
        )
        #expect(metadata.topics.keys.sorted() == ["t"])
        #expect(
            metadata.topics["t"]?.options == ["cleanup.policy": "compact", "retention.ms": "5"]
        )
    }

    @Test func `an aborted metadata transaction leaves nothing`() throws {
        let metadata = try Self.metadata([
            Self.topic("t", Self.first), Self.record(23) { _ in },
            Self.topic("u", Self.second), Self.option("t", "retention.ms", "1"),
            Self.record(25) { _ in },
        ])
        #expect(metadata.topics.keys.sorted() == ["t"])
        #expect(metadata.topics["t"]?.options == [:])
    }

    @Test func `each cut of a record is told and no trap`() throws {
        let whole = try Self.option("topic", "retention.ms", "-1")
        for count in 0..<whole.count - 1 {
            let metadata = try Self.metadata([Array(whole[..<count])])
            #expect(metadata.problems.count == 1, "\(count)")
        }
        #expect(try Self.metadata([Self.record(4, version: 9) { _ in }]).problems.count == 1)
    }
}
