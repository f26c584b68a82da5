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

    @Test(arguments: [(0, 50), (-1, 50), (900_001, 50)] as [(Int32, Int16)])
    func `a timeout outside the range is refused`(timeout: Int32, code: Int16) {
        var h = CoordinatorHarness()
        #expect(h.begin(timeout: timeout) == .error(KafkaErrorCode(rawValue: code)))
    }

    @Test func `no id gives a fresh producer, an empty one is refused`() {
        var h = CoordinatorHarness()
        #expect(h.begin(nil) == pair(0, 0))
        #expect(h.begin(nil) == pair(1, 0))
        #expect(h.begin("") == .error(.invalidRequest))
        #expect(h.log.isEmpty)
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

    @Test func `while a record is on its way every other request waits`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        let decision = h.coordinator.addPartitions(
            transactionalID: "t",
            producerID: .zero,
            epoch: ProducerEpoch(0),
            partitions: [TopicPartition("data", PartitionIndex(0))],
            now: h.now
        )
        #expect(h.add([1], epoch: 0) == .error(.concurrentTransactions))
        #expect(h.end(.commit, epoch: 0) == .error(.concurrentTransactions))
        #expect(h.begin() == .error(.concurrentTransactions))
        #expect(h.run(decision) == .done)
        #expect(h.add([1], epoch: 0) == .done)
    }

    @Test func `a record that was not written changes nothing`() {
        var h = CoordinatorHarness()
        h.refillIDs()
        _ = h.coordinator.initProducerID(
            transactionalID: "t",
            timeoutMilliseconds: 1,
            now: h.now
        )
        h.coordinator.appendFailed("t")
        #expect(h.coordinator.describe("t") == nil)
        #expect(h.coordinator.transactionalIDs.isEmpty)
        h.coordinator.checkInvariants()
        #expect(h.begin() == pair(1, 0))
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
}
