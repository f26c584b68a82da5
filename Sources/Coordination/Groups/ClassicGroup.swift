package import LogModel

/// A group whose members share partitions among themselves (Kafka's classic protocol): who is in
/// it, which generation it has, and who waits for whom.
///
/// Every member joins; when all have, or the time is over, a generation begins: one protocol that
/// all know is chosen, the leader is told of everybody and brings the assignment, for which the
/// others wait. What members tell each other is not looked into.
///
/// Events go in with the time, actions come out (`GroupAction`); between events only the clock
/// matters, and `nextDeadline` says when `expire` has something to do. The wall clock is only
/// written down.
package struct ClassicGroup: Equatable, Sendable {
    /// Where the group stands.
    enum State: Equatable, Sendable {
        /// No members. Then: preparingRebalance.
        case empty
        /// Members join; whoever has not by the deadline is left out. Then: completingRebalance,
        /// or empty if nobody is left.
        case preparingRebalance(Preparation)
        /// The generation has begun and waits for the leader's assignment. Then: stable, or
        /// preparingRebalance.
        case completingRebalance(syncDeadline: Moment)
        /// Members have their assignments; those who have not asked for it by the deadline are left
        /// out, nil once all have. Then: preparingRebalance.
        case stable(syncDeadline: Moment?)
    }

    struct Preparation: Equatable, Sendable {
        var deadline: Moment
        /// Of an empty group's first rebalance, which waits for others to come.
        var initial: Initial?
    }

    struct Initial: Equatable, Sendable {
        var remainingMilliseconds: Int32
        /// Somebody came since the wait began: it is prolonged.
        var hasGrown = false
    }

    package let id: String
    let settings: GroupSettings
    var state = State.empty
    /// In the order of joining.
    var members: [GroupMember] = []
    /// Ids given and not used yet, with the time at which they are forgotten.
    var pendingMembers: [String: Moment] = [:]
    package var generation: Int32 = 0
    package var protocolType: String?
    package var protocolName: String?
    package var leader: String?
    /// When the group came into its state, for the record and for the expiry of its offsets.
    package var stateTime: Timestamp

    package init(id: String, settings: GroupSettings, wallTime: Timestamp) {
        self.id = id
        self.settings = settings
        stateTime = wallTime
    }

    /// The group that a record tells of: stable if it has members, who all have their session time
    /// to come back.
    package init(
        id: String,
        settings: GroupSettings,
        restoring value: GroupRecord.Value,
        now: Moment
    ) {
        self.id = id
        self.settings = settings
        generation = value.generation
        protocolType = value.protocolType.isEmpty ? nil : value.protocolType
        protocolName = value.protocolName
        leader = value.leader
        stateTime = value.stateTime
        members = value.members.map { member in
            var restored = GroupMember(
                id: member.id,
                instanceID: member.instanceID,
                clientID: member.clientID,
                clientHost: member.clientHost,
                sessionMilliseconds: member.sessionMilliseconds,
                rebalanceMilliseconds: member.rebalanceMilliseconds,
                protocols: [
                    GroupProtocol(name: value.protocolName ?? "", metadata: member.metadata)
                ],
                assignment: member.assignment,
                sessionDeadline: now
            )
            restored.isNew = false
            restored.hasSynced = true
            restored.touch(now)
            return restored
        }
        if !members.isEmpty { state = .stable(syncDeadline: nil) }
    }

    package var isEmpty: Bool { state == .empty }

    /// Nothing would be lost with it: no member, none on its way, never a generation.
    package var isUntouched: Bool { isEmpty && pendingMembers.isEmpty && generation == 0 }

    /// The group as a record tells it.
    package var record: GroupRecord {
        GroupRecord(
            group: id,
            value: GroupRecord.Value(
                protocolType: protocolType ?? "",
                generation: generation,
                protocolName: protocolName,
                leader: leader,
                stateTime: stateTime,
                members: members.map {
                    GroupRecord.Member(
                        id: $0.id,
                        instanceID: $0.instanceID,
                        clientID: $0.clientID,
                        clientHost: $0.clientHost,
                        sessionMilliseconds: $0.sessionMilliseconds,
                        rebalanceMilliseconds: $0.rebalanceMilliseconds,
                        metadata: $0.metadata(for: protocolName),
                        assignment: $0.assignment
                    )
                }
            )
        )
    }

    // MARK: Members

    func index(of memberID: String) -> Int? { members.firstIndex { $0.id == memberID } }

    func index(ofInstance instanceID: String) -> Int? {
        members.firstIndex { $0.instanceID == instanceID }
    }

    /// The member that a request claims to come from, or Kafka's answer to the claim.
    func member(
        _ memberID: String,
        instanceID: String?
    ) -> (index: Int, code: KafkaErrorCode) {
        if let instanceID {
            guard let index = index(ofInstance: instanceID) else { return (-1, .unknownMemberID) }
            guard members[index].id == memberID else { return (-1, .fencedInstanceID) }
            return (index, .none)
        }
        guard let index = index(of: memberID) else { return (-1, .unknownMemberID) }
        return (index, .none)
    }

    var rebalanceMilliseconds: Int32 { members.map(\.rebalanceMilliseconds).max() ?? 0 }

    /// When `expire` has something to do; nil if never.
    package var nextDeadline: Moment? {
        var deadlines = members.compactMap(\.expiry) + pendingMembers.values
        switch state {
        case .empty: break
        case .preparingRebalance(let preparation): deadlines.append(preparation.deadline)
        case .completingRebalance(let deadline): deadlines.append(deadline)
        case .stable(let deadline): if let deadline { deadlines.append(deadline) }
        }
        return deadlines.min()
    }

    /// Stops with a message if the state contradicts itself.
    package func checkInvariants() {
        precondition(Set(members.map(\.id)).count == members.count, "two members of one id")
        let instances = members.compactMap(\.instanceID)
        precondition(Set(instances).count == instances.count, "two members of one instance")
        precondition(members.isEmpty || leader != nil, "members without a leader")
        precondition(leader == nil || index(of: leader ?? "") != nil, "a leader who is no member")
        switch state {
        case .empty: precondition(members.isEmpty, "an empty group with members")
        case .preparingRebalance:
            precondition(
                !members.contains { if case .sync = $0.waiting { true } else { false } },
                "a sync that waits while members join"
            )
        case .completingRebalance, .stable:
            precondition(!members.isEmpty, "a generation without members")
            precondition(!members.contains(where: \.isAwaitingJoin), "a join that nobody answers")
        }
    }
}
