import LogModel
import Testing

@testable import Coordination

/// The answers that Kafka gave, step by step (traces `initpid_*`, `txn1_*`, `txn_*`), and where we
/// answer otherwise on purpose.
@Suite struct TransactionCoordinatorTests {
    @Test func `an expected pair is bumped, answered again, or fenced`() {
        var h = CoordinatorHarness()
        #expect(h.begin() == pair(0, 0))
        #expect(h.begin(expected: (0, 0)) == pair(0, 1))
        #expect(h.begin(expected: (0, 0)) == pair(0, 1))
        #expect(h.begin(expected: (0, 1)) == pair(0, 2))
        #expect(h.begin(expected: (0, 0)) == .error(.producerFenced))
        #expect(h.begin(expected: (1000, 2)) == .error(.producerFenced))
        #expect(h.begin(expected: (0, 2)) == pair(0, 3))
        #expect(h.begin(expected: (0, -1)) == .error(.invalidRequest))
        #expect(h.begin(expected: (-1, 3)) == .error(.invalidRequest))
        #expect(h.begin("never-seen", expected: (0, 0)) == pair(1, 0))
        #expect(h.begin() == pair(0, 4))
        #expect(h.state == .empty)
    }

    /// What a producer does that begins anew over a transaction of its own: the broker of Kafka
    /// 4.3.1 then tells of an id without one.
    @Test func `an owner that asks again behind its aborted transaction has an empty id`() {
        var h = CoordinatorHarness()
        #expect(h.begin() == pair(0, 0))
        _ = h.add([0], epoch: 0)
        #expect(h.begin(timeout: 1000, expected: (0, 0)) == .error(.concurrentTransactions))
        #expect(h.state == .completeAbort)
        for _ in 0..<2 {
            #expect(h.begin(timeout: 1000, expected: (0, 0)) == pair(0, 1))
            #expect(h.state == .empty)
        }
        let told = h.coordinator.describe("t")
        #expect(told?.epoch == ProducerEpoch(1))
        #expect(told?.timeoutMilliseconds == 1000)
        #expect(told?.partitions == [])
        // A restart finds the same.
        #expect(h.log.last?.value?.state == .empty)
        #expect(h.add([0], epoch: 1) == .done)
    }

    @Test(arguments: [(0, 50), (-1, 50), (900_001, 50)] as [(Int32, Int16)])
    func `a timeout outside the range is refused`(timeout: Int32, code: Int16) {
        var h = CoordinatorHarness()
        #expect(h.begin(timeout: timeout) == .error(KafkaErrorCode(rawValue: code)))
    }

    @Test func `an empty id is refused`() {
        var h = CoordinatorHarness()
        #expect(h.begin("") == .error(.invalidRequest))
        #expect(h.log.isEmpty)
    }

    @Test func `a producer id is asked for only where one is needed`() {
        var h = CoordinatorHarness()
        let first = h.coordinator.initProducerID(
            transactionalID: "t",
            timeoutMilliseconds: 1,
            now: h.now
        )
        #expect(first == .needsProducerID)
        #expect(h.coordinator.transactionalIDs.isEmpty)
        #expect(h.begin() == pair(0, 0))
        for epoch in Int16(1)...32766 {
            let next = h.coordinator.initProducerID(
                transactionalID: "t",
                timeoutMilliseconds: 1,
                now: h.now
            )
            #expect(h.carryOut(next) == pair(0, epoch))
        }
        let last = h.coordinator.initProducerID(
            transactionalID: "t",
            timeoutMilliseconds: 1,
            now: h.now
        )
        #expect(last == .needsProducerID)
        _ = h.add([0], epoch: 32766)
        #expect(h.proposeEnd(.commit, epoch: 32766) == .needsProducerID)
        #expect(h.end(.commit, epoch: 32766, bumps: true) == pair(1, 0))
    }

    @Test(arguments: [false, true])
    func `nobody owns the epoch kept for fencing`(bumps: Bool) {
        var h = CoordinatorHarness()
        for epoch in Int16(0)...32766 { #expect(h.begin(timeout: 10) == pair(0, epoch)) }
        _ = h.add([0], epoch: 32766)
        h.now = Timestamp(h.now.rawValue + 11)
        h.tick()
        #expect(h.coordinator.describe("t")?.epoch == ProducerEpoch(32767))
        #expect(h.add([0], epoch: 32767) == .error(.producerFenced))
        #expect(h.end(.abort, epoch: 32767, bumps: bumps) == .error(.producerFenced))
        #expect(h.end(.commit, epoch: 32767, bumps: bumps) == .error(.producerFenced))
        #expect(h.begin(expected: (0, 32767)) == pair(1, 0))
    }

    @Test func `a new owner aborts what is open and gets an epoch two higher`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        #expect(h.add([0, 1], epoch: 0) == .done)
        #expect(h.begin() == .error(.concurrentTransactions))
        #expect(h.begin() == pair(0, 2))
        #expect(h.orders.map(\.epoch) == [ProducerEpoch(1)])
        #expect(h.orders.map(\.result) == [.abort])
        #expect(h.end(.commit, epoch: 0) == .error(.producerFenced))
        #expect(h.add([0], epoch: 0) == .error(.producerFenced))
        #expect(h.add([0], epoch: 2) == .done)
        #expect(h.end(.commit, epoch: 2) == .done)
    }

    @Test func `the old owner's expected epoch does not fence the new owner`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        _ = h.add([0], epoch: 0)
        _ = h.begin()
        #expect(h.begin() == pair(0, 2))
        _ = h.add([0], epoch: 2)
        #expect(h.begin(expected: (0, 0)) == .error(.producerFenced))
        #expect(h.end(.commit, epoch: 2) == .done)
        #expect(h.state == .completeCommit)
    }

    @Test func `ends of TV1 are strict`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        #expect(h.end(.commit, epoch: 0) == .error(.invalidTransactionState))
        #expect(h.end(.abort, epoch: 0) == .error(.invalidTransactionState))
        _ = h.add([0], epoch: 0)
        h.writesMarkers = false
        #expect(h.end(.commit, epoch: 0) == .done)
        #expect(h.end(.commit, epoch: 0) == .error(.concurrentTransactions))
        #expect(h.end(.abort, epoch: 0) == .error(.invalidTransactionState))
        #expect(h.add([0], epoch: 0) == .error(.concurrentTransactions))
        h.finish(h.orders[0])
        #expect(h.end(.commit, epoch: 0) == .done)
        #expect(h.end(.abort, epoch: 0) == .error(.invalidTransactionState))
        #expect(h.add([0], epoch: 0) == .done)
    }

    @Test func `an unknown id, a wrong producer id and an empty id are told apart`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        #expect(h.add([0], epoch: 0, id: "x") == .error(.invalidProducerIDMapping))
        #expect(h.add([0], pid: 7, epoch: 0) == .error(.invalidProducerIDMapping))
        #expect(h.add([0], epoch: 0, id: "") == .error(.invalidRequest))
        #expect(h.add([0], epoch: 1) == .error(.producerFenced))
        #expect(h.end(.commit, pid: 7, epoch: 0) == .error(.invalidProducerIDMapping))
        #expect(h.end(.commit, epoch: 0, id: "") == .error(.invalidRequest))
    }

    @Test func `an empty list of partitions begins a transaction`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        #expect(h.add([], epoch: 0) == .done)
        #expect(h.state == .ongoing)
        #expect(h.end(.commit, epoch: 0) == .done)
        #expect(h.orders[0].partitions.isEmpty)
        #expect(h.state == .completeCommit)
    }

    @Test func `a transaction that takes too long is aborted under a higher epoch`() {
        var h = CoordinatorHarness()
        _ = h.begin(timeout: 1200)
        _ = h.add([0], epoch: 0)
        h.now = Timestamp(h.now.rawValue + 1200)
        h.tick()
        #expect(h.state == .ongoing)
        h.now = Timestamp(h.now.rawValue + 1)
        h.tick()
        #expect(h.state == .completeAbort)
        #expect(h.coordinator.describe("t")?.epoch == ProducerEpoch(1))
        #expect(h.end(.commit, epoch: 0) == .error(.producerFenced))
        #expect(h.end(.abort, epoch: 0) == .error(.producerFenced))
        #expect(h.coordinator.canResume("t", producerID: .zero, epoch: ProducerEpoch(0)))
        #expect(h.begin(expected: (0, 0)) == pair(0, 1))
        #expect(h.begin() == pair(0, 2))
        #expect(!h.coordinator.canResume("t", producerID: .zero, epoch: ProducerEpoch(0)))
    }

    @Test func `an id idle for a week goes with a tombstone`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        h.now = Timestamp(h.now.rawValue + 7 * 24 * 3_600_000)
        h.tick()
        #expect(h.log.last == TransactionRecord(transactionalID: "t", value: nil))
        #expect(h.add([0], epoch: 0) == .error(.invalidProducerIDMapping))
        #expect(h.begin() == pair(1, 0))
    }

    @Test func `a transaction that began while the clock was ahead has its time-out from now on`() {
        var h = CoordinatorHarness()
        _ = h.begin("t")
        _ = h.add([0], pid: 0, epoch: 0, id: "t")
        h.now = Timestamp(h.now.rawValue - 30 * 24 * 3_600_000)
        h.coordinator.beginNoTransaction(after: h.now)
        #expect(h.coordinator.dueIDs(now: h.now).isEmpty)
        #expect(h.coordinator.describe("t")?.startTime == h.now)
        let timeout = Int64(h.coordinator.describe("t")?.timeoutMilliseconds ?? 0)
        h.now = Timestamp(h.now.rawValue + timeout + 1)
        h.coordinator.beginNoTransaction(after: h.now)
        #expect(h.coordinator.dueIDs(now: h.now) == ["t"])
    }

    @Test func `an id idle for less than a week stays, and so does one with a transaction`() {
        var h = CoordinatorHarness()
        _ = h.begin("idle")
        _ = h.begin("open")
        _ = h.begin("decided")
        _ = h.add([0], pid: 1, epoch: 0, id: "open")
        _ = h.add([0], pid: 2, epoch: 0, id: "decided")
        h.writesMarkers = false
        _ = h.end(.commit, pid: 2, epoch: 0, bumps: true, id: "decided")
        h.now = Timestamp(h.now.rawValue + 7 * 24 * 3_600_000 - 1)
        #expect(h.coordinator.dueIDs(now: h.now) == ["open"])
        h.now = Timestamp(h.now.rawValue + 1)
        #expect(h.coordinator.dueIDs(now: h.now) == ["idle", "open"])
        h.tick()
        #expect(h.coordinator.transactionalIDs == ["decided", "open"])
        #expect(h.coordinator.describe("open")?.state == .prepareAbort)
    }
}
