package import LogModel

/// Leaving, and being put out.
extension ConsumerGroup {
    mutating func leave(
        _ beat: ConsumerHeartbeat,
        topics: TopicImage,
        wallTime: Timestamp
    ) -> ConsumerHeartbeatAnswer {
        switch find(beat.memberID, instanceID: beat.instanceID) {
        case .failure(let refusal): return .refused(refusal)
        case .success(var member):
            if beat.epoch == .leavingForNow {
                // It comes back with nothing in its hands; what it had waits for it.
                member.assignment.epoch = .leavingForNow
                member.assignment.revoking = [:]
                member.assignment.assigned = member.assignment.assigned.mapValues { _ in .joining }
                member.revocationDeadline = nil
                put(member)
            } else {
                remove(member.id)
                membersWent(topics, wallTime)
            }
            return .left(memberID: member.id, epoch: beat.epoch)
        }
    }

    /// Members leave as those of classic groups do: an administrator, or an older tool, takes them
    /// out. One answer for each, in their order.
    package mutating func leave(
        _ leaving: [(memberID: String, instanceID: String?)],
        topics: TopicImage,
        wallTime: Timestamp
    ) -> [KafkaErrorCode] {
        var isAnyGone = false
        let codes = leaving.map { memberID, instanceID -> KafkaErrorCode in
            var memberID = memberID
            if memberID.isEmpty, let owner = instanceID.flatMap({ memberOfInstance[$0] }) {
                memberID = owner
            }
            switch find(memberID, instanceID: instanceID) {
            case .failure(let refusal): return refusal.code
            case .success(let member):
                remove(member.id)
                isAnyGone = true
                return .none
            }
        }
        if isAnyGone { membersWent(topics, wallTime) }
        return codes
    }

    /// Whoever was not heard of, or did not give up what it was told to, is put out.
    package mutating func expire(topics: TopicImage, now: Moment, wallTime: Timestamp) {
        let due = members.values.filter { $0.nextDeadline <= now }
        guard !due.isEmpty else { return }
        for member in due { remove(member.id) }
        membersWent(topics, wallTime)
    }

    /// Those who are left share anew, each with its next heartbeat.
    private mutating func membersWent(_ topics: TopicImage, _ wallTime: Timestamp) {
        if members.isEmpty { emptyTime = wallTime }
        look(at: topics)
        raiseEpoch(topics.hash(of: subscribedTopics))
    }
}
