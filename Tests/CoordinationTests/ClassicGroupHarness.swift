import Coordination
import LogModel

/// A group with a clock, that keeps what was answered.
struct ClassicGroupHarness {
    var group: ClassicGroup
    var milliseconds: UInt64 = 1_000
    var joins: [UInt64: JoinAnswer] = [:]
    var syncs: [UInt64: SyncAnswer] = [:]
    var records: [GroupRecord] = []
    private var lastToken: UInt64 = 0
    private var lastID = 0

    init(initialDelay: Int32 = 0, memberLimit: Int = .max) {
        var settings = GroupSettings()
        settings.initialRebalanceDelayMilliseconds = initialDelay
        settings.memberLimit = memberLimit
        group = ClassicGroup(id: "g", settings: settings, wallTime: Timestamp(0))
    }

    var now: Moment { Moment(nanoseconds: milliseconds * 1_000_000) }
    var wallTime: Timestamp { Timestamp(Int64(milliseconds)) }
    var state: String { group.description.state }

    /// The number of the request, under which its answer is found.
    @discardableResult
    mutating func join(
        _ memberID: String = "",
        instance: String? = nil,
        session: Int32 = 10_000,
        rebalance: Int32 = 5_000,
        type: String = "consumer",
        protocols: [String] = ["range"],
        metadata: [UInt8] = [1],
        isOld: Bool = false
    ) -> UInt64 {
        lastToken += 1
        lastID += 1
        let id = lastID
        take(
            group.join(
                GroupJoin(
                    memberID: memberID,
                    instanceID: instance,
                    clientID: "c",
                    clientHost: "/127.0.0.1",
                    sessionMilliseconds: session,
                    rebalanceMilliseconds: rebalance,
                    protocolType: type,
                    protocols: protocols.map { GroupProtocol(name: $0, metadata: metadata) },
                    requiresKnownMember: !isOld,
                    canSkipAssignment: !isOld
                ),
                token: GroupReplyToken(number: lastToken),
                newID: "\(id)",
                now: now,
                wallTime: wallTime
            )
        )
        return lastToken
    }

    @discardableResult
    mutating func sync(
        _ memberID: String,
        instance: String? = nil,
        generation: Int32? = nil,
        protocolName: String? = nil,
        _ assignments: [String: [UInt8]] = [:]
    ) -> UInt64 {
        lastToken += 1
        take(
            group.sync(
                GroupSync(
                    member: claim(memberID, instance, generation),
                    protocolName: protocolName,
                    assignments: assignments
                ),
                token: GroupReplyToken(number: lastToken),
                now: now,
                wallTime: wallTime
            )
        )
        return lastToken
    }

    mutating func heartbeat(
        _ memberID: String,
        instance: String? = nil,
        generation: Int32? = nil
    ) -> KafkaErrorCode {
        group.heartbeat(claim(memberID, instance, generation), now: now)
    }

    mutating func commit(
        _ memberID: String,
        generation: Int32? = nil,
        isTransactional: Bool = false
    ) -> KafkaErrorCode {
        group.commit(
            claim(memberID, nil, generation),
            isTransactional: isTransactional,
            now: now
        )
    }

    mutating func leave(_ members: (memberID: String, instanceID: String?)...) -> [KafkaErrorCode] {
        let (codes, actions) = group.leave(members, now: now, wallTime: wallTime)
        take(actions)
        return codes
    }

    mutating func pass(_ count: UInt64) {
        let end = milliseconds + count
        while let next = group.nextDeadline, next.nanoseconds <= end * 1_000_000 {
            milliseconds = max(milliseconds, next.nanoseconds / 1_000_000)
            take(group.expire(now: now, wallTime: wallTime))
        }
        milliseconds = end
    }

    /// A dynamic member with its id, joined.
    mutating func newMember(metadata: [UInt8] = [1]) -> (id: String, request: UInt64) {
        let first = join(metadata: metadata)
        let id = joins[first]?.memberID ?? ""
        return (id, join(id, metadata: metadata))
    }

    private func claim(
        _ memberID: String,
        _ instance: String?,
        _ generation: Int32?
    ) -> GroupMemberClaim {
        GroupMemberClaim(
            memberID: memberID,
            instanceID: instance,
            generation: generation ?? group.generation
        )
    }

    private mutating func take(_ actions: [GroupAction]) {
        for action in actions {
            switch action {
            case .persist(let record): records.append(record)
            case .answerJoin(let token, let answer):
                precondition(joins.updateValue(answer, forKey: token.number) == nil, "twice")
            case .answerSync(let token, let answer):
                precondition(syncs.updateValue(answer, forKey: token.number) == nil, "twice")
            }
        }
        group.checkInvariants()
    }
}
