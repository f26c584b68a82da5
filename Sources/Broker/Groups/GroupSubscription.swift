import Bytes
import Coordination
import KafkaRecords
import LogModel
import Threads

extension Broker {
    /// What members of the group subscribe to.
    package func subscription(of id: String) throws(BrokerError) -> GroupSubscription {
        guard let shard = try existingOffsetShard(of: id) else { return .topics([]) }
        return shard.groups.withLock { $0.subscription(of: id) }
    }
}

extension GroupShardState {
    func subscription(of id: String) -> GroupSubscription {
        if let consumers = consumers[id] { return .topics(consumers.subscribedTopics) }
        guard let group = groups[id], !group.isEmpty else { return .topics([]) }
        guard group.protocolType == "consumer" else { return .ofOtherProtocol }
        var topics: Set<String> = []
        for bytes in group.subscriptions {
            guard let named = Self.topics(ofSubscription: bytes) else { return .unreadable }
            topics.formUnion(named.filter { TopicName.problem(with: $0) == nil })
        }
        return .topics(topics)
    }

    /// The topics come first in every version, and are all that is looked at: there are clients
    /// whose later fields are missing. Nil for bytes that are no subscription.
    private static func topics(ofSubscription bytes: [UInt8]) -> [String]? {
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            do throws(WireError) {
                let version = try reader.readInteger(Int16.self)
                guard version >= 0 else { return nil }
                return try ConsumerProtocolSubscription(reading: &reader, version: 0).topics
            } catch { return nil }
        }
    }
}

/// What members of a group read.
package enum GroupSubscription: Equatable, Sendable {
    case topics(Set<String>)
    /// Any topic may be one of theirs.
    case unreadable
    /// The group has members and does not speak Kafka's consumer protocol.
    case ofOtherProtocol

    package func contains(_ topic: String) -> Bool {
        switch self {
        case .topics(let names): names.contains(topic)
        case .unreadable, .ofOtherProtocol: true
        }
    }
}
