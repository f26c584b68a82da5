import Broker
import KafkaWire
import LogModel

/// What of a produce joins its producer's transaction (transaction version 2, Produce 12).
enum ProduceJoins {
    private struct Producer: Hashable {
        let id: ProducerID
        let epoch: ProducerEpoch

        init(_ batch: RecordBatchView) {
            id = batch.producerID
            epoch = batch.producerEpoch
        }
    }

    /// Has all partitions join that have a batch of a transaction, one question for all of one
    /// producer; why some cannot.
    static func refusals(
        of request: ProduceRequest,
        _ targets: [WireTopic],
        _ broker: Broker
    ) -> [TopicPartition: KafkaErrorCode] {
        guard let transactionalID = request.transactionalID, !transactionalID.isEmpty else {
            return [:]
        }
        var batches: [Producer: [JoiningBatch]] = [:]
        for (topic, target) in zip(request.topicData, targets) where !target.isUnknown {
            for partition in topic.partitionData {
                let name = target.partition(partition.index)
                // What does not exist, or is no client's, is told of when it is appended to.
                guard (try? broker.findForRecords(name)) != nil else { continue }
                (partition.records ?? []).withUnsafeBytes { bytes in
                    guard let view = try? RecordBatchView(bytes), view.attributes.isTransactional
                    else { return }
                    // One with an epoch that is none is told of when it is appended, too.
                    let isOfProducer = view.producerID.rawValue >= 0
                    guard !isOfProducer || view.producerEpoch >= .none else { return }
                    let batch = JoiningBatch(partition: name, baseSequence: view.baseSequence)
                    batches[Producer(view), default: []].append(batch)
                }
            }
        }
        var refused: [TopicPartition: KafkaErrorCode] = [:]
        for (producer, batches) in batches {
            let codes = broker.join(
                batches,
                transactionalID: transactionalID,
                producerID: producer.id,
                epoch: producer.epoch
            )
            refused.merge(codes) { first, _ in first }
        }
        return refused
    }
}
