package import LogModel

/// Who may commit positions of the group, and be told of them.
extension ConsumerGroup {
    /// Kafka's answer to a commit; `.none` if it is taken. A member may be behind its epoch, as
    /// long as it had the partitions at that time already: a rebalance that leaves them alone is no
    /// reason to lose a commit (KIP-1251).
    package func commit(
        _ claim: GroupMemberClaim,
        of partitions: [AssignedPartition],
        isTransactional: Bool,
        hasMemberEpochs: Bool
    ) -> KafkaErrorCode {
        let epoch = GroupEpoch(claim.generation)
        // Somebody who uses the group for its positions alone.
        if epoch < .joining, isEmpty { return .none }
        if isTransactional, epoch == .leaving, claim.memberID.isEmpty, claim.instanceID == nil {
            return .none
        }
        guard let member = members[claim.memberID] else { return .unknownMemberID }
        guard isTransactional || hasMemberEpochs else { return .unsupportedVersion }
        let assignment = member.assignment
        if epoch == assignment.epoch { return .none }
        let isKept =
            epoch < assignment.epoch
            && partitions.allSatisfy { partition in
                let given = assignment.assigned[partition] ?? assignment.revoking[partition]
                return given.map { $0 <= epoch } ?? false
            }
        if isKept { return .none }
        return isTransactional ? .illegalGeneration : .staleMemberEpoch
    }

    /// Kafka's answer to whoever asks for positions as a member; those who ask as nobody may.
    package func checkFetch(memberID: String?, epoch: Int32) -> KafkaErrorCode {
        if memberID == nil, epoch < 0 { return .none }
        guard let member = memberID.flatMap({ members[$0] }) else { return .unknownMemberID }
        return member.assignment.epoch == GroupEpoch(epoch) ? .none : .staleMemberEpoch
    }
}

/// A consumer group as tools are shown it.
package struct ConsumerGroupDescription: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        package var id: String
        package var epoch: GroupEpoch
        package var subscription: ConsumerSubscription
        /// What it is to give up included.
        package var assigned: [TopicAssignment]
        package var target: [TopicAssignment]
    }

    package var id: String
    /// Kafka's word for it.
    package var state: String
    package var epoch: GroupEpoch
    package var targetEpoch: GroupEpoch
    package var assignor: String
    /// By their ids.
    package var members: [Member]
}

extension ConsumerGroup {
    package var description: ConsumerGroupDescription {
        ConsumerGroupDescription(
            id: id,
            state: stateName,
            epoch: epoch,
            targetEpoch: targetEpoch,
            assignor: assignor.name,
            members: members.values.sorted { $0.id < $1.id }.map { member in
                ConsumerGroupDescription.Member(
                    id: member.id,
                    epoch: member.assignment.epoch,
                    subscription: member.subscription,
                    assigned: member.assignment.held.byTopic,
                    target: (targets[member.id] ?? []).byTopic
                )
            }
        )
    }

    package var stateName: String {
        if members.isEmpty { return "Empty" }
        if targetEpoch < epoch { return "Assigning" }
        let isStable = members.values.allSatisfy { $0.assignment.isReconciled(to: targetEpoch) }
        return isStable ? "Stable" : "Reconciling"
    }
}
