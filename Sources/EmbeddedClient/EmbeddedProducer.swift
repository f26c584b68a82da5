package import Broker
import Coordination
package import LogClient
package import LogModel
import LogStorage

/// An idempotent producer outside transactions, for commands that load data: no batch is appended
/// twice, and `flush` makes what was appended durable and visible. Used by one thread.
package final class EmbeddedProducer {
    private struct Output {
        let partition: Partition
        var sequence = SequenceNumber(0)
        var isDirty = true
    }

    private let broker: Broker
    private let producerID: ProducerID
    private let epoch: ProducerEpoch
    private var outputs: [TopicPartition: Output] = [:]

    /// A producer with a fresh id.
    package init(broker: Broker) throws(LogClientError) {
        let reply = try converting("a producer id") { () throws(BrokerError) in
            try broker.initProducerID(transactionalID: nil, timeout: .zero)
        }
        guard case .producer(let producerID, let epoch) = reply else {
            throw .fatal("no producer id was given")
        }
        self.broker = broker
        self.producerID = producerID
        self.epoch = epoch
    }

    /// Seals and appends the batch, which the caller resets; the offset behind its last record.
    @discardableResult
    package func append(
        _ batch: inout RecordBatchBuilder,
        to name: TopicPartition,
        attributes: BatchAttributes = BatchAttributes()
    ) throws(LogClientError) -> Offset {
        var output = try output(for: name)
        let recordCount = batch.recordCount
        // However well it compresses, readers decompress no more.
        guard batch.byteCount <= BatchLimit.recordByteCount else {
            throw .invalid(
                "\(name): a batch of \(batch.byteCount) bytes, the largest is "
                    + "\(BatchLimit.recordByteCount) before compression"
            )
        }
        let bytes = batch.seal(
            attributes: attributes,
            producerID: producerID,
            producerEpoch: epoch,
            baseSequence: output.sequence
        )
        let outcome = try converting(name) { () throws(BrokerError) in
            try broker.append(bytes, to: output.partition)
        }
        switch outcome {
        case .duplicate:
            throw .fatal(
                "\(name): new records were taken for old ones, for the producer id "
                    + "\(producerID.rawValue) was another producer's"
            )
        case .appended(_, let last):
            output.sequence = output.sequence.advanced(by: recordCount)
            output.isDirty = true
            outputs[name] = output
            return last.advanced(by: 1)
        case .refused(let code, let message):
            throw LogClientError(.refused(code, "\(name): \(message)"), about: name)
        }
    }

    /// Makes everything appended so far durable.
    package func flush() throws(LogClientError) {
        let dirty = outputs.filter { $0.value.isDirty }.keys.sorted()
        try converting("the flush") { () throws(BrokerError) in try broker.flush(dirty) }
        for name in dirty { outputs[name]?.isDirty = false }
    }

    private func output(for name: TopicPartition) throws(LogClientError) -> Output {
        let partition = try converting(name) { () throws(BrokerError) in
            try broker.findForRecords(name)
        }
        // A topic that was made anew under the name is another one.
        if let known = outputs[name], known.partition === partition { return known }
        return Output(partition: partition)
    }
}
