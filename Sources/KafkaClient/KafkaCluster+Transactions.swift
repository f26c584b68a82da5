import KafkaWire
package import LogModel

/// A transaction as its coordinator describes it.
package struct ClusterTransaction: Sendable, Equatable {
    package let transactionalID: String
    package let producerID: ProducerID
    package let epoch: ProducerEpoch
    /// Kafka's word: `Ongoing`, `CompleteCommit`.
    package let state: String
    package let timeout: Duration
    /// Nil where none was begun.
    package let start: Timestamp?
    package let partitions: [TopicPartition]
}

/// A producer that has written to a partition.
package struct ClusterProducer: Sendable, Equatable {
    package let producerID: ProducerID
    package let epoch: ProducerEpoch
    package let coordinatorEpoch: Int32
    package let lastTimestamp: Timestamp
    /// Of the transaction that it has open there.
    package let transactionStart: Offset?
}

/// Transactions.
extension KafkaCluster {
    /// The transactional ids that the coordinators know.
    package func transactionalIDs() throws(KafkaClientError) -> [String] {
        try retrying { () throws(KafkaClientError) in
            var names: [String] = []
            for node in try nodes() {
                let response = try ask(ListTransactionsRequest(), of: node)
                try check(response.errorCode, about: "the list of transactions")
                names += response.transactionStates.map(\.transactionalID)
            }
            return names.sorted()
        }
    }

    /// What the coordinator of a transactional id says of it; nil where it knows none.
    package func describe(
        transactionalID: String
    ) throws(KafkaClientError) -> ClusterTransaction? {
        try retrying { () throws(KafkaClientError) in
            let response = try ask(
                DescribeTransactionsRequest(transactionalIDs: [transactionalID]),
                of: Self.transactionCoordinator(transactionalID)
            )
            guard let found = response.transactionStates.first else { return nil }
            if KafkaErrorCode(rawValue: found.errorCode) == .transactionalIDNotFound { return nil }
            try check(found.errorCode, about: "the transactional id '\(transactionalID)'")
            return ClusterTransaction(
                transactionalID: transactionalID,
                producerID: ProducerID(found.producerID),
                epoch: ProducerEpoch(found.producerEpoch),
                state: found.transactionState,
                timeout: .milliseconds(Int64(found.transactionTimeoutMs)),
                start: found.transactionStartTimeMs > 0
                    ? Timestamp(found.transactionStartTimeMs) : nil,
                partitions: found.topics.flatMap { topic in
                    topic.partitions.map { TopicPartition(topic.topic, PartitionIndex($0)) }
                }.sorted()
            )
        }
    }

    /// Ends what the owner of a transactional id has open, and fences that owner.
    package func abort(transactionalID: String) throws(KafkaClientError) {
        try retrying { () throws(KafkaClientError) in
            let response = try ask(
                InitProducerIdRequest(
                    transactionalID: transactionalID,
                    transactionTimeoutMs: 60_000
                ),
                of: Self.transactionCoordinator(transactionalID)
            )
            try check(response.errorCode, about: "the transactional id '\(transactionalID)'")
        }
    }

    /// Who has written to a partition and is remembered.
    package func producers(
        of partition: TopicPartition
    ) throws(KafkaClientError) -> [ClusterProducer] {
        try retrying { () throws(KafkaClientError) in
            let node = try leader(of: partition)
            let response = try ask(
                DescribeProducersRequest(
                    topics: [
                        DescribeProducersRequest.TopicRequest(
                            name: partition.topic,
                            partitionIndexes: [partition.partition.rawValue]
                        )
                    ]
                ),
                of: node
            )
            guard let found = response.topics.first?.partitions.first else { return [] }
            try check(found.errorCode, about: partition, found.errorMessage)
            return found.activeProducers.map {
                ClusterProducer(
                    producerID: ProducerID($0.producerID),
                    epoch: ProducerEpoch(Int16(clamping: $0.producerEpoch)),
                    coordinatorEpoch: $0.coordinatorEpoch,
                    lastTimestamp: Timestamp($0.lastTimestamp),
                    transactionStart: $0.currentTxnStartOffset < 0
                        ? nil : Offset($0.currentTxnStartOffset)
                )
            }
        }
    }

    /// Aborts a transaction in one partition, of which no coordinator knows.
    package func abort(
        _ producer: ClusterProducer,
        in partition: TopicPartition
    ) throws(KafkaClientError) {
        try retrying { () throws(KafkaClientError) in
            let node = try leader(of: partition)
            let response = try ask(
                WriteTxnMarkersRequest(
                    markers: [
                        WriteTxnMarkersRequest.WritableTxnMarker(
                            producerID: producer.producerID.rawValue,
                            producerEpoch: producer.epoch.rawValue,
                            transactionResult: false,
                            topics: [
                                WriteTxnMarkersRequest.WritableTxnMarkerTopic(
                                    name: partition.topic,
                                    partitionIndexes: [partition.partition.rawValue]
                                )
                            ],
                            coordinatorEpoch: max(producer.coordinatorEpoch, 0)
                        )
                    ]
                ),
                of: node
            )
            for result in response.markers.flatMap(\.topics).flatMap(\.partitions) {
                try check(result.errorCode, about: partition)
            }
        }
    }

    static func transactionCoordinator(_ transactionalID: String) -> Node {
        .coordinator(CoordinatorKey(kind: .transaction, name: transactionalID))
    }
}
