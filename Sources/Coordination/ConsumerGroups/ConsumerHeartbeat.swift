package import LogModel

/// What a member of a consumer group says: in full when it joins, and later only what changed.
package struct ConsumerHeartbeat: Equatable, Sendable {
    package var group: String
    package var memberID: String
    package var epoch: GroupEpoch
    package var instanceID: String?
    package var rackID: String?
    package var clientID: String
    package var clientHost: String
    /// -1 for unchanged, as in the protocol.
    package var rebalanceMilliseconds: Int32
    /// Nil for unchanged; so are the next three.
    package var topicNames: [String]?
    package var pattern: String?
    package var assignor: String?
    package var ownedPartitions: [AssignedPartition]?

    package init(
        group: String,
        memberID: String,
        epoch: GroupEpoch,
        instanceID: String? = nil,
        rackID: String? = nil,
        clientID: String = "",
        clientHost: String = "",
        rebalanceMilliseconds: Int32 = -1,
        topicNames: [String]? = nil,
        pattern: String? = nil,
        assignor: String? = nil,
        ownedPartitions: [AssignedPartition]? = nil
    ) {
        self.group = group
        self.memberID = memberID
        self.epoch = epoch
        self.instanceID = instanceID
        self.rackID = rackID
        self.clientID = clientID
        self.clientHost = clientHost
        self.rebalanceMilliseconds = rebalanceMilliseconds
        self.topicNames = topicNames
        self.pattern = pattern
        self.assignor = assignor
        self.ownedPartitions = ownedPartitions
    }

    var isLeave: Bool { epoch == .leaving || epoch == .leavingForNow }

    /// Whether everything is in it, so that the answer has to have everything, too.
    var isFull: Bool {
        epoch == .joining
            || rebalanceMilliseconds != -1 && (topicNames != nil || pattern != nil)
                && ownedPartitions != nil
    }

    /// What subscribed names may have in bytes: they have to fit into one record.
    static let subscriptionByteLimit = 512 << 10

    /// Why it makes no sense whatever the group is, in the order in which Kafka looks; nil if it
    /// does. In version 0 a member that joins has no id yet.
    package func refusal(namesItself: Bool) -> GroupRefusal? {
        if memberID.isEmpty, namesItself || epoch > .joining || epoch == .leaving {
            return .invalid("MemberId can't be empty.")
        }
        if group.isEmpty { return .invalid("GroupId can't be empty.") }
        if instanceID == "" { return .invalid("InstanceId can't be empty.") }
        if rackID == "" { return .invalid("RackId can't be empty.") }
        if epoch == .joining {
            if rebalanceMilliseconds == -1 {
                return .invalid("RebalanceTimeoutMs must be provided in first request.")
            }
            if ownedPartitions.map({ !$0.isEmpty }) ?? true {
                return .invalid("TopicPartitions must be empty when (re-)joining.")
            }
            if topicNames == nil, pattern == nil {
                return .invalid(
                    "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
                        + "(re-)joining."
                )
            }
        } else if epoch == .leavingForNow {
            if instanceID == nil { return .invalid("InstanceId can't be null.") }
        } else if epoch < .leavingForNow {
            return .invalid("MemberEpoch is invalid.")
        }
        if let assignor, GroupAssignor(name: assignor) == nil {
            let known = GroupAssignor.allCases.map(\.name).joined(separator: ", ")
            return GroupRefusal(
                .unsupportedAssignor,
                "ServerAssignor \(assignor) is not supported. Supported assignors: \(known)."
            )
        }
        let byteCount = (topicNames ?? []).reduce(0) { $0 + $1.utf8.count }
        if byteCount > Self.subscriptionByteLimit {
            return .invalid("The names of the subscribed topics are too long.")
        }
        return nil
    }
}

/// Why a request is not taken; an error so that `Result` carries it.
package struct GroupRefusal: Error, Equatable {
    package var code: KafkaErrorCode
    package var message: String

    package init(_ code: KafkaErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    static func invalid(_ message: String) -> GroupRefusal {
        GroupRefusal(.invalidRequest, message)
    }
}

/// The answer to a heartbeat.
package enum ConsumerHeartbeatAnswer: Equatable, Sendable {
    case refused(GroupRefusal)
    /// The assignment is nil where it is what the member was told last.
    case accepted(
        memberID: String,
        epoch: GroupEpoch,
        intervalMilliseconds: Int32,
        assignment: [TopicAssignment]?
    )
    case left(memberID: String, epoch: GroupEpoch)

    package var code: KafkaErrorCode {
        switch self {
        case .refused(let refusal): refusal.code
        case .accepted, .left: .none
        }
    }
}
