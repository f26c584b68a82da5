import KafkaWire
package import LogModel

/// Why records were not stored, as far as it is known.
package struct ProduceFailure: Error, Equatable, Sendable {
    package let error: KafkaClientError
    /// Whether they may be there all the same.
    package let isUncertain: Bool
}

/// Records in.
extension KafkaCluster {
    /// A fresh producer id, for batches whose sending can be tried again.
    package func makeProducerID() throws(KafkaClientError) -> (ProducerID, ProducerEpoch) {
        try retrying { () throws(KafkaClientError) in
            let response = try ask(
                InitProducerIdRequest(transactionalID: nil, transactionTimeoutMs: Int32.max)
            )
            try check(response.errorCode, about: "a producer id")
            return (ProducerID(response.producerID), ProducerEpoch(response.producerEpoch))
        }
    }

    /// Stores a sealed batch with numbers of its producer; on return it is as durable as the
    /// cluster makes what all replicas in sync have. Sent again where the answer was lost, which
    /// stores it once: the log knows its numbers.
    ///
    /// - Returns: the offset of its first record; nil where that was told in a lost answer alone.
    @discardableResult
    package func produce(
        _ batch: [UInt8],
        to partition: TopicPartition,
        transactionalID: String? = nil
    ) throws(ProduceFailure) -> Offset? {
        let request = ProduceRequest(
            transactionalID: transactionalID,
            acks: -1,
            timeoutMs: requestMilliseconds,
            topicData: [
                ProduceRequest.TopicProduceData(
                    name: partition.topic,
                    partitionData: [
                        ProduceRequest.PartitionProduceData(
                            index: partition.partition.rawValue,
                            records: batch
                        )
                    ]
                )
            ]
        )
        var mayBeThere = false
        do throws(KafkaClientError) {
            return try retrying { () throws(KafkaClientError) in
                do throws(KafkaClientError) {
                    return try send(request, to: partition)
                } catch {
                    if error.code == .duplicateSequenceNumber, mayBeThere { return nil }
                    mayBeThere = mayBeThere || error.isUncertain
                    throw error
                }
            }
        } catch {
            throw ProduceFailure(error: error, isUncertain: mayBeThere)
        }
    }

    private func send(
        _ request: ProduceRequest,
        to partition: TopicPartition
    ) throws(KafkaClientError) -> Offset? {
        let response = try ask(
            request,
            of: try leader(of: partition),
            patience: configuration.requestPatience + .seconds(5)
        )
        let answer = response.responses.first { $0.name == partition.topic }?.partitionResponses
            .first { $0.index == partition.partition.rawValue }
        guard let answer else {
            throw .lost(entry, request: "Produce", "its answer leaves out \(partition)")
        }
        let words = answer.recordErrors.first?.batchIndexErrorMessage ?? answer.errorMessage
        try check(answer.errorCode, about: partition, words)
        return answer.baseOffset < 0 ? nil : Offset(answer.baseOffset)
    }
}
