import Bytes
import Coordination
import KafkaWire
import LogModel
import MillraceTestKit
import Testing

@testable import BrokerAPI

/// Incremental fetches (KIP-227), as values: trace `fetch_sessions`, and the cache's bounds.
@Suite struct FetchSessionsTests {
    private typealias Owner = FetchSessions.Owner

    private static let owner = Owner(principal: "User:ANONYMOUS", connection: 1)
    private static let quiet = FetchTold(hasRecords: false, highWatermark: 0)

    private func partition(_ index: Int32, at offset: Int64 = 0) -> FetchedPartition {
        FetchedPartition(.init(partition: index, fetchOffset: offset), of: .name("t"))
    }

    private func key(_ index: Int32) -> FetchKey { FetchKey(topic: .name("t"), index: index) }

    /// One fetch, of which each partition reads as `read` says.
    private func fetch(
        _ sessions: inout FetchSessions,
        _ id: Int32,
        _ epoch: Int32,
        _ partitions: [FetchedPartition] = [],
        forgotten: Set<FetchKey> = [],
        of owner: Owner = Self.owner,
        usesTopicIDs: Bool = false,
        now: UInt64 = 0,
        read: (FetchedPartition) -> FetchTold = { _ in Self.quiet }
    ) -> (answer: FetchSessions.Answer, told: [Int32]) {
        let ask = FetchAsk(
            sessionID: id,
            sessionEpoch: epoch,
            usesTopicIDs: usesTopicIDs,
            partitions: partitions,
            forgotten: forgotten
        )
        let plan = sessions.plan(ask, of: owner, now: now)
        sessions.checkInvariants()
        var random = SeededGenerator(seed: now, case: sessions.count)
        let answer = sessions.answer(
            plan,
            plan.partitions.map(read),
            to: ask,
            of: owner,
            now: now,
            random: &random
        )
        sessions.checkInvariants()
        let indexes = answer.told ?? Array(plan.partitions.indices)
        return (answer, indexes.map { plan.partitions[$0].key.index })
    }

    @Test func `a session tells all once, and then what is new`() {
        var sessions = FetchSessions()
        let all = (0..<3).map { partition(Int32($0)) }
        var ends: [Int32: Int64] = [0: 2, 1: 2, 2: 2]
        let read = { (asked: FetchedPartition) in
            let end = ends[asked.key.index] ?? 0
            return FetchTold(hasRecords: asked.offset < end, highWatermark: end)
        }
        let first = fetch(&sessions, 0, 0, all, read: read)
        let id = first.answer.sessionID
        #expect(id > 0)
        #expect(first.told == [0, 1, 2])
        let moved = (0..<3).map { partition(Int32($0), at: 2) }
        #expect(fetch(&sessions, id, 1, moved, read: read).told == [])
        ends[1] = 3
        #expect(fetch(&sessions, id, 2, read: read).told == [1])
        #expect(fetch(&sessions, id, 3, [partition(1, at: 3)], read: read).told == [])
        let wrong = fetch(&sessions, id, 3, read: read)
        #expect(wrong.answer.code == .invalidFetchSessionEpoch)
        #expect(wrong.answer.sessionID == 0)
        #expect(fetch(&sessions, id + 1, 4, read: read).answer.code == .fetchSessionIDNotFound)
        ends = [0: 3, 1: 3, 2: 3]
        let other = Owner(principal: Self.owner.principal.text, connection: 2)
        #expect(fetch(&sessions, id, 4, forgotten: [key(0)], read: read).told == [2])
        // As in Kafka, over another connection too.
        #expect(fetch(&sessions, id, 5, of: other, read: read).told == [2])
        let last = fetch(&sessions, id, -1, [partition(0)], read: read)
        #expect(last.answer == FetchSessions.Answer())
        #expect(fetch(&sessions, id, 6).answer.code == .fetchSessionIDNotFound)
        #expect(fetch(&sessions, 0, 0).answer.sessionID > 0)
    }

    @Test func `an error is told each time, and what comes behind it`() {
        var sessions = FetchSessions()
        let id = fetch(&sessions, 0, 0, [partition(0)]).answer.sessionID
        let error = FetchTold(hasRecords: false, isError: true, highWatermark: -1)
        #expect(fetch(&sessions, id, 1, read: { _ in error }).told == [0])
        #expect(fetch(&sessions, id, 2, read: { _ in error }).told == [0])
        #expect(fetch(&sessions, id, 3).told == [0])
        #expect(fetch(&sessions, id, 4).told == [])
        let deleted = FetchTold(hasRecords: false, highWatermark: 0, logStart: 5)
        #expect(fetch(&sessions, id, 5, read: { _ in deleted }).told == [0])
    }

    @Test func `partitions that gave records are read last the next time`() {
        var sessions = FetchSessions()
        let all = (0..<3).map { partition(Int32($0)) }
        let id = fetch(&sessions, 0, 0, all).answer.sessionID
        var order: [Int32] = []
        let read = { (giving: Int32) in
            { (asked: FetchedPartition) in
                order.append(asked.key.index)
                return FetchTold(hasRecords: asked.key.index == giving, highWatermark: 9)
            }
        }
        _ = fetch(&sessions, id, 1, read: read(0))
        order = []
        _ = fetch(&sessions, id, 2, read: read(2))
        #expect(order == [1, 2, 0])
        order = []
        _ = fetch(&sessions, id, 3, read: read(9))
        #expect(order == [1, 0, 2])
    }

    @Test func `a session is its principal's, of one way to name topics, and its connection's`() {
        var sessions = FetchSessions()
        let id = fetch(&sessions, 0, 0, [partition(0)]).answer.sessionID
        let stranger = Owner(principal: "User:stranger", connection: 2)
        #expect(fetch(&sessions, id, 1, of: stranger).answer.code == .fetchSessionIDNotFound)
        // Nor does he end it.
        _ = fetch(&sessions, id, -1, of: stranger)
        let byID = fetch(&sessions, id, 1, usesTopicIDs: true).answer
        #expect(byID.code == .fetchSessionTopicIDError)
        #expect(fetch(&sessions, id, 1).answer.sessionID == id)
        let later = Owner(principal: Self.owner.principal.text, connection: 3)
        #expect(fetch(&sessions, id, 2, of: later).answer.sessionID == id)
        sessions.connectionClosed(1)
        #expect(sessions.count == 1)
        sessions.connectionClosed(3)
        #expect(sessions.count == 0)
        #expect(sessions.partitionCount == 0)
    }

    @Test func `a session that is emptied ends`() {
        var sessions = FetchSessions()
        let id = fetch(&sessions, 0, 0, [partition(0)]).answer.sessionID
        let emptied = fetch(&sessions, id, 1, forgotten: [key(0)]).answer
        #expect(emptied == FetchSessions.Answer())
        #expect(sessions.count == 0)
    }

    @Test func `an answer that comes when its session has gone on or ended is refused`() {
        var sessions = FetchSessions()
        let id = fetch(&sessions, 0, 0, [partition(0)]).answer.sessionID
        var random = SeededGenerator(seed: 1)
        let ask = FetchAsk(sessionID: id, sessionEpoch: 1, partitions: [])
        let plan = sessions.plan(ask, of: Self.owner, now: 0)
        _ = fetch(&sessions, id, 2)
        let late = { (sessions: inout FetchSessions) in
            sessions.answer(
                plan,
                [Self.quiet],
                to: ask,
                of: Self.owner,
                now: 0,
                random: &random
            ).code
        }
        #expect(late(&sessions) == .invalidFetchSessionEpoch)
        sessions.connectionClosed(1)
        #expect(late(&sessions) == .fetchSessionIDNotFound)
    }

    @Test func `without a slot there is no session, unless one is unused, or old and smaller`() {
        let limit = FetchSessions.evictionMilliseconds
        var sessions = FetchSessions(slotCount: 2)
        let one = fetch(&sessions, 0, 0, [partition(0)]).answer.sessionID
        let two = fetch(&sessions, 0, 0, [partition(0), partition(1)]).answer.sessionID
        let three = (0..<3).map { partition(Int32($0)) }
        #expect(fetch(&sessions, 0, 0, three, now: limit).answer.sessionID == 0)
        // Both are used, so that none is free; the smaller one is old enough.
        #expect(fetch(&sessions, one, 1, now: limit).answer.sessionID == one)
        #expect(fetch(&sessions, two, 1, now: limit).answer.sessionID == two)
        let small = fetch(&sessions, 0, 0, [partition(0)], now: limit + 1).answer
        #expect(small.sessionID == 0)
        let large = fetch(&sessions, 0, 0, three, now: limit + 1).answer.sessionID
        #expect(large > 0)
        #expect(fetch(&sessions, one, 2, now: limit + 1).answer.code == .fetchSessionIDNotFound)
        // Nobody used the second one since.
        #expect(fetch(&sessions, large, 1, now: 2 * limit).answer.sessionID == large)
        let next = fetch(&sessions, 0, 0, [partition(0)], now: 2 * limit + 1).answer.sessionID
        #expect(next > 0)
        #expect(fetch(&sessions, two, 2, now: 2 * limit + 1).answer.code != .none)
        #expect(sessions.count == 2)
    }

    @Test func `the partitions of all sessions are bounded`() {
        var sessions = FetchSessions(partitionLimit: 4)
        let three = (0..<3).map { partition(Int32($0)) }
        let id = fetch(&sessions, 0, 0, three).answer.sessionID
        #expect(id > 0)
        #expect(fetch(&sessions, 0, 0, three).answer == FetchSessions.Answer())
        #expect(fetch(&sessions, id, 1, [partition(3)]).answer.sessionID == id)
        let grown = fetch(&sessions, id, 2, [partition(4)]).answer
        #expect(grown.code == .fetchSessionIDNotFound)
        #expect(sessions.partitionCount == 0)
    }

    /// A client that keeps what it was told knows the same as one that is told all each time.
    @Test(arguments: UInt64(1)...20)
    func `news are all that a client needs`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var sessions = FetchSessions()
        var ends: [Int32: Int64] = [:]
        var broken: Set<Int32> = []
        var asked: [Int32: FetchedPartition] = [:]
        var known: [Int32: Int64] = [:]
        var id: Int32 = 0
        var epoch: Int32 = 0
        for _ in 0..<200 {
            let moving = Int32(generator.below(6))
            ends[moving, default: 0] += Int64(generator.below(3))
            if generator.oneIn(8) { broken.formSymmetricDifference([moving]) }
            let changed = Int32(generator.below(6))
            let isForgotten = generator.oneIn(3) && asked[changed] != nil && epoch > 0
            if generator.oneIn(12) { epoch = 0 }
            let change = partition(changed, at: ends[changed] ?? 0)
            if isForgotten, epoch > 0 {
                asked[changed] = nil
                known[changed] = nil
            } else {
                asked[changed] = change
            }
            let sent = epoch == 0 ? asked.values.sorted { $0.key.index < $1.key.index } : [change]
            let ask = FetchAsk(
                sessionID: id,
                sessionEpoch: epoch,
                partitions: isForgotten && epoch > 0 ? [] : sent,
                forgotten: isForgotten && epoch > 0 ? [key(changed)] : []
            )
            let plan = sessions.plan(ask, of: Self.owner, now: 0)
            let told = plan.partitions.map { asked in
                let index = asked.key.index
                guard !broken.contains(index) else {
                    return FetchTold(hasRecords: false, isError: true, highWatermark: -1)
                }
                let end = ends[index] ?? 0
                return FetchTold(hasRecords: asked.offset < end, highWatermark: end)
            }
            let answer = sessions.answer(
                plan,
                told,
                to: ask,
                of: Self.owner,
                now: 0,
                random: &generator
            )
            sessions.checkInvariants()
            #expect(answer.code == .none)
            for position in answer.told ?? Array(told.indices) {
                known[plan.partitions[position].key.index] = told[position].highWatermark
            }
            let expected = asked.keys.map { ($0, broken.contains($0) ? -1 : ends[$0] ?? 0) }
            #expect(known == Dictionary(uniqueKeysWithValues: expected))
            id = answer.sessionID
            epoch = id == 0 ? 0 : epoch + 1
        }
    }
}
