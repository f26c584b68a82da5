package import LogModel

extension ConsumerGroup {
    /// Takes in what a member says of itself. `newID` names a member that has no id yet;
    /// `mayDescribe` tells the topics that it may know of where these are not all.
    package mutating func heartbeat(
        _ beat: ConsumerHeartbeat,
        topics: TopicImage,
        newID: @autoclosure () -> String,
        now: Moment,
        wallTime: Timestamp,
        mayDescribe: ((String) -> Bool)? = nil
    ) -> ConsumerHeartbeatAnswer {
        if beat.isLeave { return leave(beat, topics: topics, wallTime: wallTime) }
        if let refusal = refusal(of: beat) { return .refused(refusal) }
        let memberID = beat.memberID.isEmpty ? newID() : beat.memberID
        var member = admit(memberID, beat, now)
        let before = member.subscription
        member.subscription = before.updated(by: beat)
        member.sessionDeadline = now.advanced(
            byMilliseconds: settings.consumerSessionMilliseconds
        )
        put(member)
        let isChanged = !before.wantsSame(as: member.subscription)
        raiseEpoch(ifChanged: isChanged, by: member, topics, mayDescribe)
        retarget(topics, wallTime)
        let held = member.assignment.assigned
        let wanted = isChanged ? topics.ids(of: topicNames(of: member)) : nil
        reconcile(&member, owning: beat.ownedPartitions, wanted: wanted, now)
        put(member)
        let isTold = beat.isFull || member.assignment.assigned != held
        return .accepted(
            memberID: memberID,
            epoch: member.assignment.epoch,
            intervalMilliseconds: settings.consumerHeartbeatMilliseconds,
            assignment: isTold ? member.assignment.assigned.keys.byTopic : nil
        )
    }

    /// Why a heartbeat is not taken, in the order in which Kafka looks; nil if it is. Nothing has
    /// changed by then.
    private func refusal(of beat: ConsumerHeartbeat) -> GroupRefusal? {
        if members.count >= settings.consumerMemberLimit, members[beat.memberID] == nil {
            return GroupRefusal(
                .groupMaxSizeReached,
                "The consumer group has reached its maximum capacity of "
                    + "\(settings.consumerMemberLimit) members."
            )
        }
        if let refusal = membershipRefusal(of: beat) { return refusal }
        guard let pattern = beat.pattern, !pattern.isEmpty, matches[pattern] == nil else {
            return nil
        }
        do throws(TopicPatternError) { _ = try TopicPattern(pattern) } catch {
            return GroupRefusal(
                .invalidRegularExpression,
                "SubscribedTopicRegex `\(pattern)` is not a valid regular expression: "
                    + "\(error.message)."
            )
        }
        return nil
    }

    private func membershipRefusal(of beat: ConsumerHeartbeat) -> GroupRefusal? {
        guard beat.epoch == .joining else {
            switch find(beat.memberID, instanceID: beat.instanceID) {
            case .failure(let refusal): return refusal
            case .success(let member):
                return member.refusal(of: beat.epoch, owning: beat.ownedPartitions)
            }
        }
        // Its own place a member may always take again: the answer may have been lost.
        guard let instanceID = beat.instanceID, let owner = memberOfInstance[instanceID],
            owner != beat.memberID, members[owner]?.assignment.epoch != .leavingForNow
        else { return nil }
        return GroupRefusal(
            .unreleasedInstanceID,
            "Static member \(beat.memberID) with instance id \(instanceID) cannot join the group "
                + "because the instance id is owned by \(owner) member."
        )
    }

    /// The member as it was, a new one, or the one whose place it takes.
    private mutating func admit(
        _ memberID: String,
        _ beat: ConsumerHeartbeat,
        _ now: Moment
    ) -> ConsumerGroupMember {
        if beat.epoch == .joining, let instanceID = beat.instanceID,
            let owner = memberOfInstance[instanceID], owner != memberID
        {
            return replace(owner, by: memberID, now)
        }
        return members[memberID] ?? ConsumerGroupMember(id: memberID, sessionDeadline: now)
    }

    /// A static member comes back under another id: it has what waited for it.
    private mutating func replace(
        _ oldID: String,
        by memberID: String,
        _ now: Moment
    ) -> ConsumerGroupMember {
        // Whoever joins has nothing, so what it had under this id is free.
        remove(memberID)
        var member = ConsumerGroupMember(id: memberID, sessionDeadline: now)
        if let old = members[oldID] {
            member.subscription = old.subscription
            member.assignment = old.assignment
            member.assignment.epoch = .joining
            member.assignment.previousEpoch = .joining
        }
        let target = targets[oldID]
        remove(oldID)
        if let target {
            targets[memberID] = target
            unwritten.insert(.target(memberID))
        }
        put(member)
        return member
    }
}
