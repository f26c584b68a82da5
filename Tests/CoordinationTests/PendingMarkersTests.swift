import Bytes
import LogModel
import Testing

@testable import Coordination

@Suite struct PendingMarkersTests {
    private let start = Timestamp(1_000_000)

    private func order(_ partitions: [TopicIDPartition], id: String = "t") -> MarkerOrder {
        MarkerOrder(
            transactionalID: id,
            producerID: .zero,
            epoch: ProducerEpoch(1),
            result: .commit,
            partitions: partitions,
            hasBumpedEpoch: true
        )
    }

    private func later(_ milliseconds: Int64) -> Timestamp {
        Timestamp(start.rawValue + milliseconds)
    }

    @Test func `an order is complete, once, when every marker is durable`() {
        var markers = PendingMarkers()
        let order = order([data(0), data(1)])
        markers.add(order)
        #expect(
            markers.takeDue(now: start) == [MarkerWork(order: order, partitions: order.partitions)]
        )
        #expect(markers.takeDue(now: start) == [], "taken")
        #expect(markers.record([data(0): .durable], of: order, now: start) == false)
        #expect(markers.record([data(1): .durable], of: order, now: start) == true)
        #expect(markers.record([data(1): .durable], of: order, now: start) == false)
        #expect(markers.takeDue(now: later(1_000_000)) == [], "the Complete record is on its way")
        markers.completed(order)
        #expect(markers.isEmpty)
    }

    @Test func `a transaction without partitions has only the Complete record left`() {
        var markers = PendingMarkers()
        markers.add(order([]))
        #expect(markers.takeDue(now: start) == [MarkerWork(order: order([]), partitions: [])])
        #expect(markers.record([:], of: order([]), now: start) == true)
        #expect(markers.record([:], of: order([]), now: start) == false)
    }

    @Test func `a refusing partition is tried again by itself, later and later`() {
        var markers = PendingMarkers()
        let both = order([data(0), data(1)])
        markers.add(both)
        markers.add(order([data(1)], id: "u"))
        _ = markers.takeDue(now: start)
        #expect(
            markers.record([data(1): .durable], of: order([data(1)], id: "u"), now: start) == true
        )
        var now = start
        let first: [TopicIDPartition: MarkerOutcome] = [
            data(0): .refused("disk"), data(1): .durable,
        ]
        #expect(markers.record(first, of: both, now: now) == false)
        var delays: [Int64] = []
        for count in 1...12 {
            let refusal = markers.refusals
            #expect(refusal.map(\.partition) == [data(0)])
            #expect(refusal.map(\.failure.count) == [count])
            #expect(refusal.map(\.failure.reason) == ["disk"])
            guard let due = markers.nextRetryTime else { return #expect(Bool(false)) }
            delays.append(due.rawValue - now.rawValue)
            #expect(markers.takeDue(now: Timestamp(due.rawValue - 1)) == [])
            #expect(markers.takeDue(now: due) == [MarkerWork(order: both, partitions: [data(0)])])
            now = due
            #expect(markers.record([data(0): .refused("disk")], of: both, now: now) == false)
        }
        #expect(delays.prefix(4) == [100, 200, 400, 800])
        #expect(delays.last == PendingMarkers.longestDelayMilliseconds)
        _ = markers.takeDue(now: now)
        #expect(markers.record([data(0): .durable], of: both, now: now) == true)
        #expect(markers.refusals.isEmpty)
    }

    @Test func `a clock that is set back stalls nothing`() {
        var markers = PendingMarkers()
        let order = order([data(0)])
        markers.add(order)
        _ = markers.takeDue(now: start)
        _ = markers.record([data(0): .refused("disk")], of: order, now: start)
        #expect(markers.takeDue(now: later(-3_600_000)).count == 1)
    }

    @Test func `a partition that is gone counts as done`() {
        var markers = PendingMarkers()
        let order = order([data(0), data(1)])
        markers.add(order)
        _ = markers.takeDue(now: start)
        #expect(markers.record([data(0): .gone, data(1): .durable], of: order, now: start) == true)
    }

    @Test func `a topic deleted during markers lets its orders go, not those of its successor`() {
        var markers = PendingMarkers()
        let old = order([data(0), data(1)], id: "old")
        let anew = order([data(0, id: dataAnewID)], id: "anew")
        let mixed = order([data(0), data(0, id: dataAnewID)], id: "mixed")
        for order in [old, anew, mixed] { markers.add(order) }
        _ = markers.takeDue(now: start)
        _ = markers.record([data(0): .durable, data(1): .refused("gone?")], of: old, now: start)
        #expect(markers.topicRemoved(dataID) == [old])
        #expect(markers.topicRemoved(dataID) == [])
        #expect(markers.record([data(0): .refused("gone?")], of: old, now: start) == false)
        markers.completed(old)
        #expect(markers.record([data(0, id: dataAnewID): .durable], of: mixed, now: start) == true)
        #expect(markers.count == 2)
    }

    @Test func `a Complete record that found no room is due again`() {
        var markers = PendingMarkers()
        let order = order([data(0)])
        markers.add(order)
        _ = markers.takeDue(now: start)
        #expect(markers.record([data(0): .durable], of: order, now: start) == true)
        markers.completionFailed(order, reason: "full", now: start)
        #expect(markers.takeDue(now: later(99)) == [])
        #expect(markers.nextRetryTime == later(100))
        #expect(markers.takeDue(now: later(100)) == [MarkerWork(order: order, partitions: [])])
        #expect(markers.record([:], of: order, now: later(100)) == true)
    }

    @Test func `an order that comes again keeps its progress and gets what it lacks`() {
        var markers = PendingMarkers()
        let order = order([data(0)])
        markers.add(order)
        _ = markers.takeDue(now: start)
        #expect(markers.record([data(0): .durable], of: order, now: start) == true)
        markers.add(self.order([data(0), data(1)]))
        #expect(markers.takeDue(now: start).map(\.partitions) == [[data(1)]])
        markers.completed(order)
        #expect(markers.count == 1, "one marker is on its way")
        #expect(markers.record([data(1): .durable], of: order, now: start) == true)
        markers.completed(order)
        #expect(markers.isEmpty)
    }

    @Test func `two results of one epoch at once are a fault of the program`() async {
        await #expect(processExitsWith: .failure) {
            var markers = PendingMarkers()
            for result in [TransactionResult.commit, .abort] {
                markers.add(
                    MarkerOrder(
                        transactionalID: "t",
                        producerID: .zero,
                        epoch: ProducerEpoch(0),
                        result: result,
                        partitions: [],
                        hasBumpedEpoch: false
                    )
                )
            }
        }
    }
}
