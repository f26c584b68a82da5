import LogModel

@testable import Coordination

/// A coordinator with a log of values: appends every record at once and, unless told otherwise,
/// writes the markers that follow.
struct CoordinatorHarness {
    var coordinator = TransactionCoordinator(producerIDs: ProducerIDAllocator(grantedEnd: .zero))
    var log: [TransactionRecord] = []
    var orders: [MarkerOrder] = []
    var now = Timestamp(1_000_000)
    var writesMarkers = true

    mutating func run(_ decision: TransactionDecision) -> TransactionReply {
        coordinator.checkInvariants()
        switch decision {
        case .reply(let reply): return reply
        case .append(let record, _): return appended(record)
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
        if let decision = coordinator.markersWritten(order, now: now) { _ = run(decision) }
    }

    mutating func refillIDs() {
        if coordinator.producerIDs.isEmpty {
            coordinator.producerIDs.grant(upTo: coordinator.producerIDs.nextGrantedEnd)
        }
    }

    mutating func begin(
        _ id: String? = "t",
        timeout: Int32 = 60_000,
        expected: (Int64, Int16) = (-1, -1)
    ) -> TransactionReply {
        refillIDs()
        return run(
            coordinator.initProducerID(
                transactionalID: id,
                timeoutMilliseconds: timeout,
                expected: (ProducerID(expected.0), ProducerEpoch(expected.1)),
                now: now
            )
        )
    }

    mutating func add(
        _ partitions: [Int32],
        pid: Int64 = 0,
        epoch: Int16,
        id: String = "t"
    ) -> TransactionReply {
        run(
            coordinator.addPartitions(
                transactionalID: id,
                producerID: ProducerID(pid),
                epoch: ProducerEpoch(epoch),
                partitions: partitions.map { TopicPartition("data", PartitionIndex($0)) },
                now: now
            )
        )
    }

    mutating func end(
        _ result: TransactionResult,
        pid: Int64 = 0,
        epoch: Int16,
        bumps: Bool = false,
        id: String = "t"
    ) -> TransactionReply {
        refillIDs()
        return run(
            coordinator.endTransaction(
                transactionalID: id,
                producerID: ProducerID(pid),
                epoch: ProducerEpoch(epoch),
                result: result,
                bumpsEpoch: bumps,
                now: now
            )
        )
    }

    mutating func tick() {
        for id in coordinator.dueIDs(now: now) { _ = run(coordinator.expire(id, now: now)) }
    }

    var state: TransactionState? { coordinator.describe("t")?.state }
}

extension ProducerID {
    static let zero = ProducerID(0)
}

func pair(_ producerID: Int64, _ epoch: Int16) -> TransactionReply {
    .producer(ProducerID(producerID), ProducerEpoch(epoch))
}
