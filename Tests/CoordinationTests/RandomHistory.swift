import LogModel

@testable import Coordination

/// A coordinator whose records are on their way for a while, several at a time, as when many
/// threads append outside of its lock: what is decided first may reach the log last.
struct RandomHistory {
    private(set) var coordinator = TransactionCoordinator()
    private(set) var log: [TransactionRecord] = []
    private var random: SplitMix
    private var now = Timestamp(1_000_000)
    private var producerIDs = ProducerIDAllocator(grantedEnd: ProducerID(0))
    private var onTheirWay: [TransactionRecord] = []
    private var orders: [MarkerOrder] = []
    /// What each owner was told last.
    private var pairs: [String: (producerID: ProducerID, epoch: ProducerEpoch)] = [:]

    init(seed: UInt64) {
        random = SplitMix(state: seed)
        producerIDs.grant(upTo: ProducerID(100_000))
    }

    mutating func step() {
        now = Timestamp(now.rawValue + Int64(random.next(30)))
        switch random.next(12) {
        case 0...6: request()
        case 7, 8: write()
        case 9, 10: writeMarkers()
        default:
            for id in coordinator.dueIDs(now: now) { take(coordinator.expire(id, now: now)) }
        }
        coordinator.checkInvariants()
    }

    private mutating func request() {
        let id = "t\(random.next(4))"
        let pair = pairs[id] ?? (ProducerID(0), ProducerEpoch(0))
        switch random.next(4) {
        case 0:
            take(
                coordinator.initProducerID(
                    transactionalID: id,
                    timeoutMilliseconds: 200,
                    isRemote: random.next(2) == 0,
                    freshID: producerIDs.take(),
                    now: now
                )
            )
        case 1, 2:
            take(
                coordinator.addPartitions(
                    transactionalID: id,
                    producerID: pair.producerID,
                    epoch: pair.epoch,
                    partitions: (0..<random.next(4)).map { data(Int32($0)) },
                    mustBeDurable: random.next(2) == 0,
                    now: now
                )
            )
        default:
            take(
                coordinator.endTransaction(
                    transactionalID: id,
                    producerID: pair.producerID,
                    epoch: pair.epoch,
                    result: random.next(2) == 0 ? .commit : .abort,
                    bumpsEpoch: true,
                    freshID: producerIDs.take(),
                    now: now
                )
            )
        }
    }

    private mutating func take(_ decision: TransactionDecision) {
        guard case .append(let record, _, _) = decision else { return }
        onTheirWay.append(record)
    }

    /// One of the records on their way reaches the log, or fails to.
    private mutating func write() {
        guard !onTheirWay.isEmpty else { return }
        let record = onTheirWay.remove(at: random.next(onTheirWay.count))
        let id = record.transactionalID
        if random.next(8) == 0 { return coordinator.appendFailed(id) }
        log.append(record)
        let continuation = coordinator.appended(id)
        if let order = continuation.markers { orders.append(order) }
        if case .producer(let producerID, let epoch) = continuation.reply {
            pairs[id] = (producerID, epoch)
        }
    }

    /// The markers of any order are durable, for the first time or again.
    private mutating func writeMarkers() {
        guard let order = orders.randomElement(using: &random) else { return }
        if let decision = coordinator.markersWritten(order, now: now) { take(decision) }
    }
}
