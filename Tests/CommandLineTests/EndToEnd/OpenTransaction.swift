import Broker
import Coordination
import JobRunner
import LogModel
import Testing

/// A transaction of a producer elsewhere, as one that was killed leaves it.
enum OpenTransaction {
    private struct UnexpectedAnswer: Error { let words: String }

    /// Leaves a record of it in `lines-0`, in a directory that nobody has open.
    static func leave(_ id: String, in data: String, timeout: Duration) throws {
        let log = try OpenLog(data, creates: false)
        let lines = TopicPartition("lines", PartitionIndex(0))
        let granted = try log.broker.initProducerID(
            transactionalID: id,
            timeout: timeout,
            isRemote: true
        )
        guard case .producer(let producer, let epoch) = granted else {
            throw UnexpectedAnswer(words: "\(granted)")
        }
        let added = try log.broker.addPartitions(
            transactionalID: id,
            producerID: producer,
            epoch: epoch,
            partitions: [lines]
        )
        #expect(added == .done)
        var builder = RecordBatchBuilder()
        Array("unseen".utf8).withUnsafeBytes { value in
            builder.append(timestamp: Timestamp(1_000), key: nil, value: value)
        }
        _ = try log.broker.produce(
            batch: builder.seal(
                attributes: BatchAttributes(isTransactional: true),
                producerID: producer,
                producerEpoch: epoch,
                baseSequence: SequenceNumber(0)
            ),
            to: lines,
            transactionalID: id,
            flush: true
        )
        try log.close()
    }
}
