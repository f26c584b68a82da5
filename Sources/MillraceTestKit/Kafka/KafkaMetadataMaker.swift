package import Bytes
import LogModel

/// Makes records of KRaft's metadata log, and batches of them.
package enum KafkaMetadataMaker {
    /// The type of a thing that has options: a topic, or a broker.
    package static let topicResource: Int8 = 2
    package static let brokerResource: Int8 = 4

    /// A record of any type.
    package static func record(
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

    /// A topic comes to be.
    package static func topic(_ name: String, _ id: UniqueID) throws -> [UInt8] {
        try record(2) {
            $0.writeString(name, isCompact: true)
            $0.writeUniqueID(id)
        }
    }

    /// A partition comes to be, on these brokers.
    package static func partition(
        _ number: Int32,
        of id: UniqueID,
        replicas: [Int32] = []
    ) throws -> [UInt8] {
        try record(3, version: 1) {
            $0.writeInteger(number)
            $0.writeUniqueID(id)
            $0.writeCount(replicas.count, isCompact: true)
            for replica in replicas { $0.writeInteger(replica) }
            for _ in 0..<3 { $0.writeCount(0, isCompact: true) }
        }
    }

    /// An option is set, or taken back.
    package static func option(
        _ owner: String,
        _ name: String,
        _ value: String?,
        resource: Int8 = topicResource
    ) throws -> [UInt8] {
        try record(4) {
            $0.writeInteger(resource)
            $0.writeString(owner, isCompact: true)
            $0.writeString(name, isCompact: true)
            $0.writeString(value, isCompact: true)
        }
    }

    /// A topic is deleted.
    package static func removal(_ id: UniqueID) throws -> [UInt8] {
        try record(9) { $0.writeUniqueID(id) }
    }

    /// A batch whose values are these records.
    package static func batch(_ base: Int64, _ records: [[UInt8]]) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for record in records {
            record.withUnsafeBytes { builder.append(timestamp: Timestamp(5), key: nil, value: $0) }
        }
        return Array(builder.seal(baseOffset: Offset(base)))
    }
}
