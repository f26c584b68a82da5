package import LogModel

/// Signs of life, leaving, and time.
extension ClassicGroup {
    package mutating func heartbeat(_ claim: GroupMemberClaim, now: Moment) -> KafkaErrorCode {
        let (index, code) = member(claim.memberID, instanceID: claim.instanceID)
        guard code == .none else { return code }
        guard claim.generation == generation else { return .illegalGeneration }
        members[index].touch(now)
        switch state {
        case .empty: return .unknownMemberID
        case .preparingRebalance: return .rebalanceInProgress
        case .completingRebalance, .stable: return .none
        }
    }

    /// Members leave; one answer for each, in their order. A static member may be named by its
    /// instance alone.
    package mutating func leave(
        _ leaving: [(memberID: String, instanceID: String?)],
        now: Moment,
        wallTime: Timestamp
    ) -> (codes: [KafkaErrorCode], actions: [GroupAction]) {
        var actions: [GroupAction] = []
        var isAnyGone = false
        var hasAnyLeft = false
        let codes = leaving.map { memberID, instanceID -> KafkaErrorCode in
            if instanceID == nil, pendingMembers.removeValue(forKey: memberID) != nil {
                isAnyGone = true
                return .none
            }
            var memberID = memberID
            if let instanceID, memberID.isEmpty, let index = index(ofInstance: instanceID) {
                memberID = members[index].id
            }
            let code = member(memberID, instanceID: instanceID).code
            guard code == .none else { return code }
            remove(memberID, .unknownMemberID, &actions)
            hasAnyLeft = true
            return .none
        }
        if hasAnyLeft || isAnyGone { went(members: hasAnyLeft, now, wallTime, &actions) }
        return (codes, actions)
    }

    /// Whoever stayed away too long is gone.
    package mutating func expire(now: Moment, wallTime: Timestamp) -> [GroupAction] {
        var actions: [GroupAction] = []
        let pendingCount = pendingMembers.count
        pendingMembers = pendingMembers.filter { $0.value > now }
        let expired = members.filter { $0.expiry.map { $0 <= now } ?? false }
        for member in expired { remove(member.id, .unknownMemberID, &actions) }
        if !expired.isEmpty || pendingMembers.count < pendingCount {
            went(members: !expired.isEmpty, now, wallTime, &actions)
        }
        switch state {
        case .preparingRebalance(let preparation) where preparation.deadline <= now:
            preparationExpired(preparation, now, wallTime, &actions)
        case .completingRebalance(let deadline) where deadline <= now,
            .stable(let deadline?) where deadline <= now:
            for member in members where !member.hasSynced {
                remove(member.id, .unknownMemberID, &actions)
            }
            prepare(now, wallTime, &actions)
        case .empty, .preparingRebalance, .completingRebalance, .stable:
            break
        }
        return actions
    }

    /// Those who are left share anew; where only ids were given back, there is nothing to share.
    private mutating func went(
        members hasMembersLeft: Bool,
        _ now: Moment,
        _ wallTime: Timestamp,
        _ actions: inout [GroupAction]
    ) {
        switch state {
        case .empty: break
        case .preparingRebalance: completeIfAllJoined(now, wallTime, &actions)
        case .completingRebalance, .stable:
            if hasMembersLeft { prepare(now, wallTime, &actions) }
        }
    }
}
