import Bytes
import LogModel

/// How a member comes to its target.
extension ConsumerGroup {
    /// Takes a member as far towards its target as it can go. `owned` is what it says it has; nil
    /// if it says nothing. `wanted` is what it subscribes to from now on, nil where that has not
    /// changed.
    func reconcile(
        _ member: inout ConsumerGroupMember,
        owning owned: [AssignedPartition]?,
        wanted: Set<UniqueID>?,
        _ now: Moment
    ) {
        let before = member.assignment
        guard !before.isReconciled(to: targetEpoch) else { return }
        switch before.state {
        case .unrevoked where Self.owns(before.revoking, owned):
            if let wanted { member.assignment.revoke { !wanted.contains($0.topicID) } }
        case .stable, .unrevoked, .unreleased: member.assignment = next(member, owning: owned)
        }
        guard member.assignment != before else { return }
        member.revocationDeadline =
            member.assignment.state == .unrevoked
            ? now.advanced(byMilliseconds: member.subscription.rebalanceMilliseconds) : nil
    }

    private func next(
        _ member: ConsumerGroupMember,
        owning owned: [AssignedPartition]?
    ) -> MemberAssignment {
        let target = targets[member.id] ?? []
        var next = member.assignment
        next.assigned = member.assignment.assigned.filter { target.contains($0.key) }
        next.revoking = [:]
        let revoked = member.assignment.assigned.filter { !target.contains($0.key) }
        if !revoked.isEmpty, Self.owns(revoked, owned) {
            next.state = .unrevoked
            next.revoking = revoked
            next.advance(to: member.assignment.epoch)
            return next
        }
        next.state = .stable
        for partition in target where next.assigned[partition] == nil {
            if let owner = owners[partition], owner != member.id {
                next.state = .unreleased
            } else {
                next.assigned[partition] = targetEpoch
            }
        }
        next.advance(to: targetEpoch)
        return next
    }

    /// Whether a member has any of these still, as far as it has said.
    private static func owns(
        _ partitions: [AssignedPartition: GroupEpoch],
        _ owned: [AssignedPartition]?
    ) -> Bool {
        owned?.contains { partitions[$0] != nil } ?? true
    }
}
