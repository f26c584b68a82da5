import KafkaWire
package import LogModel

/// Writes batches in transactions, as the owner of a transactional id: what one of them holds is
/// seen whole or not at all, however its owner ends. Whoever takes the id later fences it.
package final class TransactionalProducer {
    private enum State {
        /// No transaction is open. Next: `open`, or `over`.
        case ready
        /// One is open that has these partitions. Next: `ready`, or `over`.
        case open(Set<TopicPartition>)
        /// A step failed: what is open ends with the next owner, or by its time-out.
        case over
    }

    private let cluster: KafkaCluster
    private let transactionalID: String
    private let producerID: ProducerID
    private let epoch: ProducerEpoch
    private var sequences: [TopicPartition: SequenceNumber] = [:]
    private var state = State.ready

    /// Takes the id. What its owner before has decided is complete on return, and what he had open
    /// is aborted.
    package init(
        _ transactionalID: String,
        timeout: Duration,
        on cluster: KafkaCluster
    ) throws(KafkaClientError) {
        self.cluster = cluster
        self.transactionalID = transactionalID
        let request = InitProducerIdRequest(
            transactionalID: transactionalID,
            transactionTimeoutMs: timeout.shortMilliseconds
        )
        (producerID, epoch) = try cluster.retrying { () throws(KafkaClientError) in
            let response = try cluster.ask(
                request,
                of: KafkaCluster.transactionCoordinator(transactionalID)
            )
            try cluster.check(
                response.errorCode,
                about: "the transactional id '\(transactionalID)'"
            )
            return (ProducerID(response.producerID), ProducerEpoch(response.producerEpoch))
        }
    }

    /// Whether something was written that is neither committed nor aborted.
    package var isOpen: Bool {
        if case .open = state { true } else { false }
    }

    /// Writes the records of a batch into the transaction, which begins with the first.
    ///
    /// - Returns: the offset of the first of them; nil where the cluster did not tell.
    package func append(
        _ batch: inout RecordBatchBuilder,
        to partition: TopicPartition
    ) throws(KafkaClientError) -> Offset? {
        try add(partition)
        let sequence = sequences[partition] ?? SequenceNumber(0)
        let count = batch.recordCount
        let sealed = batch.seal(
            attributes: BatchAttributes(isTransactional: true),
            producerID: producerID,
            producerEpoch: epoch,
            baseSequence: sequence
        )
        do throws(ProduceFailure) {
            let offset = try cluster.produce(
                Array(sealed),
                to: partition,
                transactionalID: transactionalID
            )
            sequences[partition] = sequence.advanced(by: count)
            return offset
        } catch {
            throw error.error
        }
    }

    /// Ends the open transaction: on return it is decided.
    package func commit() throws(KafkaClientError) { try end(committed: true) }

    /// Takes back what the open transaction has written.
    package func abort() throws(KafkaClientError) { try end(committed: false) }

    private func add(_ partition: TopicPartition) throws(KafkaClientError) {
        var partitions: Set<TopicPartition>
        switch state {
        case .ready: partitions = []
        case .open(let known): partitions = known
        case .over: preconditionFailure("a producer is not used after its failure")
        }
        guard partitions.insert(partition).inserted else { return }
        let request = AddPartitionsToTxnRequest(
            v3AndBelowTransactionalID: transactionalID,
            v3AndBelowProducerID: producerID.rawValue,
            v3AndBelowProducerEpoch: epoch.rawValue,
            v3AndBelowTopics: [
                AddPartitionsToTxnRequest.AddPartitionsToTxnTopic(
                    name: partition.topic,
                    partitions: [partition.partition.rawValue]
                )
            ]
        )
        try cluster.retrying { () throws(KafkaClientError) in
            let response = try cluster.ask(
                request,
                of: KafkaCluster.transactionCoordinator(transactionalID)
            )
            for result in response.resultsByTopicV3AndBelow.flatMap(\.resultsByPartition) {
                try cluster.check(result.partitionErrorCode, about: partition)
            }
        }
        state = .open(partitions)
    }

    private func end(committed: Bool) throws(KafkaClientError) {
        guard isOpen else { return }
        let request = EndTxnRequest(
            transactionalID: transactionalID,
            producerID: producerID.rawValue,
            producerEpoch: epoch.rawValue,
            committed: committed
        )
        // A second attempt of what the coordinator has done already is answered as done.
        state = .over
        try cluster.retrying { () throws(KafkaClientError) in
            let response = try cluster.ask(
                request,
                of: KafkaCluster.transactionCoordinator(transactionalID)
            )
            try cluster.check(
                response.errorCode,
                about: "the transactional id '\(transactionalID)'"
            )
        }
        state = .ready
    }
}
