package import LogModel

/// What is known of one transactional id: the value of its record in `__transaction_state`.
package struct TransactionMetadata: Equatable, Sendable {
    package let transactionalID: String
    package var producerID: ProducerID
    /// The id that this one replaced when its epochs were used up; `.none` otherwise.
    package var previousProducerID = ProducerID.none
    /// The id that replaces this one at the end of the transaction, which uses up its epochs.
    package var nextProducerID = ProducerID.none
    /// The owner's epoch; `.none` before the first record.
    package var epoch: ProducerEpoch
    /// The epoch before the last bump where its holder may still ask for the new one (KIP-360);
    /// `.none` after a new owner took over, and after a restart. Not in the record.
    package var lastEpoch = ProducerEpoch.none
    /// Whether the coordinator ended the last transaction by itself (timeout). The record says so
    /// of owners elsewhere, who may repeat their end; of those in this process it is assumed after
    /// a restart.
    package var wasEndedByCoordinator = true
    package var timeoutMilliseconds: Int32
    package var state = TransactionState.empty
    /// The partitions that get a marker; sorted wherever the order can be seen.
    package var partitions: Set<TopicIDPartition> = []
    package var startTime = Timestamp.none
    package var lastUpdateTime: Timestamp
    /// Kafka's transaction version of the client: 2 bumps the epoch at each end.
    package var clientVersion: Int16 = 0
    /// Whether the owner lives in another process, so that it may outlive ours: its transaction
    /// stays open through a restart. An owner in this process ends with it.
    package var isRemote = false

    /// The highest epoch that a client is given; one more is kept for a last fence.
    package static let lastClientEpoch = ProducerEpoch(Int16.max - 1)

    package init(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        timeoutMilliseconds: Int32,
        lastUpdateTime: Timestamp
    ) {
        self.transactionalID = transactionalID
        self.producerID = producerID
        self.epoch = epoch
        self.timeoutMilliseconds = timeoutMilliseconds
        self.lastUpdateTime = lastUpdateTime
    }

    /// The coordinator ended the last transaction, and whoever had it is not to have the epoch
    /// behind it: a new owner has asked, or a restart has forgotten whether one had.
    package var wasEndedForNewOwner: Bool { wasEndedByCoordinator && lastEpoch == .none }

    /// No higher epoch may be given to a client.
    package var isEpochExhausted: Bool { epoch >= Self.lastClientEpoch }

    /// The epoch is the one kept for fencing: nobody is given it.
    package var isEpochForFencing: Bool { epoch > Self.lastClientEpoch }

    /// What the record of this value brings back at a restart.
    package var durablePart: TransactionMetadata {
        var copy = self
        copy.lastEpoch = .none
        copy.wasEndedByCoordinator = wasEndedByCoordinator || !isRemote
        return copy
    }

    /// Whether an open transaction must be aborted at `now`.
    package func isTimedOut(at now: Timestamp) -> Bool {
        state == .ongoing && startTime.advanced(byMilliseconds: Int64(timeoutMilliseconds)) < now
    }
}

/// One record for `__transaction_state`: a value, or the tombstone of an expired id.
package struct TransactionRecord: Equatable, Sendable {
    package var transactionalID: String
    package var value: TransactionMetadata?

    package init(transactionalID: String, value: TransactionMetadata?) {
        self.transactionalID = transactionalID
        self.value = value
    }
}
