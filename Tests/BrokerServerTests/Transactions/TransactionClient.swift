import KafkaWire
import LogModel

/// A producer with a transactional id that speaks transaction version 2, as values.
struct TransactionClient: Sendable {
    let transactionalID: String
    var producerID: Int64 = -1
    var epoch: Int16 = -1
    private var sequences: [TopicPartition: Int32] = [:]

    init(_ transactionalID: String) { self.transactionalID = transactionalID }

    /// The pair that an end or an InitProducerId answered; numbers begin anew with it.
    mutating func goOn(_ producerID: Int64, _ epoch: Int16) {
        self.producerID = producerID
        self.epoch = epoch
        sequences = [:]
    }

    var initialization: InitProducerIdRequest {
        InitProducerIdRequest(transactionalID: transactionalID, transactionTimeoutMs: 60_000)
    }

    /// One batch for each partition of a topic.
    mutating func produce(_ topic: String, _ values: [Int32: [String]]) -> ProduceRequest {
        let partitions = values.sorted { $0.key < $1.key }.map { partition, values in
            ProduceRequest.PartitionProduceData(
                index: partition,
                records: batch(values, for: TopicPartition(topic, PartitionIndex(partition)))
            )
        }
        return ProduceRequest(
            transactionalID: transactionalID,
            acks: -1,
            timeoutMs: 5000,
            topicData: [.init(name: topic, partitionData: partitions)]
        )
    }

    func offsets(_ group: String, _ topic: String, _ offset: Int64) -> TxnOffsetCommitRequest {
        TxnOffsetCommitRequest(
            transactionalID: transactionalID,
            groupID: group,
            producerID: producerID,
            producerEpoch: epoch,
            topics: [
                .init(
                    name: topic,
                    partitions: [.init(partitionIndex: 0, committedOffset: offset)]
                )
            ]
        )
    }

    func end(commits: Bool) -> EndTxnRequest {
        EndTxnRequest(
            transactionalID: transactionalID,
            producerID: producerID,
            producerEpoch: epoch,
            committed: commits
        )
    }

    private mutating func batch(_ values: [String], for name: TopicPartition) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for value in values {
            Array(value.utf8).withUnsafeBytes {
                builder.append(timestamp: Timestamp(1_767_225_600_000), key: nil, value: $0)
            }
        }
        let sequence = sequences[name, default: 0]
        sequences[name] = sequence + Int32(values.count)
        return Array(
            builder.seal(
                attributes: BatchAttributes(isTransactional: true),
                producerID: ProducerID(producerID),
                producerEpoch: ProducerEpoch(epoch),
                baseSequence: SequenceNumber(sequence)
            )
        )
    }
}

extension ProduceResponse {
    /// The codes of all partitions, in the order of the answer.
    var codes: [KafkaErrorCode] {
        responses.flatMap(\.partitionResponses).map { KafkaErrorCode(rawValue: $0.errorCode) }
    }
}

extension TxnOffsetCommitResponse {
    var codes: [KafkaErrorCode] {
        topics.flatMap(\.partitions).map { KafkaErrorCode(rawValue: $0.errorCode) }
    }
}
