import LogModel
import Testing

@testable import Coordination

/// Records are appended while nobody holds the coordinator: what others are told meanwhile, and
/// what each end of an append leads to.
@Suite struct RecordOnItsWayTests {
    /// A transaction on two partitions, and whatever an id can be asked for.
    private func ongoing() -> CoordinatorHarness {
        var h = CoordinatorHarness()
        _ = h.begin(timeout: 10)
        _ = h.add([1, 0], epoch: 0)
        return h
    }

    private func expectBusy(
        _ h: inout CoordinatorHarness,
        epoch: Int16,
        _ code: KafkaErrorCode = .concurrentTransactions
    ) {
        let log = h.log
        #expect(h.add([5], epoch: epoch) == .error(code))
        #expect(h.add([5], epoch: epoch, mustBeDurable: false) == .error(code))
        for result in [TransactionResult.commit, .abort] {
            #expect(h.end(result, epoch: epoch) == .error(code))
            #expect(h.end(result, epoch: epoch, bumps: true) == .error(code))
        }
        #expect(h.begin() == .error(code))
        #expect(h.begin(expected: (0, epoch)) == .error(code))
        let later = Timestamp(h.now.rawValue + 30 * 24 * 3_600_000)
        #expect(h.coordinator.dueIDs(now: later).isEmpty)
        #expect(h.coordinator.expire("t", now: later) == .reply(.done))
        #expect(h.coordinator.recoveryDecisions(now: later).isEmpty)
        #expect(h.log == log)
        h.coordinator.checkInvariants()
    }

    @Test func `the first record of an id`() {
        var h = CoordinatorHarness()
        let decision = h.coordinator.initProducerID(
            transactionalID: "t",
            timeoutMilliseconds: 1,
            freshID: .zero,
            now: h.now
        )
        #expect(h.begin() == .error(.concurrentTransactions))
        #expect(h.coordinator.describe("t") == nil)
        #expect(h.carryOut(decision) == pair(0, 0))
    }

    @Test func `a first record that was not written leaves nothing`() {
        var h = CoordinatorHarness()
        _ = h.coordinator.initProducerID(
            transactionalID: "t",
            timeoutMilliseconds: 1,
            freshID: ProducerID(77),
            now: h.now
        )
        h.coordinator.appendFailed("t")
        #expect(h.coordinator.describe("t") == nil)
        #expect(h.coordinator.transactionalIDs.isEmpty)
        h.coordinator.checkInvariants()
        #expect(h.begin() == pair(0, 0))
    }

    @Test func `the record that opens a transaction`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        let decision = h.coordinator.addPartitions(
            transactionalID: "t",
            producerID: .zero,
            epoch: ProducerEpoch(0),
            partitions: [data(0)],
            now: h.now
        )
        expectBusy(&h, epoch: 0)
        #expect(h.carryOut(decision) == .done)
        #expect(h.add([1], epoch: 0) == .done)
    }

    @Test func `further partitions of an owner that bumps its epoch change memory alone`() {
        var h = ongoing()
        let count = h.log.count
        #expect(h.add([2, 3], epoch: 0, mustBeDurable: false) == .done)
        #expect(h.log.count == count)
        #expect(h.coordinator.describe("t")?.partitions == [data(0), data(1), data(2), data(3)])
        #expect(h.add([4], epoch: 0) == .done)
        #expect(h.log.last?.value?.partitions.count == 5)
    }

    /// A client writes to a partition that it has announced while it announces the next one.
    @Test func `a partition that is in already is not kept waiting by others on their way`() {
        var h = ongoing()
        let decision = h.coordinator.addPartitions(
            transactionalID: "t",
            producerID: .zero,
            epoch: ProducerEpoch(0),
            partitions: [data(2)],
            now: h.now
        )
        expectBusy(&h, epoch: 0)
        #expect(h.add([0], epoch: 0) == .done)
        #expect(h.add([1, 0], epoch: 0, mustBeDurable: false) == .done)
        #expect(h.add([0, 2], epoch: 0) == .error(.concurrentTransactions))
        #expect(h.add([0], epoch: 1) == .error(.producerFenced))
        #expect(h.carryOut(decision) == .done)
        #expect(h.coordinator.describe("t")?.partitions == [data(0), data(1), data(2)])
        _ = h.proposeEnd(.commit, epoch: 0)
        #expect(h.add([0], epoch: 0) == .error(.concurrentTransactions))
        h.coordinator.appendUncertain("t")
        #expect(h.add([0], epoch: 0) == .error(.kafkaStorageError))
    }

    @Test func `a commit names the data that must be durable with it, an abort none`() {
        var h = ongoing()
        _ = h.add([2], epoch: 0, mustBeDurable: false)
        let abort = h.proposeEnd(.abort, epoch: 0)
        guard case .append(_, true, let none) = abort else { return #expect(Bool(false)) }
        #expect(none.isEmpty)
        h.coordinator.appendFailed("t")
        let commit = h.proposeEnd(.commit, epoch: 0)
        guard case .append(let record, true, let partitions) = commit else {
            return #expect(Bool(false))
        }
        #expect(partitions == [data(0), data(1), data(2)])
        #expect(record.value?.partitions == Set(partitions))
        expectBusy(&h, epoch: 0)
        #expect(h.carryOut(commit) == pair(0, 1))
        #expect(h.orders.last?.partitions == partitions)
    }

    @Test(arguments: [TransactionResult.commit, .abort])
    func `an outcome that was not written is not decided`(result: TransactionResult) {
        var h = ongoing()
        _ = h.proposeEnd(result, epoch: 0)
        #expect(h.coordinator.unfinishedOrders().isEmpty)
        h.coordinator.appendFailed("t")
        #expect(h.state == .ongoing)
        #expect(h.end(result == .commit ? .abort : .commit, epoch: 0, bumps: true) == pair(0, 1))
    }

    @Test func `a record that may or may not be in the log shuts its id, no other`() {
        var h = ongoing()
        _ = h.proposeEnd(.commit, epoch: 0)
        h.coordinator.appendUncertain("t")
        expectBusy(&h, epoch: 0, .kafkaStorageError)
        #expect(h.coordinator.unfinishedOrders().isEmpty)
        #expect(h.begin("u") == pair(1, 0))
    }

    @Test func `the fence of a timeout`() {
        var h = ongoing()
        h.now = Timestamp(h.now.rawValue + 11)
        let fence = h.coordinator.expire("t", now: h.now)
        expectBusy(&h, epoch: 0)
        h.coordinator.appendFailed("t")
        #expect(h.state == .ongoing)
        #expect(h.coordinator.dueIDs(now: h.now) == ["t"])
        #expect(h.coordinator.expire("t", now: h.now) == fence)
        _ = h.carryOut(fence)
        #expect(h.state == .completeAbort)
    }

    @Test func `the Complete record, which is proposed again if it was not written`() {
        var h = ongoing()
        h.writesMarkers = false
        _ = h.end(.commit, epoch: 0, bumps: true)
        #expect(h.end(.commit, epoch: 0, bumps: true) == .error(.concurrentTransactions))
        let complete = h.coordinator.markersWritten(h.orders[0], now: h.now)
        #expect(complete != nil)
        #expect(h.coordinator.markersWritten(h.orders[0], now: h.now) == nil)
        expectBusy(&h, epoch: 1)
        #expect(h.end(.commit, epoch: 0, bumps: true) == .error(.concurrentTransactions))
        h.coordinator.appendFailed("t")
        #expect(h.state == .prepareCommit)
        #expect(h.coordinator.markersWritten(h.orders[0], now: h.now) == complete)
        if let complete { _ = h.carryOut(complete) }
        #expect(h.end(.commit, epoch: 0, bumps: true) == pair(0, 1))
    }

    @Test func `the tombstone of an idle id`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        h.now = Timestamp(h.now.rawValue + 7 * 24 * 3_600_000)
        let tombstone = h.coordinator.expire("t", now: h.now)
        expectBusy(&h, epoch: 0)
        h.coordinator.appendFailed("t")
        #expect(h.state == .empty)
        #expect(h.coordinator.expire("t", now: h.now) == tombstone)
        _ = h.carryOut(tombstone)
        #expect(h.coordinator.transactionalIDs.isEmpty)
        h.coordinator.checkInvariants()
    }

    @Test func `a batch is verified against the open transaction`() {
        var h = ongoing()
        func verify(
            _ partition: TopicIDPartition,
            pid: Int64 = 0,
            epoch: Int16 = 0
        )
            -> KafkaErrorCode
        {
            h.coordinator.verify(
                transactionalID: "t",
                producerID: ProducerID(pid),
                epoch: ProducerEpoch(epoch),
                partition: partition
            )
        }
        #expect(verify(data(0)) == .none)
        #expect(verify(data(2)) == .transactionAbortable)
        #expect(verify(data(0, id: dataAnewID)) == .transactionAbortable)
        #expect(verify(data(0), pid: 1) == .invalidProducerIDMapping)
        #expect(verify(data(0), epoch: 1) == .invalidProducerEpoch)
        _ = h.proposeEnd(.commit, epoch: 0)
        #expect(verify(data(0)) == .concurrentTransactions)
    }
}
