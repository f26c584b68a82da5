import Bytes
package import Coordination
package import LogModel
import LogStorage
import Threads

/// Groups whose members share partitions: the shell around `ClassicGroup`.
///
/// What a shard's groups decide is written in the order of the decisions, by whoever comes when
/// nobody writes, many decisions a flush; an answer is given when all that was decided before it is
/// durable. So a commit that was still fine when it was looked at lies in front of the next
/// generation's, and nobody is told an assignment that a crash takes back.
extension Broker {
    package func joinGroup(
        _ id: String,
        _ join: GroupJoin,
        answer: @escaping @Sendable (JoinAnswer) -> Void
    ) {
        var code = refusal(ofGroup: id)
        // In front of whatever the group says, as in Kafka.
        let isAllowed = configuration.groups.allows(sessionMilliseconds: join.sessionMilliseconds)
        if code == .none, !isAllowed { code = .invalidSessionTimeout }
        guard code == .none else {
            return answer(JoinAnswer(code: code, memberID: join.memberID))
        }
        let random = makeID().description
        change(id) { state, now, wallTime in
            if let consumers = state.consumers[id], !consumers.isEmpty {
                let token = state.wait(answer)
                let refused = JoinAnswer(
                    code: .inconsistentGroupProtocol,
                    memberID: join.memberID
                )
                return state.write(for: [.answerJoin(token, refused)], of: id)
            }
            guard join.memberID.isEmpty || state.groups[id] != nil else {
                let token = state.wait(answer)
                let refused = JoinAnswer(code: .unknownMemberID, memberID: join.memberID)
                return state.write(for: [.answerJoin(token, refused)], of: id)
            }
            var group =
                state.groups[id]
                ?? ClassicGroup(id: id, settings: self.configuration.groups, wallTime: wallTime)
            let actions = group.join(
                join,
                token: state.wait(answer),
                newID: random,
                now: now,
                wallTime: wallTime
            )
            state.groups[id] = group.isUntouched ? nil : group
            var write = state.write(for: actions, of: id)
            if state.groups[id] != nil,
                let left = state.consumers.removeValue(forKey: ExactText(id))
            {
                write.consumerRecords = left.tombstones
            }
            return write
        } failed: { code in
            answer(JoinAnswer(code: code, memberID: join.memberID))
        }
    }

    package func syncGroup(
        _ id: String,
        _ sync: GroupSync,
        answer: @escaping @Sendable (SyncAnswer) -> Void
    ) {
        let code = refusal(ofGroup: id)
        guard code == .none else { return answer(SyncAnswer(code: code)) }
        change(id) { state, now, wallTime in
            let token = state.wait(answer)
            let actions =
                state.groups[id]?.sync(sync, token: token, now: now, wallTime: wallTime)
                ?? [.answerSync(token, SyncAnswer(code: .unknownMemberID))]
            return state.write(for: actions, of: id)
        } failed: {
            answer(SyncAnswer(code: $0))
        }
    }

    package func heartbeat(
        group id: String,
        _ claim: GroupMemberClaim,
        answer: @escaping @Sendable (KafkaErrorCode) -> Void
    ) {
        let code = refusal(ofGroup: id)
        guard code == .none else { return answer(code) }
        change(id) { state, now, _ in
            let code = state.groups[id]?.heartbeat(claim, now: now) ?? .unknownMemberID
            return GroupWrite(group: id, answers: [{ answer($0 ?? code) }])
        } failed: {
            answer($0)
        }
    }

    /// Members leave; `answer` is given a code for all, and one for each where that is none.
    package func leaveGroup(
        _ id: String,
        _ members: [(memberID: String, instanceID: String?)],
        answer: @escaping @Sendable (KafkaErrorCode, [KafkaErrorCode]) -> Void
    ) {
        let code = refusal(ofGroup: id)
        guard code == .none else { return answer(code, []) }
        let topics = topicImage()
        change(id) { state, now, wallTime in
            if let codes = state.consumers[id]?.leave(
                members,
                topics: topics,
                wallTime: wallTime
            ) {
                var write = GroupWrite(group: id)
                write.consumerRecords = state.consumers[id]?.takeRecords() ?? []
                write.answers = [{ answer($0 ?? .none, $0 == nil ? codes : []) }]
                return write
            }
            let (codes, actions) =
                state.groups[id]?.leave(members, now: now, wallTime: wallTime)
                ?? (members.map { _ in .unknownMemberID }, [])
            if state.groups[id]?.isUntouched == true { state.groups[id] = nil }
            var write = state.write(for: actions, of: id)
            write.answers.append { answer($0 ?? .none, $0 == nil ? codes : []) }
            return write
        } failed: {
            answer($0, [])
        }
    }

    /// Commits positions of a group as a client does who may be fenced; `answer` is given a code
    /// for all of them.
    /// A member of a consumer group has to speak of its epoch (`hasMemberEpochs`: version 9 of the
    /// API), not of a generation.
    package func commitOffsets(
        group id: String,
        _ claim: GroupMemberClaim,
        _ offsets: [TopicPartition: CommittedOffset],
        hasMemberEpochs: Bool,
        answer: @escaping @Sendable (KafkaErrorCode) -> Void
    ) {
        do throws(BrokerError) {
            let records = try records(of: offsets, group: id)
            let shard = try offsetShard(of: id)
            try space.claim(0, for: shard.partition.name)
            let isKnown = try hasPositions(of: id, in: shard)
            change(id) { state, now, _ in
                let code: KafkaErrorCode
                if let consumers = state.consumers[id] {
                    code = consumers.commit(
                        claim,
                        of: records.compactMap(\.assignedPartition),
                        isTransactional: false,
                        hasMemberEpochs: hasMemberEpochs
                    )
                } else if var group = state.groups[id] {
                    code = group.commit(claim, isTransactional: false, now: now)
                    state.groups[id] = group
                } else if isKnown, claim.generation >= 0 || !claim.memberID.isEmpty {
                    code = claim.generation < 0 ? .none : .unknownMemberID
                } else {
                    code = ClassicGroup.commitToUnknown(
                        claim,
                        hasMemberEpochs: hasMemberEpochs
                    )
                }
                return GroupWrite(
                    group: id,
                    offsets: code == .none ? records : [],
                    answers: [{ answer($0 ?? code) }]
                )
            } failed: {
                answer($0)
            }
        } catch {
            answer(error.groupCode)
        }
    }

    /// Kafka's answer to whoever commits positions of the group inside a transaction.
    package func checkTransactionalCommit(
        group id: String,
        _ claim: GroupMemberClaim,
        of partitions: [TopicPartition]
    ) -> KafkaErrorCode {
        do throws(BrokerError) {
            let shard = try offsetShard(of: id)
            if let unavailability = shard.unavailability { throw unavailability }
            let isKnown = try hasPositions(of: id, in: shard)
            let now = groupClock
            let topics = topicSnapshot()
            let assigned = partitions.compactMap { name in
                topics.topic(name.topic).map { AssignedPartition($0.id, name.partition) }
            }
            return shard.groups.withLock { state in
                state.consumers[id]?.commit(
                    claim,
                    of: assigned,
                    isTransactional: true,
                    hasMemberEpochs: true
                )
                    ?? state.groups[id]?.commit(claim, isTransactional: true, now: now)
                    ?? (isKnown && claim.generation >= 0
                        ? .unknownMemberID
                        : ClassicGroup.commitToUnknown(claim, hasMemberEpochs: false))
            }
        } catch {
            return error.groupCode
        }
    }

    // MARK: Deciding and writing

    /// Now, on the clock of the groups' deadlines.
    var groupClock: Moment { Moment(nanoseconds: time.monotonicNanoseconds()) }

    private func refusal(ofGroup id: String) -> KafkaErrorCode {
        id.isEmpty ? .invalidGroupID : .none
    }

    /// Has `decide` change the groups of a shard, writes what it wants written, and answers.
    func change(
        _ id: String,
        _ decide: (inout GroupShardState, Moment, Timestamp) -> GroupWrite,
        failed: (KafkaErrorCode) -> Void
    ) {
        do throws(BrokerError) {
            let shard = try offsetShard(of: id)
            if let unavailability = shard.unavailability { throw unavailability }
            change([id], of: shard) { decide(&$1, $2, $3) }
        } catch {
            failed(error.groupCode)
        }
    }

    /// The same for several groups of one shard: they are written together.
    func change(
        _ ids: [String],
        of shard: OffsetShard,
        _ decide: (_ index: Int, inout GroupShardState, Moment, Timestamp) -> GroupWrite
    ) {
        let now = groupClock
        let wallTime = time.wallTime()
        let (turns, deadline) = shard.groups.withLock { state in
            var turns: [GroupTurn] = []
            var deadline: Moment?
            for (index, id) in ids.enumerated() {
                turns.append(state.enqueue(decide(index, &state, now, wallTime)))
                let next = state.groups[id]?.nextDeadline ?? state.consumers[id]?.nextDeadline
                deadline = [deadline, next].compactMap(\.self).min()
            }
            return (turns, deadline)
        }
        if let deadline { groupTimer.look(at: deadline) }
        for turn in turns { take(turn, of: shard) }
    }

    private func take(_ turn: GroupTurn, of shard: OffsetShard) {
        switch turn {
        case .answer(let write): write.answer(nil)
        case .wait: break
        case .write:
            while let round = shard.groups.withLock({ $0.nextRound() }) {
                store(round, in: shard)
            }
        }
    }

    /// Appends a round, makes it durable, and answers.
    private func store(_ round: [GroupWrite], in shard: OffsetShard) {
        var failure: BrokerError?
        do throws(BrokerError) {
            let appends = try beginAppends(of: round, in: shard)
            try shard.write(round, appends, now: time.wallTime())
            if shard.partition.isDirty { try flush([shard.partition]) }
        } catch {
            failure = error
            counters.countFailure()
        }
        guard let failure else { return round.forEach { $0.answer(nil) } }
        if round.count > 1 {
            // One's record that is refused is that one's. What is in the log already may be there
            // twice: the same, in the same order.
            for write in round { store([write], in: shard) }
            return
        }
        // Members of another generation than the log's: they join again.
        let now = groupClock
        let wallTime = time.wallTime()
        var later: [GroupWrite] = []
        for write in round where !write.consumerRecords.isEmpty {
            shard.groups.withLock {
                $0.consumers[write.group]?.storingFailed(write.consumerRecords)
            }
        }
        for write in round where write.groupRecord != nil {
            later.append(
                shard.groups.withLock { state in
                    let actions = state.groups[write.group]?.storingFailed(
                        now: now,
                        wallTime: wallTime
                    )
                    return state.write(for: actions ?? [], of: write.group)
                }
            )
        }
        for write in round + later { write.answer(failure.groupCode) }
    }

    /// What the clock does to groups; returns when it has something to do next. Called by the
    /// timer's thread, or stepped in simulation.
    @discardableResult
    package func expireGroups() -> Moment? {
        var next: Moment?
        let topics = topicImage()
        for shard in offsetShards.withLock({ $0 }) where shard.unavailability == nil {
            let now = groupClock
            let wallTime = time.wallTime()
            let turns = shard.groups.withLock { state -> [GroupTurn] in
                let silent = state.expireConsumers(topics, now, wallTime)
                let due = state.groups.values.filter { $0.nextDeadline.map { $0 <= now } ?? false }
                return silent
                    + due.map { group in
                        var group = group
                        let actions = group.expire(now: now, wallTime: wallTime)
                        state.groups[group.id] = group.isUntouched ? nil : group
                        return state.enqueue(state.write(for: actions, of: group.id))
                    }
            }
            for turn in turns { take(turn, of: shard) }
            let deadline = shard.groups.withLock { $0.nextDeadline }
            next = [next, deadline].compactMap(\.self).min()
        }
        return next
    }
}
