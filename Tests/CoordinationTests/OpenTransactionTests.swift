import Bytes
import LogModel
import Testing

@testable import Coordination

/// Transactions that a crash left open, in the log of the coordinator and in partitions.
@Suite struct OpenTransactionTests {
    private func restarted(_ h: CoordinatorHarness) -> CoordinatorHarness {
        var after = h
        after.coordinator = replayed(h.log)
        after.orders = []
        return after
    }

    private func fate(
        _ h: inout CoordinatorHarness,
        _ partition: TopicIDPartition,
        pid: Int64 = 0,
        epoch: Int16
    ) -> OpenTransactionFate? {
        h.coordinator.fate(
            producerID: ProducerID(pid),
            epoch: ProducerEpoch(epoch),
            partition: partition
        )
    }

    @Test func `an owner of this process is dead: its transaction is aborted at once`() {
        var h = CoordinatorHarness()
        _ = h.begin("t")
        _ = h.begin("idle")
        _ = h.begin("remote", isRemote: true)
        _ = h.add([0], epoch: 0)
        _ = h.add([1], epoch: 0, mustBeDurable: false)
        _ = h.add([0], pid: 2, epoch: 0, id: "remote")
        h = restarted(h)
        h.writesMarkers = false
        let decisions = h.coordinator.recoveryDecisions(now: h.now)
        #expect(decisions.count == 1)
        for decision in decisions { _ = h.carryOut(decision) }
        #expect(h.state == .prepareAbort)
        #expect(h.coordinator.describe("remote")?.state == .ongoing)
        #expect(h.coordinator.unfinishedOrders() == h.orders)
        #expect(h.orders.map(\.epoch) == [ProducerEpoch(1)])
        // What was added in memory alone is known by its epoch.
        var order = h.orders[0]
        order.partitions = [data(1)]
        #expect(fate(&h, data(1), epoch: 0) == .end(order))
        h.finish(h.orders[0])
        #expect(h.begin() == pair(0, 2))
        #expect(h.begin(expected: (0, 0)) == .error(.producerFenced))
    }

    @Test func `a remote owner's transaction stays until its timeout or its new owner`() {
        var h = CoordinatorHarness()
        _ = h.begin(timeout: 500, isRemote: true)
        _ = h.add([0], epoch: 0)
        var after = restarted(h)
        #expect(after.coordinator.recoveryDecisions(now: h.now).isEmpty)
        #expect(after.add([1], epoch: 0) == .done)
        #expect(after.begin() == .error(.concurrentTransactions))
        #expect(after.begin() == pair(0, 2))
        #expect(after.coordinator.describe("t")?.isRemote == false, "the new owner is here")

        var later = restarted(h)
        later.now = Timestamp(h.now.rawValue + 501)
        later.tick()
        #expect(later.state == .completeAbort)
    }

    @Test func `what a partition holds open of a remote owner's transaction is taken back`() {
        var h = CoordinatorHarness()
        _ = h.begin(isRemote: true)
        _ = h.add([0], epoch: 0)
        h = restarted(h)
        #expect(fate(&h, data(5), epoch: 1) == .abort)
        #expect(fate(&h, data(5), epoch: 0) == .keep)
        #expect(fate(&h, data(6), pid: 9, epoch: 0) == nil)
        #expect(h.coordinator.describe("t")?.partitions == [data(0), data(5)])
        #expect(h.end(.commit, epoch: 0, bumps: true) == pair(0, 1))
        #expect(h.orders.last?.partitions == [data(0), data(5)])
        #expect(fate(&h, data(5), epoch: 0) == .abort, "complete: nothing of it is open")
    }

    @Test(arguments: [TransactionResult.commit, .abort], [false, true])
    func `a decided transaction ends as decided, whichever of its markers are missing`(
        result: TransactionResult,
        bumps: Bool
    ) {
        var h = CoordinatorHarness()
        _ = h.begin(isRemote: true)
        _ = h.add([0, 1], epoch: 0)
        h.writesMarkers = false
        _ = h.end(result, epoch: 0, bumps: bumps)
        h = restarted(h)
        guard case .end(let order) = fate(&h, data(1), epoch: 0) else {
            return #expect(Bool(false), "neither kept nor aborted")
        }
        #expect(order.result == result && order.partitions == [data(1)])
        #expect(order.epoch == ProducerEpoch(bumps ? 1 : 0))
        #expect(fate(&h, data(1), epoch: order.epoch.rawValue + 1) == .abort)
        if bumps {
            #expect(fate(&h, data(2), epoch: 1) == .abort, "a later one, whose record was lost")
        }
        #expect(h.coordinator.unfinishedOrders().map(\.partitions) == [[data(0), data(1)]])
    }

    @Test func `a transaction that no shard knows is aborted only if every shard could be read`() {
        typealias Fate = OpenTransactionFate
        #expect(Fate.decided(by: [nil, nil], isEveryShardRead: true) == .abort)
        #expect(Fate.decided(by: [nil, nil], isEveryShardRead: false) == .keep)
        #expect(Fate.decided(by: [nil, .abort], isEveryShardRead: false) == .abort)
        #expect(Fate.decided(by: [.keep, nil], isEveryShardRead: true) == .keep)
    }

    @Test func `partitions without a topic id get the one that the topic has now`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        let lost = TopicIDPartition(.zero, TopicPartition("lost", PartitionIndex(0)))
        _ = h.carryOut(
            h.coordinator.addPartitions(
                transactionalID: "t",
                producerID: .zero,
                epoch: ProducerEpoch(0),
                partitions: [data(0, id: .zero), data(1, id: dataAnewID), lost],
                now: h.now
            )
        )
        h.coordinator.resolveTopics { $0 == "data" ? dataID : nil }
        #expect(
            h.coordinator.describe("t")?.partitions == [data(0), data(1, id: dataAnewID), lost]
        )
    }

    @Test func `a log that contradicts itself is told, not met with a trap`() {
        var value = TransactionMetadata(
            transactionalID: "t",
            producerID: .zero,
            epoch: ProducerEpoch(.max),
            timeoutMilliseconds: .max,
            lastUpdateTime: Timestamp(.max)
        )
        func words(_ change: (inout TransactionMetadata) -> Void) -> String? {
            var damaged = value
            change(&damaged)
            var coordinator = TransactionCoordinator()
            coordinator.replay(TransactionRecord(transactionalID: "t", value: damaged))
            _ = coordinator.dueIDs(now: Timestamp(.min))
            _ = coordinator.dueIDs(now: Timestamp(.max))
            return coordinator.firstContradiction()
        }
        value.startTime = Timestamp(.max)
        #expect(words { _ in } == nil)
        #expect(words { $0.state = .ongoing } != nil)
        #expect(words { $0.epoch = .none } != nil)
        #expect(words { $0.epoch = ProducerEpoch(-7) } != nil)
        #expect(words { $0.producerID = .none } != nil)
        #expect(words { $0.partitions = [data(0)] } != nil)
        value.epoch = ProducerEpoch(1)
        value.state = .ongoing
        value.startTime = Timestamp(.max)
        #expect(words { _ in } == nil)
        value.startTime = Timestamp(.min)
        #expect(words { _ in } == nil)
        #expect(words { $0.partitions = [data(-1)] } != nil)
        #expect(words { $0.startTime = .none } != nil)
        var coordinator = TransactionCoordinator()
        for id in ["t", "u"] {
            let metadata = TransactionMetadata(
                transactionalID: id,
                producerID: ProducerID(4),
                epoch: ProducerEpoch(0),
                timeoutMilliseconds: 1,
                lastUpdateTime: .none
            )
            coordinator.replay(TransactionRecord(transactionalID: id, value: metadata))
        }
        #expect(coordinator.firstContradiction() != nil)
        #expect(coordinator.highestProducerID == ProducerID(4))
    }
}
