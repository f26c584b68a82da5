import Bytes
import LogModel
import Testing

@testable import Coordination

/// A coordinator with a log of values: appends every record at once and, unless told otherwise,
/// writes the markers that follow.
struct CoordinatorHarness {
    var coordinator = TransactionCoordinator()
    var producerIDs = ProducerIDAllocator(grantedEnd: .zero)
    var log: [TransactionRecord] = []
    var orders: [MarkerOrder] = []
    var now = Timestamp(1_000_000)
    var writesMarkers = true

    /// Lets the coordinator decide, with a fresh producer id where it asks for one, and appends.
    mutating func run(
        _ decide: (inout TransactionCoordinator, ProducerID?) -> TransactionDecision
    ) -> TransactionReply {
        var decision = decide(&coordinator, nil)
        if decision == .needsProducerID { decision = decide(&coordinator, takeProducerID()) }
        return carryOut(decision)
    }

    mutating func carryOut(_ decision: TransactionDecision) -> TransactionReply {
        coordinator.checkInvariants()
        switch decision {
        case .reply(let reply): return reply
        case .append(let record, _, _): return appended(record)
        case .needsProducerID: preconditionFailure("a producer id was given")
        }
    }

    mutating func appended(_ record: TransactionRecord) -> TransactionReply {
        log.append(record)
        let continuation = coordinator.appended(record.transactionalID)
        coordinator.checkInvariants()
        if let order = continuation.markers {
            orders.append(order)
            if writesMarkers { finish(order) }
        }
        return continuation.reply
    }

    mutating func finish(_ order: MarkerOrder) {
        if let decision = coordinator.markersWritten(order, now: now) { _ = carryOut(decision) }
    }

    mutating func takeProducerID() -> ProducerID? {
        if producerIDs.isEmpty, let end = producerIDs.nextGrantedEnd {
            producerIDs.grant(upTo: end)
        }
        return producerIDs.take()
    }

    mutating func begin(
        _ id: String = "t",
        timeout: Int32 = 60_000,
        expected: (Int64, Int16) = (-1, -1),
        isRemote: Bool = false
    ) -> TransactionReply {
        let now = now
        return run { coordinator, freshID in
            coordinator.initProducerID(
                transactionalID: id,
                timeoutMilliseconds: timeout,
                expected: (ProducerID(expected.0), ProducerEpoch(expected.1)),
                isRemote: isRemote,
                freshID: freshID,
                now: now
            )
        }
    }

    mutating func add(
        _ partitions: [Int32],
        pid: Int64 = 0,
        epoch: Int16,
        id: String = "t",
        mustBeDurable: Bool = true
    ) -> TransactionReply {
        let now = now
        return run { coordinator, _ in
            coordinator.addPartitions(
                transactionalID: id,
                producerID: ProducerID(pid),
                epoch: ProducerEpoch(epoch),
                partitions: partitions.map { data($0) },
                mustBeDurable: mustBeDurable,
                now: now
            )
        }
    }

    /// What an EndTxn leads to, not carried out.
    mutating func proposeEnd(
        _ result: TransactionResult,
        pid: Int64 = 0,
        epoch: Int16,
        bumps: Bool = true,
        id: String = "t"
    ) -> TransactionDecision {
        coordinator.endTransaction(
            transactionalID: id,
            producerID: ProducerID(pid),
            epoch: ProducerEpoch(epoch),
            result: result,
            bumpsEpoch: bumps,
            now: now
        )
    }

    mutating func end(
        _ result: TransactionResult,
        pid: Int64 = 0,
        epoch: Int16,
        bumps: Bool = false,
        id: String = "t"
    ) -> TransactionReply {
        let now = now
        return run { coordinator, freshID in
            coordinator.endTransaction(
                transactionalID: id,
                producerID: ProducerID(pid),
                epoch: ProducerEpoch(epoch),
                result: result,
                bumpsEpoch: bumps,
                freshID: freshID,
                now: now
            )
        }
    }

    mutating func tick() {
        for id in coordinator.dueIDs(now: now) { _ = carryOut(coordinator.expire(id, now: now)) }
    }

    var state: TransactionState? { coordinator.describe("t")?.state }
}

extension ProducerID {
    static let zero = ProducerID(0)
}

/// The id of the topic `data`, and of one made anew under its name.
let dataID = UniqueID(high: 7, low: 1)
let dataAnewID = UniqueID(high: 7, low: 2)

func data(_ partition: Int32, id: UniqueID = dataID) -> TopicIDPartition {
    TopicIDPartition(id, TopicPartition("data", PartitionIndex(partition)))
}

func pair(_ producerID: Int64, _ epoch: Int16) -> TransactionReply {
    .producer(ProducerID(producerID), ProducerEpoch(epoch))
}

/// What a restart makes of this log.
func replayed(_ log: some Sequence<TransactionRecord>) -> TransactionCoordinator {
    var coordinator = TransactionCoordinator()
    for record in log { coordinator.replay(record) }
    coordinator.checkInvariants()
    return coordinator
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

/// The value, which must be there. (`#require` itself takes no mutating call.)
func found<Value>(_ value: Value?) throws -> Value { try #require(value) }
