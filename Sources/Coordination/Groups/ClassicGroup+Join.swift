package import LogModel

/// Joining.
extension ClassicGroup {
    /// Takes in a request to join, whose answer may have to wait for others. `newID` names a
    /// member that has no id yet.
    package mutating func join(
        _ join: GroupJoin,
        token: GroupReplyToken,
        newID: @autoclosure () -> String,
        now: Moment,
        wallTime: Timestamp
    ) -> [GroupAction] {
        var actions: [GroupAction] = []
        let code = refusal(of: join)
        guard code == .none else {
            return [.answerJoin(token, JoinAnswer(code: code, memberID: join.memberID))]
        }
        if join.memberID.isEmpty {
            let id = "\(join.instanceID ?? join.clientID)-\(newID())"
            if let instanceID = join.instanceID, let index = index(ofInstance: instanceID) {
                replace(index, with: join, id: id, token, now, wallTime, &actions)
            } else if join.instanceID == nil, join.requiresKnownMember {
                pendingMembers[id] = now.advanced(byMilliseconds: join.sessionMilliseconds)
                let answer = JoinAnswer(code: .memberIDRequired, memberID: id)
                actions.append(.answerJoin(token, answer))
            } else {
                add(join, id: id, token, now, wallTime, &actions)
            }
        } else if pendingMembers[join.memberID] != nil, join.instanceID == nil {
            add(join, id: join.memberID, token, now, wallTime, &actions)
        } else {
            rejoin(join, token, now, wallTime, &actions)
        }
        return actions
    }

    /// Kafka's answer where a join is not taken in, in the order in which Kafka looks.
    private func refusal(of join: GroupJoin) -> KafkaErrorCode {
        guard settings.allows(sessionMilliseconds: join.sessionMilliseconds) else {
            return .invalidSessionTimeout
        }
        guard hasRoom(for: join.memberID) else { return .groupMaxSizeReached }
        guard supports(join) else { return .inconsistentGroupProtocol }
        return .none
    }

    private func hasRoom(for memberID: String) -> Bool {
        if memberID.isEmpty, pendingMembers.count >= settings.pendingMemberLimit { return false }
        switch state {
        case .empty: return true
        case .preparingRebalance:
            if let index = index(of: memberID), members[index].isAwaitingJoin { return true }
            return members.count(where: \.isAwaitingJoin) < settings.memberLimit
        case .completingRebalance, .stable:
            return index(of: memberID) != nil || members.count < settings.memberLimit
        }
    }

    /// Whether one of the protocols is known to every member.
    private func supports(_ join: GroupJoin) -> Bool {
        guard !join.protocolType.isEmpty, !join.protocols.isEmpty else { return false }
        guard !members.isEmpty else { return true }
        let common = commonProtocols
        return join.protocolType == protocolType
            && join.protocols.contains { common.contains($0.name) }
    }

    /// The protocols that every member knows.
    private var commonProtocols: Set<String> {
        guard let first = members.first else { return [] }
        return members.dropFirst().reduce(Set(first.protocols.map(\.name))) { common, member in
            common.intersection(member.protocols.map(\.name))
        }
    }

    /// The protocol that most members prefer among those that all know; the leader's order decides
    /// between equals.
    var chosenProtocol: String? {
        let common = commonProtocols
        var votes: [String: Int] = [:]
        for member in members {
            if let name = member.protocols.first(where: { common.contains($0.name) })?.name {
                votes[name, default: 0] += 1
            }
        }
        let most = votes.values.max()
        let order = leader.flatMap(index(of:)).map { members[$0].protocols } ?? []
        return order.first { votes[$0.name] == most }?.name
            ?? votes.keys.sorted().first { votes[$0] == most }
    }

    private mutating func add(
        _ join: GroupJoin,
        id: String,
        _ token: GroupReplyToken,
        _ now: Moment,
        _ wallTime: Timestamp,
        _ actions: inout [GroupAction]
    ) {
        pendingMembers[id] = nil
        let member = GroupMember(
            id: id,
            instanceID: join.instanceID,
            clientID: join.clientID,
            clientHost: join.clientHost,
            sessionMilliseconds: join.sessionMilliseconds,
            rebalanceMilliseconds: join.rebalanceMilliseconds,
            protocols: join.protocols,
            waiting: .join(token),
            sessionDeadline: now.advanced(byMilliseconds: GroupSettings.newMemberJoinMilliseconds)
        )
        if members.isEmpty { protocolType = join.protocolType }
        members.append(member)
        if leader == nil { leader = id }
        if case .preparingRebalance(var preparation) = state {
            preparation.initial?.hasGrown = true
            state = .preparingRebalance(preparation)
        }
        prepareOrComplete(now, wallTime, &actions)
    }

    /// A member that is known comes again.
    private mutating func rejoin(
        _ join: GroupJoin,
        _ token: GroupReplyToken,
        _ now: Moment,
        _ wallTime: Timestamp,
        _ actions: inout [GroupAction]
    ) {
        let (index, code) = member(join.memberID, instanceID: join.instanceID)
        guard code == .none else {
            actions.append(.answerJoin(token, JoinAnswer(code: code, memberID: join.memberID)))
            return
        }
        let hasChanged = members[index].protocols != join.protocols
        switch state {
        case .empty:
            preconditionFailure("an empty group has no member")
        case .preparingRebalance:
            update(index, with: join, token, now, &actions)
            completeIfAllJoined(now, wallTime, &actions)
        case .completingRebalance where !hasChanged,
            .stable where !hasChanged && members[index].id != leader:
            // The answer was lost, or the member asks again for other reasons.
            members[index].touch(now)
            actions.append(.answerJoin(token, answer(for: members[index])))
        case .completingRebalance, .stable:
            update(index, with: join, token, now, &actions)
            prepare(now, wallTime, &actions)
        }
    }

    /// A static member comes back under another id, and takes the place of its last one. Where the
    /// protocol stays, nothing changes for the others.
    private mutating func replace(
        _ index: Int,
        with join: GroupJoin,
        id: String,
        _ token: GroupReplyToken,
        _ now: Moment,
        _ wallTime: Timestamp,
        _ actions: inout [GroupAction]
    ) {
        let oldID = members[index].id
        let oldLeader = leader
        release(index, .fencedInstanceID, &actions)
        members[index].id = id
        if leader == oldID { leader = id }
        update(index, with: join, token, now, &actions)
        switch state {
        case .empty:
            preconditionFailure("an empty group has no member")
        case .preparingRebalance:
            completeIfAllJoined(now, wallTime, &actions)
        case .completingRebalance:
            // The leader may have been told the old id.
            prepare(now, wallTime, &actions)
        case .stable:
            guard chosenProtocol == protocolName else { return prepare(now, wallTime, &actions) }
            members[index].waiting = .nothing
            members[index].touch(now)
            var answer = answer(for: members[index])
            if join.canSkipAssignment {
                answer.skipsAssignment = id == leader
            } else {
                // Told of another leader, the member does not assign.
                answer.leader = oldLeader ?? ""
                answer.members = []
            }
            actions.append(.persist(record))
            actions.append(.answerJoin(token, answer))
        }
    }

    private mutating func update(
        _ index: Int,
        with join: GroupJoin,
        _ token: GroupReplyToken,
        _ now: Moment,
        _ actions: inout [GroupAction]
    ) {
        // An older join of the same member: its connection is gone, or it asks twice. A sync that
        // waits is of a generation that is over.
        let isSyncing = if case .sync = members[index].waiting { true } else { false }
        release(index, isSyncing ? .rebalanceInProgress : .unknownMemberID, &actions)
        members[index].protocols = join.protocols
        members[index].sessionMilliseconds = join.sessionMilliseconds
        members[index].rebalanceMilliseconds = join.rebalanceMilliseconds
        members[index].waiting = .join(token)
        members[index].touch(now)
    }

    /// The answer to a member's join in the present generation.
    func answer(for member: GroupMember) -> JoinAnswer {
        var answer = JoinAnswer(code: .none, memberID: member.id)
        answer.generation = generation
        answer.protocolType = protocolType
        answer.protocolName = protocolName
        answer.leader = leader ?? ""
        guard member.id == leader else { return answer }
        answer.members = members.map {
            JoinAnswer.Member(
                id: $0.id,
                instanceID: $0.instanceID,
                metadata: $0.metadata(for: protocolName)
            )
        }
        return answer
    }
}
