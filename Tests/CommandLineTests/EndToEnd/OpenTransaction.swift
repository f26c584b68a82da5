import Broker
import Coordination
import DirectoryAccess
import LogModel
import Testing

/// A transaction of a producer elsewhere, as one that was killed leaves it.
enum OpenTransaction {
    private struct UnexpectedAnswer: Error { let words: String }

    /// Leaves a record of it in `lines-0`, in a directory that nobody has open.
    static func leave(_ id: String, in data: String, timeout: Duration) throws {
        let log = try OpenLog(data, creates: false)
        _ = try write("unseen", as: id, timeout: timeout, to: log)
        try log.close()
    }

    /// Writes such transactions of one record each and ends them.
    static func end(
        _ values: [String],
        in data: String,
        _ result: TransactionResult
    ) throws {
        let log = try OpenLog(data, creates: false)
        for value in values {
            let (producer, epoch) = try write(value, as: "t", timeout: .seconds(60), to: log)
            let ended = try log.broker.untilSettled("t") { () throws(BrokerError) in
                try log.broker.endTransaction(
                    transactionalID: "t",
                    producerID: producer,
                    epoch: epoch,
                    result: result,
                    bumpsEpoch: false
                )
            }
            #expect(ended == .done)
        }
        try log.close()
    }

    /// A record of a transaction that is open then, in `lines-0`.
    private static func write(
        _ value: String,
        as id: String,
        timeout: Duration,
        to log: OpenLog
    ) throws -> (ProducerID, ProducerEpoch) {
        let lines = TopicPartition("lines", PartitionIndex(0))
        let granted = try log.broker.untilSettled(id) { () throws(BrokerError) in
            try log.broker.initProducerID(transactionalID: id, timeout: timeout, isRemote: true)
        }
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
        Array(value.utf8).withUnsafeBytes { value in
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
        return (producer, epoch)
    }
}
