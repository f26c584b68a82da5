package import Bytes
import KafkaRecords
package import LogModel

/// One record of a classic group for `__consumer_offsets`: what it is after a rebalance, or the
/// tombstone of a deleted one.
package struct GroupRecord: Equatable, Sendable {
    /// What a restart has to know of a group.
    package struct Value: Equatable, Sendable {
        package var protocolType: String
        package var generation: Int32
        package var protocolName: String?
        package var leader: String?
        /// When the group came into this state.
        package var stateTime: Timestamp
        package var members: [Member]
    }

    package struct Member: Equatable, Sendable {
        package var id: String
        package var instanceID: String?
        package var clientID: String
        package var clientHost: String
        package var sessionMilliseconds: Int32
        package var rebalanceMilliseconds: Int32
        /// For the protocol that was chosen.
        package var metadata: [UInt8]
        package var assignment: [UInt8]
    }

    package var group: String
    package var value: Value?

    package init(group: String, value: Value?) {
        self.group = group
        self.value = value
    }
}

/// In Kafka's format.
extension GroupRecord {
    /// Of the value that is written, as Kafka 4.3 does; all others are read.
    private static let valueVersion: Int16 = 3

    /// The bytes of key and value; no value for a tombstone.
    package func encoded() throws(WireError) -> (key: [UInt8], value: [UInt8]?) {
        let key = try GroupMetadataKey(group: group).encoded()
        guard let value else { return (key, nil) }
        let message = GroupMetadataValue(
            protocolType: value.protocolType,
            generation: value.generation,
            protocol: value.protocolName,
            leader: value.leader,
            currentStateTimestamp: value.stateTime.rawValue,
            members: value.members.map {
                GroupMetadataValue.MemberMetadata(
                    memberID: $0.id,
                    groupInstanceID: $0.instanceID,
                    clientID: $0.clientID,
                    clientHost: $0.clientHost,
                    rebalanceTimeout: $0.rebalanceMilliseconds,
                    sessionTimeout: $0.sessionMilliseconds,
                    subscription: $0.metadata,
                    assignment: $0.assignment
                )
            }
        )
        return (key, try message.encoded(version: Self.valueVersion))
    }

    /// Reads a record of `__consumer_offsets`; nil for one that is no classic group.
    package init?(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer?
    ) throws(WireError) {
        guard try recordType(ofKey: key) == 2 else { return nil }
        group = try GroupMetadataKey(decoding: key).group
        guard let value else { return }
        let message = try GroupMetadataValue(decoding: value)
        self.value = Value(
            protocolType: message.protocolType,
            generation: message.generation,
            protocolName: message.protocol,
            leader: message.leader,
            stateTime: Timestamp(message.currentStateTimestamp),
            members: message.members.map {
                Member(
                    id: $0.memberID,
                    instanceID: $0.groupInstanceID,
                    clientID: $0.clientID,
                    clientHost: $0.clientHost,
                    sessionMilliseconds: $0.sessionTimeout,
                    rebalanceMilliseconds: $0.rebalanceTimeout < 0
                        ? $0.sessionTimeout : $0.rebalanceTimeout,
                    metadata: $0.subscription,
                    assignment: $0.assignment
                )
            }
        )
    }
}
