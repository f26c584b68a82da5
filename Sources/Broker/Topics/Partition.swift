import Coordination
package import LogModel
package import LogStorage
import Synchronization

/// One partition: its log, and what the broker keeps beside it.
package final class Partition: Sendable {
    package let name: TopicPartition
    package let log: PartitionLog
    private let change: ChangeSignal
    private let statistics: BrokerCounters
    /// Bytes appended since the last flush began.
    private let unflushedByteCount = Atomic<Int>(0)
    private let hasWritebackQueued = Atomic<Bool>(false)

    init(
        name: TopicPartition,
        log: PartitionLog,
        change: ChangeSignal,
        statistics: BrokerCounters
    ) {
        self.name = name
        self.log = log
        self.change = change
        self.statistics = statistics
    }

    /// Appends a sealed batch; not durable yet.
    func append(
        _ batch: UnsafeMutableRawBufferPointer,
        origin: AppendOrigin
    ) throws(BrokerError) -> AppendOutcome {
        do throws(LogStorageError) {
            let outcome = try log.append(batch, origin: origin)
            if case .appended = outcome {
                unflushedByteCount.add(batch.count, ordering: .relaxed)
                statistics.count(batchByteCount: batch.count)
            }
            return outcome
        } catch {
            throw BrokerError(error, in: name.description)
        }
    }

    /// Appends the marker that ends a producer's transaction here; not durable yet.
    func appendMarker(_ order: MarkerOrder, coordinatorEpoch: Int32) throws(BrokerError) {
        do throws(LogStorageError) {
            _ = try log.appendMarker(
                producerID: order.producerID,
                epoch: order.epoch,
                coordinatorEpoch: coordinatorEpoch,
                result: order.result
            )
        } catch {
            throw BrokerError(error, in: name.description)
        }
    }

    /// Makes everything appended so far durable, and so visible.
    func flush() throws(BrokerError) {
        unflushedByteCount.store(0, ordering: .relaxed)
        do throws(LogStorageError) {
            try log.flush()
        } catch {
            throw BrokerError(error, in: name.description)
        }
        change.raise()
    }

    /// Whether it grew by so much that a background flush should begin; true once until
    /// `writebackDone`.
    func wantsWriteback(above byteCount: Int) -> Bool {
        unflushedByteCount.load(ordering: .relaxed) >= byteCount
            && !hasWritebackQueued.exchange(true, ordering: .relaxed)
    }

    /// The queued background flush is over.
    func writebackDone() {
        hasWritebackQueued.store(false, ordering: .relaxed)
    }

    /// Whether anything appended is not durable yet.
    var isDirty: Bool {
        let bounds = log.bounds
        return bounds.highWatermark < bounds.logEnd
    }
}
