package import LogModel

/// What a group wants done. In this order: a record is durable before what stands behind it is
/// told.
package enum GroupAction: Equatable, Sendable {
    case persist(GroupRecord)
    case answerJoin(GroupReplyToken, JoinAnswer)
    case answerSync(GroupReplyToken, SyncAnswer)
}

/// A request to join.
package struct GroupJoin: Equatable, Sendable {
    /// Empty from a member that has none yet.
    package var memberID: String
    package var instanceID: String?
    package var clientID: String
    package var clientHost: String
    package var sessionMilliseconds: Int32
    package var rebalanceMilliseconds: Int32
    package var protocolType: String
    package var protocols: [GroupProtocol]
    /// A dynamic member is first given an id, and joins when it comes back with it (version 4).
    package var requiresKnownMember: Bool
    /// A leader can be told not to assign (from version 9).
    package var canSkipAssignment: Bool

    package init(
        memberID: String,
        instanceID: String? = nil,
        clientID: String,
        clientHost: String,
        sessionMilliseconds: Int32,
        rebalanceMilliseconds: Int32,
        protocolType: String,
        protocols: [GroupProtocol],
        requiresKnownMember: Bool = true,
        canSkipAssignment: Bool = true
    ) {
        self.memberID = memberID
        self.instanceID = instanceID
        self.clientID = clientID
        self.clientHost = clientHost
        self.sessionMilliseconds = sessionMilliseconds
        self.rebalanceMilliseconds = rebalanceMilliseconds
        self.protocolType = protocolType
        self.protocols = protocols
        self.requiresKnownMember = requiresKnownMember
        self.canSkipAssignment = canSkipAssignment
    }
}

/// The answer to a join.
package struct JoinAnswer: Equatable, Sendable {
    /// What the leader is told of a member.
    package struct Member: Equatable, Sendable {
        package var id: String
        package var instanceID: String?
        package var metadata: [UInt8]
    }

    package var code: KafkaErrorCode = .none
    package var generation: Int32 = -1
    package var protocolType: String?
    package var protocolName: String?
    package var leader = ""
    package var skipsAssignment = false
    package var memberID: String
    /// For the leader only.
    package var members: [Member] = []

    package init(code: KafkaErrorCode, memberID: String) {
        self.code = code
        self.memberID = memberID
    }
}

/// A request for the assignment; the leader brings it.
package struct GroupSync: Equatable, Sendable {
    package var member: GroupMemberClaim
    package var protocolType: String?
    package var protocolName: String?
    package var assignments: [String: [UInt8]]

    package init(
        member: GroupMemberClaim,
        protocolType: String? = nil,
        protocolName: String? = nil,
        assignments: [String: [UInt8]] = [:]
    ) {
        self.member = member
        self.protocolType = protocolType
        self.protocolName = protocolName
        self.assignments = assignments
    }
}

/// The answer to a sync.
package struct SyncAnswer: Equatable, Sendable {
    package var code: KafkaErrorCode
    package var protocolType: String?
    package var protocolName: String?
    package var assignment: [UInt8] = []

    package init(code: KafkaErrorCode) {
        self.code = code
    }
}

/// Who a request says it comes from.
package struct GroupMemberClaim: Equatable, Sendable {
    package var memberID: String
    package var instanceID: String?
    package var generation: Int32

    package init(memberID: String, instanceID: String? = nil, generation: Int32) {
        self.memberID = memberID
        self.instanceID = instanceID
        self.generation = generation
    }
}
