import LogModel
import Testing

@testable import Coordination

/// What a restart makes of a log that ends anywhere.
@Suite struct CoordinatorRecoveryTests {
    private func replayed(_ log: some Sequence<TransactionRecord>) -> TransactionCoordinator {
        var coordinator = TransactionCoordinator(
            producerIDs: ProducerIDAllocator(grantedEnd: ProducerID(100_000))
        )
        for record in log { coordinator.replay(record) }
        coordinator.checkInvariants()
        return coordinator
    }

    @Test(arguments: [TransactionResult.commit, .abort])
    func `a decided transaction asks for its markers again, the same way`(
        result: TransactionResult
    ) {
        var h = CoordinatorHarness()
        h.writesMarkers = false
        _ = h.begin()
        _ = h.add([1, 0], epoch: 0)
        #expect(replayed(h.log).unfinishedOrders().isEmpty)
        _ = h.end(result, epoch: 0, bumps: true)
        #expect(replayed(h.log).unfinishedOrders() == h.orders)
        #expect(h.orders[0].partitions.map(\.partition.rawValue) == [0, 1])
        h.finish(h.orders[0])
        #expect(replayed(h.log).unfinishedOrders().isEmpty)
    }

    @Test func `an open transaction stays until its timeout or its new owner`() {
        var h = CoordinatorHarness()
        _ = h.begin(timeout: 500)
        _ = h.add([0], epoch: 0)
        var after = CoordinatorHarness()
        after.coordinator = replayed(h.log)
        after.now = h.now
        #expect(after.state == .ongoing)
        #expect(after.begin() == .error(.concurrentTransactions))
        #expect(after.begin() == pair(0, 2))

        var later = CoordinatorHarness()
        later.coordinator = replayed(h.log)
        later.now = Timestamp(h.now.rawValue + 501)
        later.tick()
        #expect(later.state == .completeAbort)
    }

    @Test func `an end repeated after a restart gets the same answer`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        _ = h.add([0], epoch: 0)
        #expect(h.end(.commit, epoch: 0, bumps: true) == pair(0, 1))
        h.coordinator = replayed(h.log)
        #expect(h.end(.commit, epoch: 0, bumps: true) == pair(0, 1))
        #expect(h.end(.abort, epoch: 0, bumps: true) == .error(.invalidTransactionState))
    }

    @Test func `what a partition holds open is kept, taken back or aborted by its epoch`() {
        var h = CoordinatorHarness()
        _ = h.begin()
        _ = h.add([0], epoch: 0)
        let lost = TopicPartition("data", PartitionIndex(5))
        #expect(
            h.coordinator.adopt(producerID: .zero, epoch: ProducerEpoch(0), partition: lost)
                == .keep
        )
        #expect(h.coordinator.describe("t")?.partitions.contains(lost) == true)
        #expect(
            h.coordinator.adopt(producerID: .zero, epoch: ProducerEpoch(1), partition: lost)
                == .abort
        )
        #expect(
            h.coordinator.adopt(
                producerID: ProducerID(9),
                epoch: ProducerEpoch(0),
                partition: lost
            ) == .abort
        )
        _ = h.end(.commit, epoch: 0, bumps: true)
        #expect(
            h.coordinator.adopt(producerID: .zero, epoch: ProducerEpoch(1), partition: lost)
                == .abort
        )
    }

    @Test(arguments: 1...40)
    func `replay equals the live state at every point of a random history`(seed: UInt64) throws {
        var h = CoordinatorHarness()
        var random = SplitMix(state: seed)
        var epochs: [String: (Int64, Int16)] = [:]
        for _ in 0..<300 {
            let id = "t\(random.next(4))"
            let held = epochs[id] ?? (0, 0)
            h.now = Timestamp(h.now.rawValue + Int64(random.next(30)))
            h.writesMarkers = random.next(3) > 0
            let partitions = (0..<random.next(3)).map { Int32($0) }
            switch random.next(8) {
            case 0, 1:
                if case .producer(let pid, let epoch) = h.begin(id, timeout: 200) {
                    epochs[id] = (pid.rawValue, epoch.rawValue)
                }
            case 2, 3, 4:
                _ = h.add(partitions, pid: held.0, epoch: held.1, id: id)
            case 5:
                let result: TransactionResult = random.next(2) == 0 ? .commit : .abort
                if case .producer(let pid, let epoch) = h.end(
                    result,
                    pid: held.0,
                    epoch: held.1,
                    bumps: true,
                    id: id
                ) {
                    epochs[id] = (pid.rawValue, epoch.rawValue)
                }
            case 6:
                if let order = h.orders.randomElement(using: &random) { h.finish(order) }
            default:
                h.tick()
            }
            h.coordinator.checkInvariants()
            let again = replayed(h.log)
            for id in h.coordinator.transactionalIDs {
                #expect(again.describe(id) == h.coordinator.describe(id)?.durablePart)
            }
            #expect(again.transactionalIDs == h.coordinator.transactionalIDs)
        }
        try roundTrip(h.log)
    }

    /// Every record reads back from Kafka's bytes as it was.
    private func roundTrip(_ log: [TransactionRecord]) throws {
        for record in log {
            let (key, value) = try record.encoded()
            let again = try key.withUnsafeBytes { key in
                guard let value else { return try TransactionRecord(key: key, value: nil) }
                return try value.withUnsafeBytes { try TransactionRecord(key: key, value: $0) }
            }
            #expect(again == record)
        }
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func next(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
