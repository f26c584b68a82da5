import LogModel
import Testing

@testable import Coordination

/// Ends that bump the epoch (transaction version 2): traces `txn2_*`, the bugs listed for it.
@Suite struct EpochBumpTests {
    @Test func `an end answers the next epoch and its repetition the same`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        _ = h.add([0], epoch: 0)
        h.writesMarkers = false
        #expect(h.end(.commit, epoch: 0, bumps: true) == pair(0, 1))
        #expect(h.orders.last?.epoch == ProducerEpoch(1))
        #expect(h.end(.commit, epoch: 0, bumps: true) == .error(.concurrentTransactions))
        h.finish(h.orders[0])
        #expect(h.end(.commit, epoch: 0, bumps: true) == pair(0, 1))
        #expect(h.end(.abort, epoch: 0, bumps: true) == .error(.invalidTransactionState))
        _ = h.add([0], epoch: 1)
        #expect(h.end(.commit, epoch: 0, bumps: true) == .error(.producerFenced))
        #expect(h.end(.commit, epoch: 1, bumps: true) == pair(0, 2))
    }

    @Test func `an abort of nothing succeeds and bumps, a commit of nothing is refused`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        #expect(h.end(.commit, epoch: 0, bumps: true) == .error(.invalidTransactionState))
        #expect(h.end(.abort, epoch: 0, bumps: true) == pair(0, 1))
        #expect(h.state == .completeAbort)
        #expect(h.end(.abort, epoch: 1, bumps: true) == pair(0, 2))
        _ = h.add([0], epoch: 2)
        #expect(h.end(.commit, epoch: 2, bumps: true) == pair(0, 3))
        #expect(h.end(.abort, epoch: 3, bumps: true) == pair(0, 4))
        #expect(h.orders.last?.partitions == [])
    }

    @Test func `a commit that loses against the timeout is fenced`() {
        var h = CoordinatorHarness()
        _ = h.begin(timeout: 10)
        _ = h.add([0], epoch: 0)
        h.now = Timestamp(h.now.rawValue + 11)
        h.writesMarkers = false
        h.tick()
        #expect(h.end(.commit, epoch: 0, bumps: true) == .error(.producerFenced))
        h.finish(h.orders[0])
        #expect(h.end(.commit, epoch: 0, bumps: true) == .error(.producerFenced))
    }

    @Test func `an abort that loses against the timeout gets the pair, against a new owner none`() {
        for isTakenOver in [false, true] {
            var h = CoordinatorHarness()
            _ = h.begin(timeout: 10)
            _ = h.add([0], epoch: 0)
            h.writesMarkers = false
            if isTakenOver {
                #expect(h.begin() == .error(.concurrentTransactions))
            } else {
                h.now = Timestamp(h.now.rawValue + 11)
                h.tick()
            }
            let early = h.end(.abort, epoch: 0, bumps: true)
            #expect(early == .error(isTakenOver ? .producerFenced : .concurrentTransactions))
            h.finish(h.orders[0])
            let late = h.end(.abort, epoch: 0, bumps: true)
            #expect(late == (isTakenOver ? .error(.producerFenced) : pair(0, 1)))
        }
    }

    @Test func `the end at the last epoch gives a new producer id`() {
        var h = CoordinatorHarness()
        #expect(h.begin() == pair(0, 0))
        for epoch in Int16(1)...32766 { #expect(h.begin() == pair(0, epoch)) }
        _ = h.add([0], epoch: 32766)
        h.writesMarkers = false
        #expect(h.end(.commit, epoch: 32766, bumps: true) == pair(1, 0))
        #expect(h.end(.commit, epoch: 32766, bumps: true) == .error(.concurrentTransactions))
        #expect(h.orders[0].producerID == .zero)
        #expect(h.orders[0].epoch == ProducerEpoch(32767))
        h.finish(h.orders[0])
        #expect(h.end(.commit, epoch: 32766, bumps: true) == pair(1, 0))
        _ = h.add([0], pid: 1, epoch: 0)
        #expect(h.end(.abort, pid: 1, epoch: 0, bumps: true) == pair(1, 1))
    }

    @Test func `a new owner at the last epoch gets a new producer id, and again when asked again`()
    {
        var h = CoordinatorHarness()
        for epoch in Int16(0)...32766 { #expect(h.begin() == pair(0, epoch)) }
        #expect(h.begin(expected: (0, 32766)) == pair(1, 0))
        #expect(h.begin(expected: (0, 32766)) == pair(1, 0))
        #expect(h.begin() == pair(1, 1))
    }

    @Test func `a timeout at the last epoch uses the one kept for fencing`() {
        var h = CoordinatorHarness()
        for epoch in Int16(0)...32766 { #expect(h.begin(timeout: 10) == pair(0, epoch)) }
        _ = h.add([0], epoch: 32766)
        h.now = Timestamp(h.now.rawValue + 11)
        h.tick()
        #expect(h.coordinator.describe("t")?.epoch == ProducerEpoch(32767))
        #expect(h.begin() == pair(1, 0))
    }

    @Test func `nobody is given the epoch kept for fencing, by whichever way`() {
        for aborts in [false, true] {
            var h = CoordinatorHarness()
            for epoch in Int16(0)...32766 { #expect(h.begin(timeout: 10) == pair(0, epoch)) }
            _ = h.add([0], epoch: 32766)
            h.now = Timestamp(h.now.rawValue + 11)
            h.tick()
            if aborts {
                #expect(h.end(.abort, epoch: 32766, bumps: true) == pair(1, 0))
            } else {
                #expect(h.begin(expected: (0, 32766)) == pair(1, 0))
            }
            #expect(h.begin(expected: (0, 32766)) == pair(1, 0), "asked again")
            #expect(h.add([0], pid: 1, epoch: 0) == .done)
        }
    }

    @Test func `one transaction completes once`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        _ = h.add([0], epoch: 0)
        h.writesMarkers = false
        _ = h.end(.commit, epoch: 0, bumps: true)
        let order = h.orders[0]
        let first = h.coordinator.markersWritten(order, now: h.now)
        #expect(first != nil)
        #expect(h.coordinator.markersWritten(order, now: h.now) == nil)
        if let first { _ = h.carryOut(first) }
        #expect(h.coordinator.markersWritten(order, now: h.now) == nil)
        #expect(h.log.filter { $0.value?.state == .completeCommit }.count == 1)
    }
}
