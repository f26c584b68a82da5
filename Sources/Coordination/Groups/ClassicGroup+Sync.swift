package import LogModel

/// The assignment: the leader brings it, the others wait for it.
extension ClassicGroup {
    package mutating func sync(
        _ sync: GroupSync,
        token: GroupReplyToken,
        now: Moment,
        wallTime: Timestamp
    ) -> [GroupAction] {
        let claim = sync.member
        let (index, memberCode) = member(claim.memberID, instanceID: claim.instanceID)
        let code = memberCode == .none ? refusal(of: sync) : memberCode
        guard code == .none else { return [.answerSync(token, SyncAnswer(code: code))] }
        members[index].hasSynced = true
        if case .stable = state {
            members[index].touch(now)
            endSyncIfAllCame()
            return [.answerSync(token, answer(to: members[index]))]
        }
        var actions: [GroupAction] = []
        release(index, .rebalanceInProgress, &actions)
        members[index].waiting = .sync(token)
        guard members[index].id == leader else { return actions }
        for index in members.indices {
            members[index].assignment = sync.assignments[members[index].id] ?? []
        }
        if case .completingRebalance(let deadline) = state {
            state = .stable(syncDeadline: deadline)
        }
        stateTime = wallTime
        endSyncIfAllCame()
        actions.append(.persist(record))
        for index in members.indices {
            guard case .sync(let token) = members[index].waiting else { continue }
            members[index].waiting = .nothing
            members[index].touch(now)
            actions.append(.answerSync(token, answer(to: members[index])))
        }
        return actions
    }

    private func refusal(of sync: GroupSync) -> KafkaErrorCode {
        guard sync.member.generation == generation else { return .illegalGeneration }
        if let type = sync.protocolType, type != protocolType { return .inconsistentGroupProtocol }
        if let name = sync.protocolName, name != protocolName { return .inconsistentGroupProtocol }
        switch state {
        case .empty: return .unknownMemberID
        case .preparingRebalance: return .rebalanceInProgress
        case .completingRebalance, .stable: return .none
        }
    }

    private func answer(to member: GroupMember) -> SyncAnswer {
        var answer = SyncAnswer(code: .none)
        answer.protocolType = protocolType
        answer.protocolName = protocolName
        answer.assignment = member.assignment
        return answer
    }

    private mutating func endSyncIfAllCame() {
        if case .stable = state, members.allSatisfy(\.hasSynced) {
            state = .stable(syncDeadline: nil)
        }
    }

    /// The record of this generation could not be written: members join again, and find another
    /// one.
    package mutating func storingFailed(now: Moment, wallTime: Timestamp) -> [GroupAction] {
        var actions: [GroupAction] = []
        switch state {
        case .empty, .preparingRebalance: break
        case .completingRebalance, .stable: prepare(now, wallTime, &actions)
        }
        return actions
    }
}
