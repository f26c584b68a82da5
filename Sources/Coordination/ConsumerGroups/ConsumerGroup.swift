package import LogModel

/// A group whose partitions the coordinator assigns (KIP-848): who is in it, what each is to have,
/// and what each has.
///
/// Members send heartbeats and are answered at once; nobody waits for anybody. Whatever changes
/// what should be assigned (a member, a subscription, a topic) raises the group's epoch; the target
/// assignment is then made for that epoch, and each member comes to it by itself: it first gives up
/// what the target takes from it, and keeps its epoch until it has said that it did; then it has
/// the target's epoch, and is given what nobody else holds any more. So between two owners of a
/// partition there is always one's word that it let go, or its end.
///
/// Requests go in with the time and the topics, an answer comes out. What is to be written is asked
/// for by `takeRecords`: the answer may be given once those are durable.
package struct ConsumerGroup: Sendable {
    /// What a record tells of.
    enum RecordKey: Hashable {
        case group
        case targetEpoch
        case member(String)
        case target(String)
        case current(String)
    }

    package let id: String
    let settings: GroupSettings
    package internal(set) var epoch = GroupEpoch(1)
    /// Of the topics that members subscribe to, when the epoch was last raised.
    var subscriptionHash: Int64 = 0
    package internal(set) var targetEpoch = GroupEpoch(0)
    var targetTime = Timestamp(0)
    package internal(set) var members: [String: ConsumerGroupMember] = [:]
    /// Static members by their instance.
    var memberOfInstance: [String: String] = [:]
    var targets: [String: Set<AssignedPartition>] = [:]
    /// Who holds a partition, until it was released.
    var owners: [AssignedPartition: String] = [:]
    /// What patterns of members match among the topics last looked at.
    var matches: [String: PatternMatches] = [:]
    /// What patterns of members find and the members may not know of, by member; none of a member
    /// that was not heard of since the group was read.
    var hidden: [String: Set<String>] = [:]
    /// The topics last looked at.
    var topicVersion: UInt64?
    /// When the last member went, or was seen to be gone: positions are kept for a while from then.
    package internal(set) var emptyTime: Timestamp
    /// What is not in the log as it is here.
    var unwritten: Set<RecordKey> = []

    package init(id: String, settings: GroupSettings, wallTime: Timestamp) {
        self.id = id
        self.settings = settings
        emptyTime = wallTime
    }

    package var isEmpty: Bool { members.isEmpty }

    /// When `expire` has something to do; nil if never.
    package var nextDeadline: Moment? { members.values.lazy.map(\.nextDeadline).min() }

    // MARK: Members

    /// The member of a request that names one, or why it is none.
    func find(
        _ memberID: String,
        instanceID: String?
    ) -> Result<ConsumerGroupMember, GroupRefusal> {
        guard let instanceID else {
            return members[memberID].map { .success($0) } ?? .failure(unknown(memberID))
        }
        guard let owner = memberOfInstance[instanceID], let member = members[owner] else {
            return .failure(
                GroupRefusal(.unknownMemberID, "Instance id \(instanceID) is unknown.")
            )
        }
        guard owner == memberID else {
            return .failure(
                GroupRefusal(
                    .fencedInstanceID,
                    "Static member \(memberID) with instance id \(instanceID) was fenced by member "
                        + "\(owner)."
                )
            )
        }
        return .success(member)
    }

    private func unknown(_ memberID: String) -> GroupRefusal {
        GroupRefusal(.unknownMemberID, "Member \(memberID) is not a member of group \(id).")
    }

    /// Puts a member in place of what it was, and keeps the books of instances and owners.
    mutating func put(_ member: ConsumerGroupMember) {
        let old = members.updateValue(member, forKey: member.id)
        if old?.subscription != member.subscription {
            unwritten.insert(.member(member.id))
            if let instanceID = old?.subscription.instanceID {
                memberOfInstance[instanceID] = nil
            }
            if let instanceID = member.subscription.instanceID {
                memberOfInstance[instanceID] = member.id
            }
        }
        guard old?.assignment != member.assignment else { return }
        unwritten.insert(.current(member.id))
        for partition in old?.assignment.held ?? [] { owners[partition] = nil }
        for partition in member.assignment.held {
            let other = owners.updateValue(member.id, forKey: partition)
            precondition(other == nil || other == member.id, "a partition with two owners")
        }
    }

    mutating func remove(_ memberID: String) {
        guard let member = members.removeValue(forKey: memberID) else { return }
        for partition in member.assignment.held { owners[partition] = nil }
        if let instanceID = member.subscription.instanceID { memberOfInstance[instanceID] = nil }
        targets[memberID] = nil
        hidden[memberID] = nil
        unwritten.formUnion([.current(memberID), .target(memberID), .member(memberID)])
    }

    /// Stops with a message if the state contradicts itself.
    package func checkInvariants() {
        precondition(targetEpoch <= epoch, "a target ahead of the group")
        var held: [AssignedPartition: String] = [:]
        for (memberID, member) in members {
            let assignment = member.assignment
            precondition(assignment.epoch <= targetEpoch, "a member ahead of the target")
            for partition in assignment.held {
                precondition(held[partition] == nil, "a partition with two owners")
                held[partition] = memberID
            }
            precondition(
                assignment.state != .unrevoked || assignment.epoch == .leavingForNow
                    || !assignment.revoking.isEmpty,
                "a member that waits for nothing"
            )
        }
        precondition(held == owners, "the owners are not those who hold")
        precondition(
            Set(targets.keys).isSubset(of: members.keys),
            "a target of somebody who is no member"
        )
        for (instanceID, memberID) in memberOfInstance {
            precondition(
                members[memberID]?.subscription.instanceID == instanceID,
                "an instance of somebody else"
            )
        }
        var targeted: Set<AssignedPartition> = []
        for partition in targets.values.joined() {
            precondition(targeted.insert(partition).inserted, "a partition with two targets")
        }
    }
}

/// A pattern of members' subscriptions, and the topics that it matches.
struct PatternMatches: Sendable {
    let pattern: TopicPattern
    var names: Set<String>

    init(_ pattern: TopicPattern, in topics: TopicImage) {
        self.pattern = pattern
        names = []
        look(at: topics)
    }

    mutating func look(at topics: TopicImage) {
        names = Set(topics.topics.keys.filter { pattern.matches($0) })
    }
}
