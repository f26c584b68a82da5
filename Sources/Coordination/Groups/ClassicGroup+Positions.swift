package import LogModel

/// Who may commit positions of the group.
extension ClassicGroup {
    /// Kafka's answer to a commit; `.none` if it is taken. Positions inside a transaction are also
    /// taken while the leader assigns: they end what was read in the generation before. A commit is
    /// a sign of life.
    package mutating func commit(
        _ claim: GroupMemberClaim,
        isTransactional: Bool,
        now: Moment
    ) -> KafkaErrorCode {
        // Somebody who uses the group for its positions alone.
        if claim.generation < 0, isEmpty { return .none }
        let hasClaim =
            claim.generation >= 0 || !claim.memberID.isEmpty || claim.instanceID != nil
        if hasClaim {
            let (index, code) = member(claim.memberID, instanceID: claim.instanceID)
            guard code == .none else { return code }
            guard claim.generation == generation else { return .illegalGeneration }
            if !isTransactional { members[index].touch(now) }
        } else if !isTransactional {
            return .unknownMemberID
        }
        if !isTransactional, case .completingRebalance = state { return .rebalanceInProgress }
        return .none
    }

    /// Kafka's answer to a commit for a group that nobody knows; who speaks of members' epochs may
    /// be told that there is none.
    package static func commitToUnknown(
        _ claim: GroupMemberClaim,
        hasMemberEpochs: Bool
    ) -> KafkaErrorCode {
        if claim.generation < 0 { return .none }
        return hasMemberEpochs ? .groupIDNotFound : .illegalGeneration
    }
}

/// A group as tools are shown it.
package struct GroupDescription: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        package var id: String
        package var instanceID: String?
        package var clientID: String
        package var clientHost: String
        package var metadata: [UInt8]
        package var assignment: [UInt8]
    }

    package var id: String
    /// Kafka's word for it.
    package var state: String
    package var protocolType: String
    /// Empty while there is none.
    package var protocolName: String
    package var members: [Member]
    package var kind = Kind.classic

    package enum Kind: Sendable {
        case classic
        case consumer

        /// Kafka's word for it.
        package var name: String {
            switch self {
            case .classic: "classic"
            case .consumer: "consumer"
            }
        }
    }

    /// A consumer group in short: its members are told of by `ConsumerGroup.description`.
    package init(_ group: ConsumerGroup) {
        self.init(positionsOf: group.id)
        state = group.stateName
        protocolType = "consumer"
        kind = .consumer
    }

    /// A group of which there are only positions.
    package init(positionsOf id: String) {
        self.id = id
        state = "Empty"
        protocolType = ""
        protocolName = ""
        members = []
    }
}

extension ClassicGroup {
    package var description: GroupDescription {
        var description = GroupDescription(positionsOf: id)
        description.state = stateName
        description.protocolType = protocolType ?? ""
        var isStable = false
        if case .stable = state { isStable = true }
        if isStable { description.protocolName = protocolName ?? "" }
        description.members = members.map {
            GroupDescription.Member(
                id: $0.id,
                instanceID: $0.instanceID,
                clientID: $0.clientID,
                clientHost: $0.clientHost,
                metadata: isStable ? $0.metadata(for: protocolName) : [],
                assignment: $0.assignment
            )
        }
        return description
    }

    private var stateName: String {
        switch state {
        case .empty: "Empty"
        case .preparingRebalance: "PreparingRebalance"
        case .completingRebalance: "CompletingRebalance"
        case .stable: "Stable"
        }
    }

    /// What every member tells of its protocols, for whoever understands it.
    package var subscriptions: [[UInt8]] { members.flatMap { $0.protocols.map(\.metadata) } }
}
