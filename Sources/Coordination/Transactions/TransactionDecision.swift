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
    /// Nothing is decided: ask again with a fresh producer id.
    case needsProducerID
    /// Append the record, outside of any lock, then call `appended` (after its flush if it
    /// `mustBeDurable`), `appendFailed` if it is certain that it was not written, or
    /// `appendUncertain` if nobody can tell.
    ///
    /// `flushedWith` are the partitions whose data must be durable if the record is: for a commit
    /// all of the transaction's, otherwise none. Record and data go into one group.
    case append(TransactionRecord, mustBeDurable: Bool, flushedWith: [TopicIDPartition])
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
