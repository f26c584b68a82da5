package import LogModel

/// The answer to a request.
package enum TransactionReply: Equatable, Sendable {
    case error(KafkaErrorCode)
    /// The pair that the producer goes on with.
    case producer(ProducerID, ProducerEpoch)
    /// Nothing to tell but success.
    case done
}

/// What the shell does next for one transactional id.
package enum TransactionDecision: Equatable, Sendable {
    /// Answer; nothing is written.
    case reply(TransactionReply)
    /// Append the record (and flush it if it `mustBeDurable`), then call `appended`, or
    /// `appendFailed` if it is certain that it was not written.
    case append(TransactionRecord, mustBeDurable: Bool)
}

/// What follows an appended record.
package struct TransactionContinuation: Equatable, Sendable {
    package var reply: TransactionReply
    /// Markers to write; when all are durable, call `markersWritten`.
    package var markers: MarkerOrder?

    package init(reply: TransactionReply, markers: MarkerOrder?) {
        self.reply = reply
        self.markers = markers
    }
}

/// The end of a transaction on its partitions.
package struct MarkerOrder: Equatable, Sendable {
    package var transactionalID: String
    package var producerID: ProducerID
    /// The epoch of the marker: above that of the transaction's records where the end bumped it.
    package var epoch: ProducerEpoch
    package var result: TransactionResult
    /// Sorted.
    package var partitions: [TopicPartition]
    /// The marker's epoch is above that of every record of its transaction, so that a record
    /// with the marker's own epoch belongs to a later one.
    package var hasBumpedEpoch: Bool

    package init(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        result: TransactionResult,
        partitions: [TopicPartition],
        hasBumpedEpoch: Bool
    ) {
        self.transactionalID = transactionalID
        self.producerID = producerID
        self.epoch = epoch
        self.result = result
        self.partitions = partitions
        self.hasBumpedEpoch = hasBumpedEpoch
    }
}
