import LogModel
import Testing

@testable import Coordination

/// What a restart makes of a log that ends anywhere.
@Suite struct CoordinatorRecoveryTests {
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
        #expect(h.orders[0].partitions.map(\.name.partition.rawValue) == [0, 1])
        h.finish(h.orders[0])
        #expect(replayed(h.log).unfinishedOrders().isEmpty)
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

    /// An owner in the same process is not there to repeat anything, and a fence's zombie must get
    /// no pair.
    @Test(arguments: [true, false], [true, false])
    func `an abort repeated after a restart gets its pair where its owner, elsewhere, asked for it`(
        isRemote: Bool,
        isTimeout: Bool
    ) {
        var h = CoordinatorHarness()
        _ = h.begin(timeout: 10, isRemote: isRemote)
        _ = h.add([0], epoch: 0)
        h.writesMarkers = false
        if isTimeout {
            h.now = Timestamp(h.now.rawValue + 11)
            h.tick()
        } else {
            #expect(h.end(.abort, epoch: 0, bumps: true) == pair(0, 1))
        }
        let isAnswered = isRemote && !isTimeout
        h.coordinator = replayed(h.log)
        let early = h.end(.abort, epoch: 0, bumps: true)
        #expect(early == .error(isAnswered ? .concurrentTransactions : .producerFenced))
        h.finish(h.orders[0])
        h.coordinator = replayed(h.log)
        let late = h.end(.abort, epoch: 0, bumps: true)
        #expect(late == (isAnswered ? pair(0, 1) : .error(.producerFenced)))
        // Whoever comes then is a new owner.
        #expect(h.begin(isRemote: isRemote) == pair(0, 2))
        #expect(h.end(.abort, epoch: 0, bumps: true) == .error(.producerFenced))
    }

    @Test(arguments: 1...40)
    func `replay equals the live state at every point of a random history`(seed: UInt64) throws {
        var history = RandomHistory(seed: seed)
        for _ in 0..<600 {
            history.step()
            let again = replayed(history.log)
            #expect(again.transactionalIDs == history.coordinator.transactionalIDs)
            for id in again.transactionalIDs {
                let replayed = again.describe(id)
                var live = history.coordinator.describe(id)?.durablePart
                if live?.state == .ongoing, let partitions = replayed?.partitions {
                    // The log need not know what was added to an open transaction.
                    #expect(live?.partitions.isSuperset(of: partitions) == true)
                    live?.partitions = partitions
                }
                #expect(replayed == live)
            }
        }
        #expect(history.log.count > 30)
        try roundTrip(history.log)
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
