import LogModel

/// What a member of a consumer group wants, and who it is.
package struct ConsumerSubscription: Equatable, Sendable {
    package var instanceID: String?
    package var rackID: String?
    package var clientID = ""
    package var clientHost = ""
    /// Sorted, each once.
    package var topicNames: [String] = []
    /// A regular expression for further ones; empty for none.
    package var pattern = ""
    package var rebalanceMilliseconds: Int32 = -1
    package var assignor: String?

    package init() {}

    /// With what a heartbeat changes.
    func updated(by beat: ConsumerHeartbeat) -> ConsumerSubscription {
        var updated = self
        if let instanceID = beat.instanceID { updated.instanceID = instanceID }
        if let rackID = beat.rackID { updated.rackID = rackID }
        if beat.rebalanceMilliseconds != -1 {
            updated.rebalanceMilliseconds = beat.rebalanceMilliseconds
        }
        if let names = beat.topicNames { updated.topicNames = Set(names).sorted() }
        if let pattern = beat.pattern { updated.pattern = pattern }
        if let assignor = beat.assignor { updated.assignor = assignor }
        updated.clientID = beat.clientID
        updated.clientHost = beat.clientHost
        return updated
    }

    func wantsSame(as other: ConsumerSubscription) -> Bool {
        topicNames == other.topicNames && pattern == other.pattern
    }
}

/// How far a member has come towards its target.
package enum MemberState: Int8, Equatable, Sendable {
    /// It has what the target of its epoch gives it. Then: any.
    case stable = 0
    /// It has been told to give partitions up and has not said that it did; its epoch stays. Then:
    /// any.
    case unrevoked = 1
    /// It has the target's epoch, but others hold partitions of it still. Then: any.
    case unreleased = 2
}

/// What a member holds. Each partition has the epoch in which it was given, which tells the commits
/// of an earlier owner from those of this one.
package struct MemberAssignment: Equatable, Sendable {
    package var epoch = GroupEpoch.joining
    package var previousEpoch = GroupEpoch.joining
    package var state = MemberState.stable
    package var assigned: [AssignedPartition: GroupEpoch] = [:]
    /// Nobody else gets these until the member has said that it gave them up.
    package var revoking: [AssignedPartition: GroupEpoch] = [:]

    package init() {}

    /// All that nobody else may have.
    var held: [AssignedPartition] { Array(assigned.keys) + Array(revoking.keys) }

    func isReconciled(to target: GroupEpoch) -> Bool { state == .stable && epoch == target }

    /// Has the member give these up too, where it has not given up yet what it was told to.
    mutating func revoke(where isUnwanted: (AssignedPartition) -> Bool) {
        for (partition, epoch) in assigned where isUnwanted(partition) {
            assigned[partition] = nil
            revoking[partition] = epoch
        }
    }

    mutating func advance(to epoch: GroupEpoch) {
        previousEpoch = self.epoch
        self.epoch = epoch
    }
}

/// A member of a consumer group.
package struct ConsumerGroupMember: Equatable, Sendable {
    package let id: String
    package var subscription = ConsumerSubscription()
    package var assignment = MemberAssignment()
    /// It is taken for gone then, unless it was heard of.
    var sessionDeadline: Moment
    /// It is put out then, unless it gave up what it was told to.
    var revocationDeadline: Moment?

    var nextDeadline: Moment { min(sessionDeadline, revocationDeadline ?? sessionDeadline) }

    /// Why a heartbeat of this epoch is not of this member as it stands; nil if it is. The epoch
    /// before is its own as well where it claims no more than it has: the answer was lost.
    func refusal(
        of epoch: GroupEpoch,
        owning owned: [AssignedPartition]?
    ) -> GroupRefusal? {
        if epoch == .joining || epoch == assignment.epoch { return nil }
        let isLate =
            epoch == assignment.previousEpoch && epoch < assignment.epoch
            && owned.map { $0.allSatisfy { assignment.assigned[$0] != nil } } ?? false
        if isLate { return nil }
        let size = epoch > assignment.epoch ? "greater" : "smaller"
        return GroupRefusal(
            .fencedMemberEpoch,
            "The consumer group member has a \(size) member epoch (\(epoch.rawValue)) than the one "
                + "known by the group coordinator (\(assignment.epoch.rawValue)). The member must "
                + "abandon all its partitions and rejoin."
        )
    }
}
