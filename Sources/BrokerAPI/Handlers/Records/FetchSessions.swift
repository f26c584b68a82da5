import Coordination
import LogModel

/// Incremental fetches (KIP-227): what clients need not say again, and need not be told again.
///
/// A fetch is one of three things. One with the epoch -1 stands for itself. One with the epoch 0
/// names all its partitions; with its answer a session may begin. One with the next epoch of a
/// session names what has changed, and only news is answered. A session that is not known, or is at
/// another epoch, is refused: its client then begins anew.
///
/// `plan` tells what to read, `answer` what to say of it; the reading in between is the shell's.
/// Values only: time and random numbers are parameters.
///
/// Memory is bounded: `slotCount` sessions, `partitionLimit` partitions in all of them. Who finds
/// no room gets no session, which costs its requests length and nothing else. A session is its
/// principal's, and ends with the connection that used it last.
struct FetchSessions: Sendable {
    /// Whose request it is.
    struct Owner: Equatable, Sendable {
        var principal: ExactText
        var connection: UInt64

        init(principal: String, connection: UInt64) {
            self.principal = ExactText(principal)
            self.connection = connection
        }
    }

    /// What is read for a fetch.
    enum Plan: Equatable, Sendable {
        case refused(KafkaErrorCode)
        /// Stands for itself.
        case once([FetchedPartition])
        /// All partitions; a session may begin with the answer.
        case full([FetchedPartition])
        /// All partitions of a session, which is at `epoch` behind this fetch.
        case incremental(id: Int32, epoch: Int32, [FetchedPartition])

        var partitions: [FetchedPartition] {
            switch self {
            case .refused: []
            case .once(let partitions), .full(let partitions): partitions
            case .incremental(_, _, let partitions): partitions
            }
        }
    }

    /// What is said of what was read.
    struct Answer: Equatable, Sendable {
        var code = KafkaErrorCode.none
        var sessionID: Int32 = 0
        /// The partitions that are told of, as indexes into the plan's; nil for all.
        var told: [Int]?
    }

    fileprivate struct Session: Sendable {
        var owner: Owner
        var usesTopicIDs: Bool
        var epoch: Int32
        /// In the order in which they are read: those that gave records go to the end, so that
        /// each comes first in its turn.
        var partitions: [FetchedPartition]
        var creationTime: UInt64
        var lastUse: UInt64
    }

    /// Kafka's `max.incremental.fetch.session.cache.slots`.
    let slotCount: Int
    let partitionLimit: Int
    private var sessions: [Int32: Session] = [:]
    /// Of all sessions.
    private(set) var partitionCount = 0

    /// A session that was not used for so long is anybody's who needs its slot, and one that has
    /// lived for so long is a larger one's.
    static let evictionMilliseconds: UInt64 = 120_000

    init(slotCount: Int = 1000, partitionLimit: Int = 250_000) {
        self.slotCount = slotCount
        self.partitionLimit = partitionLimit
    }

    var count: Int { sessions.count }

    /// What to read for a fetch; `now` in milliseconds that never go back.
    mutating func plan(_ ask: FetchAsk, of owner: Owner, now: UInt64) -> Plan {
        guard ask.sessionEpoch > 0 else {
            // Whichever session it names ends.
            if sessions[ask.sessionID]?.owner.principal == owner.principal {
                remove(ask.sessionID)
            }
            return ask.sessionEpoch == 0 ? .full(ask.partitions) : .once(ask.partitions)
        }
        guard var session = sessions.removeValue(forKey: ask.sessionID) else {
            return .refused(.fetchSessionIDNotFound)
        }
        guard session.owner.principal == owner.principal else {
            sessions[ask.sessionID] = session
            return .refused(.fetchSessionIDNotFound)
        }
        guard session.usesTopicIDs == ask.usesTopicIDs, session.epoch == ask.sessionEpoch else {
            sessions[ask.sessionID] = session
            return .refused(
                session.usesTopicIDs == ask.usesTopicIDs
                    ? .invalidFetchSessionEpoch : .fetchSessionTopicIDError
            )
        }
        partitionCount -= session.partitions.count
        session.update(ask)
        // The client names everything anew where a session grows beyond what there is room for.
        guard partitionCount + session.partitions.count <= partitionLimit else {
            return .refused(.fetchSessionIDNotFound)
        }
        guard !session.partitions.isEmpty else { return .once([]) }
        session.epoch = session.epoch == .max ? 1 : session.epoch + 1
        session.lastUse = now
        session.owner = owner
        partitionCount += session.partitions.count
        sessions[ask.sessionID] = session
        return .incremental(id: ask.sessionID, epoch: session.epoch, session.partitions)
    }

    /// What to say of what was read, in the order of the plan's partitions.
    mutating func answer(
        _ plan: Plan,
        _ told: [FetchTold],
        to ask: FetchAsk,
        of owner: Owner,
        now: UInt64,
        random: inout some RandomNumberGenerator
    ) -> Answer {
        precondition(told.count == plan.partitions.count, "an answer for each partition")
        switch plan {
        case .refused(let code): return Answer(code: code, told: [])
        case .once: return Answer()
        case .full(let partitions):
            guard makeRoom(for: partitions.count, now: now) else { return Answer() }
            var session = Session(
                owner: owner,
                usesTopicIDs: ask.usesTopicIDs,
                epoch: 1,
                partitions: Self.distinct(partitions),
                creationTime: now,
                lastUse: now
            )
            if session.partitions.count == told.count { _ = session.tell(told) }
            var id = Int32.random(in: 1...Int32.max, using: &random)
            while sessions[id] != nil { id = Int32.random(in: 1...Int32.max, using: &random) }
            sessions[id] = session
            partitionCount += session.partitions.count
            return Answer(sessionID: id)
        case .incremental(let id, let epoch, _):
            guard sessions[id]?.epoch == epoch, let news = sessions[id]?.tell(told) else {
                return Answer(
                    code: sessions[id] == nil ? .fetchSessionIDNotFound : .invalidFetchSessionEpoch,
                    told: []
                )
            }
            return Answer(sessionID: id, told: news)
        }
    }

    /// A connection is gone, and the sessions that were used over it last.
    mutating func connectionClosed(_ connection: UInt64) {
        for (id, session) in sessions where session.owner.connection == connection { remove(id) }
    }

    private mutating func remove(_ id: Int32) {
        guard let session = sessions.removeValue(forKey: id) else { return }
        partitionCount -= session.partitions.count
    }

    /// Finds room for a session of so many partitions, at the cost of one that is not used, or of
    /// an old and smaller one; false where there is none.
    private mutating func makeRoom(for count: Int, now: UInt64) -> Bool {
        guard slotCount > 0, count <= partitionLimit else { return false }
        // Stale ones go for want of either kind of room.
        while count > partitionLimit - partitionCount {
            guard removeStale(now: now) else { return false }
        }
        guard sessions.count >= slotCount, !removeStale(now: now) else { return true }
        let smallest =
            sessions.filter { now &- $0.value.creationTime > Self.evictionMilliseconds }
            .min { ($0.value.partitions.count, $0.key) < ($1.value.partitions.count, $1.key) }
        guard let smallest, smallest.value.partitions.count < count else { return false }
        remove(smallest.key)
        return true
    }

    /// Removes the session that was used longest ago, if that is long.
    private mutating func removeStale(now: UInt64) -> Bool {
        let eldest = sessions.min { ($0.value.lastUse, $0.key) < ($1.value.lastUse, $1.key) }
        guard let eldest, now &- eldest.value.lastUse > Self.evictionMilliseconds else {
            return false
        }
        remove(eldest.key)
        return true
    }

    /// Each partition once, the last that was said of it.
    private static func distinct(_ partitions: [FetchedPartition]) -> [FetchedPartition] {
        var positions: [FetchKey: Int] = [:]
        var found: [FetchedPartition] = []
        for partition in partitions {
            if let position = positions[partition.key] {
                found[position] = partition
            } else {
                positions[partition.key] = found.count
                found.append(partition)
            }
        }
        return found
    }

    /// Stops with a message if the state contradicts itself.
    func checkInvariants() {
        precondition(sessions.count <= max(slotCount, 0), "more sessions than slots")
        let count = sessions.values.reduce(0) { $0 + $1.partitions.count }
        precondition(count == partitionCount, "partitions counted wrong")
        precondition(count <= partitionLimit, "more partitions than there is room for")
        for session in sessions.values {
            precondition(session.epoch > 0, "a session without an epoch")
            let keys = Set(session.partitions.map(\.key))
            precondition(keys.count == session.partitions.count, "a partition twice")
        }
    }
}

extension FetchSessions.Session {
    /// Takes over what a fetch adds, changes and forgets.
    fileprivate mutating func update(_ ask: FetchAsk) {
        guard !ask.partitions.isEmpty || !ask.forgotten.isEmpty else { return }
        var changes: [FetchKey: FetchedPartition] = [:]
        for partition in ask.partitions { changes[partition.key] = partition }
        for index in partitions.indices {
            guard let change = changes.removeValue(forKey: partitions[index].key) else { continue }
            partitions[index].ask(change)
        }
        // In the order in which they were named.
        for partition in ask.partitions {
            if let new = changes.removeValue(forKey: partition.key) { partitions.append(new) }
        }
        if !ask.forgotten.isEmpty { partitions.removeAll { ask.forgotten.contains($0.key) } }
    }

    /// Takes note of an answer; the partitions of which it tells something new.
    fileprivate mutating func tell(_ told: [FetchTold]) -> [Int] {
        var news: [Int] = []
        for index in partitions.indices where partitions[index].tell(told[index]) {
            news.append(index)
        }
        let giving = news.filter { told[$0].hasRecords }
        if !giving.isEmpty, giving.count < partitions.count {
            let isGiving = Set(giving)
            partitions =
                partitions.indices.filter { !isGiving.contains($0) }.map { partitions[$0] }
                + giving.map { partitions[$0] }
        }
        return news
    }
}
