import Coordination
package import LogModel
package import LogStorage
import Synchronization

/// One partition: its log, and what the broker keeps beside it.
package final class Partition: Sendable {
    /// With the id of its topic: what else bears this name later is another partition.
    package let id: TopicIDPartition
    package let log: PartitionLog
    private let statistics: BrokerCounters
    /// Since the last background flush began.
    private let unflushed = Growth()
    /// Since the disk was last told to begin with it.
    private let waiting = Growth()

    package var name: TopicPartition { id.name }

    init(id: TopicIDPartition, log: PartitionLog, statistics: BrokerCounters) {
        self.id = id
        self.log = log
        self.statistics = statistics
    }

    /// Its ends now.
    package var bounds: LogBounds {
        get throws(BrokerError) {
            try storing(name.description) { () throws(LogStorageError) in try log.bounds }
        }
    }

    /// Appends a sealed batch; not durable yet.
    func append(
        _ batch: UnsafeMutableRawBufferPointer,
        origin: AppendOrigin
    ) throws(BrokerError) -> AppendOutcome {
        do throws(LogStorageError) {
            let outcome = try log.append(batch, origin: origin)
            if case .appended = outcome {
                unflushed.add(batch.count)
                waiting.add(batch.count)
                statistics.count(batchByteCount: batch.count)
            }
            return outcome
        } catch {
            throw BrokerError(error, in: name.description)
        }
    }

    /// Appends the marker that ends a producer's transaction here; its offset. Not durable yet.
    func appendMarker(_ order: MarkerOrder, coordinatorEpoch: Int32) throws(BrokerError) -> Offset {
        do throws(LogStorageError) {
            return try log.appendMarker(
                producerID: order.producerID,
                epoch: order.epoch,
                coordinatorEpoch: coordinatorEpoch,
                result: order.result
            )
        } catch {
            throw BrokerError(error, in: name.description)
        }
    }

    /// The epoch of the transaction that a producer holds open here; nil if it holds none.
    func openTransactionEpoch(of producerID: ProducerID) throws(BrokerError) -> ProducerEpoch? {
        try storing(name.description) { () throws(LogStorageError) in
            try log.openTransactionEpoch(of: producerID)
        }
    }

    /// The epoch of the coordinator that ended a producer's last transaction here; -1 for none.
    func coordinatorEpoch(of producerID: ProducerID) throws(BrokerError) -> Int32 {
        try storing(name.description) { () throws(LogStorageError) in
            try log.coordinatorEpoch(of: producerID)
        }
    }

    /// Whether it grew by so much that a background flush should begin; true once until
    /// `writebackDone`.
    func wantsWriteback(above byteCount: Int) -> Bool { unflushed.isDue(above: byteCount) }

    /// The queued background flush is over.
    func writebackDone() { unflushed.begin() }

    /// Whether it grew by so much that the disk should begin with it; true once until `writeOut`.
    func wantsWriteOut(above byteCount: Int) -> Bool { waiting.isDue(above: byteCount) }

    func writeOut() {
        waiting.begin()
        log.beginWriteOut()
    }

    /// What became of an appended record.
    enum RecordFate {
        case durable
        /// The next group takes it.
        case waiting
        /// Its flush failed: what the disk has of it the next open finds.
        case lost
    }

    func fate(ofRecordAt offset: Offset) -> RecordFate {
        let reason = log.readOnlyReason
        if log.durableEnd > offset { return .durable }
        return reason == nil ? .waiting : .lost
    }

    /// Whether anything appended is not durable yet.
    var isDirty: Bool {
        guard let bounds = log.knownBounds else { return false }
        return bounds.highWatermark < bounds.logEnd
    }
}

/// How much a partition has grown since something was last done about it.
private struct Growth: ~Copyable {
    private let byteCount = Atomic<Int>(0)
    private let isQueued = Atomic<Bool>(false)

    func add(_ count: Int) { byteCount.add(count, ordering: .relaxed) }

    /// Whether it is time; true once until `begin`.
    func isDue(above limit: Int) -> Bool {
        byteCount.load(ordering: .relaxed) >= limit && !isQueued.exchange(true, ordering: .relaxed)
    }

    /// Counts anew.
    func begin() {
        byteCount.store(0, ordering: .relaxed)
        isQueued.store(false, ordering: .relaxed)
    }
}
