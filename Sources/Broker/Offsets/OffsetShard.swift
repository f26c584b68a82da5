import Coordination
import LogModel
import LogStorage
import Threads

/// The committed offsets whose records lie in one partition of `__consumer_offsets`. Its lock is
/// held to look and to apply, never for a write.
final class OffsetShard: Sendable {
    let partition: Partition
    /// Why nothing can be told: the partition's records cannot all be read.
    let unavailability: BrokerError?
    private let offsets: Lock<GroupOffsets>
    /// The groups with members; never held together with the offsets.
    let groups: Lock<GroupShardState>

    init(
        partition: Partition,
        offsets: GroupOffsets,
        groups: [ExactText: ClassicGroup] = [:],
        consumers: [ExactText: ConsumerGroup] = [:],
        unavailability: BrokerError? = nil
    ) {
        self.partition = partition
        self.groups = Lock(GroupShardState(groups: groups, consumers: consumers))
        self.unavailability = unavailability
        self.offsets = Lock(offsets)
    }

    func withOffsets<Result: Sendable>(
        _ body: (inout GroupOffsets) -> Result
    ) throws(BrokerError) -> Result {
        if let unavailability { throw unavailability }
        return offsets.withLock { body(&$0) }
    }

    /// Appends the records and takes them over.
    func write(
        _ records: [OffsetRecord],
        _ append: OffsetAppend,
        now: Timestamp,
        producerID: ProducerID,
        epoch: ProducerEpoch
    ) throws(BrokerError) {
        do throws(BrokerError) {
            var rest = records[...]
            while !rest.isEmpty {
                var batch = CoordinatorBatch(now: now)
                var taken: [OffsetRecord] = []
                while !batch.isFull, let record = rest.popFirst() {
                    try batch.add(record)
                    taken.append(record)
                }
                let base = try batch.append(to: partition, producerID: producerID, epoch: epoch)
                try withOffsets { offsets in
                    for (index, record) in taken.enumerated() {
                        offsets.apply(
                            record,
                            at: base.advanced(by: Int64(index)),
                            producerID: producerID
                        )
                    }
                }
            }
            try withOffsets { $0.finishAppend(append) }
        } catch {
            try withOffsets { $0.finishAppend(append) }
            throw error
        }
    }

    /// Appends a transaction's marker, and ends what the transaction holds.
    func appendMarker(_ order: MarkerOrder, coordinatorEpoch: Int32) throws(BrokerError) {
        let append = try withOffsets { $0.beginMarker() }
        do throws(BrokerError) {
            let at = try partition.appendMarker(order, coordinatorEpoch: coordinatorEpoch)
            try withOffsets { offsets in
                offsets.end(producerID: order.producerID, result: order.result, at: at)
                offsets.finishAppend(append)
            }
        } catch {
            try withOffsets { $0.finishAppend(append) }
            throw error
        }
    }
}
