import LogModel

/// From one generation to the next.
extension ClassicGroup {
    /// Begins a rebalance, or ends the one that there is if nobody is missing any more.
    mutating func prepareOrComplete(
        _ now: Moment,
        _ wallTime: Timestamp,
        _ actions: inout [GroupAction]
    ) {
        switch state {
        case .preparingRebalance: completeIfAllJoined(now, wallTime, &actions)
        case .empty, .completingRebalance, .stable: prepare(now, wallTime, &actions)
        }
    }

    /// Begins a rebalance: all members have to join again.
    mutating func prepare(
        _ now: Moment,
        _ wallTime: Timestamp,
        _ actions: inout [GroupAction]
    ) {
        for index in members.indices {
            guard case .sync(let token) = members[index].waiting else { continue }
            members[index].waiting = .nothing
            members[index].assignment = []
            members[index].touch(now)
            actions.append(.answerSync(token, SyncAnswer(code: .rebalanceInProgress)))
        }
        let wait = rebalanceMilliseconds
        let delay = min(settings.initialRebalanceDelayMilliseconds, wait)
        if state == .empty, delay > 0 {
            state = .preparingRebalance(
                Preparation(
                    deadline: now.advanced(byMilliseconds: delay),
                    initial: Initial(remainingMilliseconds: wait - delay)
                )
            )
            stateTime = wallTime
            return
        }
        let isFirst = state == .empty
        state = .preparingRebalance(Preparation(deadline: now.advanced(byMilliseconds: wait)))
        stateTime = wallTime
        if isFirst {
            complete(now, wallTime, &actions)
        } else {
            completeIfAllJoined(now, wallTime, &actions)
        }
    }

    /// Ends the rebalance if every member has joined and none is on its way. The first one of an
    /// empty group takes its time.
    mutating func completeIfAllJoined(
        _ now: Moment,
        _ wallTime: Timestamp,
        _ actions: inout [GroupAction]
    ) {
        guard case .preparingRebalance(let preparation) = state, preparation.initial == nil,
            pendingMembers.isEmpty, members.allSatisfy(\.isAwaitingJoin)
        else { return }
        complete(now, wallTime, &actions)
    }

    /// The time of a rebalance is over.
    mutating func preparationExpired(
        _ preparation: Preparation,
        _ now: Moment,
        _ wallTime: Timestamp,
        _ actions: inout [GroupAction]
    ) {
        if let initial = preparation.initial, initial.hasGrown, initial.remainingMilliseconds > 0 {
            let delay = min(
                settings.initialRebalanceDelayMilliseconds,
                initial.remainingMilliseconds
            )
            state = .preparingRebalance(
                Preparation(
                    deadline: now.advanced(byMilliseconds: delay),
                    initial: Initial(
                        remainingMilliseconds: initial.remainingMilliseconds - delay
                    )
                )
            )
            return
        }
        complete(now, wallTime, &actions)
    }

    /// Begins the next generation with those who have joined. Static members stay without.
    mutating func complete(
        _ now: Moment,
        _ wallTime: Timestamp,
        _ actions: inout [GroupAction]
    ) {
        for member in members where !member.isAwaitingJoin && member.instanceID == nil {
            remove(member.id, .unknownMemberID, &actions)
        }
        if !members.isEmpty, !electJoinedLeader() {
            // Static members alone, and none of them here: their sessions decide.
            let wait = max(rebalanceMilliseconds, 1)
            state = .preparingRebalance(Preparation(deadline: now.advanced(byMilliseconds: wait)))
            return
        }
        // Kafka begins again at 0, too.
        generation = generation == .max ? 0 : generation + 1
        protocolName = chosenProtocol
        guard !members.isEmpty else {
            state = .empty
            stateTime = wallTime
            actions.append(.persist(record))
            return
        }
        state = .completingRebalance(
            syncDeadline: now.advanced(byMilliseconds: rebalanceMilliseconds)
        )
        stateTime = wallTime
        for index in members.indices {
            members[index].hasSynced = false
            guard case .join(let token) = members[index].waiting else { continue }
            members[index].waiting = .nothing
            members[index].isNew = false
            members[index].touch(now)
            actions.append(.answerJoin(token, answer(for: members[index])))
        }
    }

    /// The leader, or another one of those who have joined; false if none has.
    private mutating func electJoinedLeader() -> Bool {
        if let index = leader.flatMap(index(of:)), members[index].isAwaitingJoin { return true }
        guard let joined = members.first(where: \.isAwaitingJoin) else { return false }
        leader = joined.id
        return true
    }

    /// Takes a member out, and answers what it waits for.
    mutating func remove(
        _ memberID: String,
        _ code: KafkaErrorCode,
        _ actions: inout [GroupAction]
    ) {
        guard let index = index(of: memberID) else { return }
        release(index, code, isKnown: false, &actions)
        members.remove(at: index)
        if leader == memberID { leader = members.first?.id }
    }

    /// Answers what a member waits for; one that is not known any more has no id.
    mutating func release(
        _ index: Int,
        _ code: KafkaErrorCode,
        isKnown: Bool = true,
        _ actions: inout [GroupAction]
    ) {
        switch members[index].waiting {
        case .nothing: return
        case .join(let token):
            actions.append(
                .answerJoin(
                    token,
                    JoinAnswer(code: code, memberID: isKnown ? members[index].id : "")
                )
            )
        case .sync(let token): actions.append(.answerSync(token, SyncAnswer(code: code)))
        }
        members[index].waiting = .nothing
    }
}
