import Bytes
import KafkaRecords
import LogModel

extension TraceRequest {
    /// Whether a member of protocol type `consumer` tells the leader what Kafka cannot read.
    var hasUnreadableSubscription: Bool {
        guard name == "JoinGroup", json["protocolType"] == .string("consumer"),
            case .array(let protocols)? = json["protocols"]
        else { return false }
        return protocols.contains { entry in
            guard let bytes = try? entry["metadata"]?.base64() else { return true }
            return !Self.isSubscription(bytes)
        }
    }

    /// A version, and a subscription of it or, of a newer one, of the newest that is known.
    private static func isSubscription(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            do throws(WireError) {
                let version = try reader.readInteger(Int16.self)
                guard version >= 0 else { return false }
                _ = try ConsumerProtocolSubscription(
                    reading: &reader,
                    version: min(version, ConsumerProtocolSubscription.versions.upperBound)
                )
                return true
            } catch { return false }
        }
    }

    /// Whether a reader stops in one of the batches that are produced.
    var hasUnreadableBatches: Bool {
        var walk = BatchWalk()
        return producedRecords.contains { walk.run($0) { _ in } != nil }
    }

    /// Of the batches that are produced, the first of each partition.
    var batchProducerIDs: [JSON] {
        producedRecords.compactMap { bytes in
            bytes.withUnsafeBytes { buffer in
                (try? RecordBatchView(buffer)).map { .integer($0.producerID.rawValue) }
            }
        }
    }

    private var producedRecords: [[UInt8]] {
        guard case .array(let topics)? = json["topicData"] else { return [] }
        return topics.flatMap { topic in
            guard case .array(let partitions)? = topic["partitionData"] else { return [[UInt8]]() }
            return partitions.compactMap { try? $0["records"]?.base64() }
        }
    }
}

extension JSON {
    /// Whether an error code of that number stands anywhere in it.
    func hasError(_ code: Int64) -> Bool {
        switch self {
        case .object(let members):
            members.contains { name, value in
                ["errorCode", "partitionErrorCode"].contains(name) && value == .integer(code)
                    || value.hasError(code)
            }
        case .array(let values): values.contains { $0.hasError(code) }
        case .null, .boolean, .integer, .double, .string: false
        }
    }
}
