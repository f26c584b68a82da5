package import LogModel

/// Who owns an id: InitProducerId, epochs, fencing.
extension TransactionCoordinator {
    /// Makes the caller the owner of `transactionalID`; `isRemote` if it lives in another process.
    ///
    /// `expected` is the pair that the caller believes to hold (KIP-360): the current one is
    /// bumped, the one before the last bump is answered with the current one, any other is fenced.
    /// An open transaction is aborted first: the caller asks again after CONCURRENT_TRANSACTIONS.
    ///
    /// `freshID` is a producer id that nobody has; without one the answer may be
    /// `.needsProducerID`.
    package mutating func initProducerID(
        transactionalID id: String,
        timeoutMilliseconds: Int32,
        expected: (producerID: ProducerID, epoch: ProducerEpoch) = (.none, .none),
        isRemote: Bool = false,
        freshID: ProducerID? = nil,
        now: Timestamp
    ) -> TransactionDecision {
        guard !id.isEmpty, (expected.producerID == .none) == (expected.epoch == .none) else {
            return .reply(.error(.invalidRequest))
        }
        guard timeoutMilliseconds > 0, timeoutMilliseconds <= maximumTimeoutMilliseconds else {
            return .reply(.error(.invalidTransactionTimeout))
        }
        guard let entry = entries[id] else {
            guard let freshID else { return .needsProducerID }
            return bump(
                TransactionMetadata(
                    transactionalID: id,
                    producerID: freshID,
                    epoch: .none,
                    timeoutMilliseconds: timeoutMilliseconds,
                    lastUpdateTime: now
                ),
                timeoutMilliseconds: timeoutMilliseconds,
                isRemote: isRemote,
                freshID: freshID,
                now: now
            )
        }
        if let code = entry.refusal { return .reply(.error(code)) }
        let current = entry.current
        let claim = Claim(expected: expected, on: current)
        if claim == .fenced { return .reply(.error(.producerFenced)) }
        switch current.state {
        case .ongoing:
            guard claim != .retry else { return .reply(.error(.producerFenced)) }
            return fence(current, keepsOwner: claim == .current, now: now)
        case .empty, .completeCommit, .completeAbort:
            if claim == .retry, !current.isEpochForFencing {
                return repeatBump(
                    current,
                    timeoutMilliseconds: timeoutMilliseconds,
                    isRemote: isRemote,
                    now: now
                )
            }
            var next = current
            // The caller's, who may ask again with the pair that it has.
            next.lastEpoch = claim == .newOwner ? .none : expected.epoch
            return bump(
                next,
                timeoutMilliseconds: timeoutMilliseconds,
                isRemote: isRemote,
                freshID: freshID,
                now: now
            )
        case .prepareCommit, .prepareAbort, .dead, .prepareEpochFence:
            return .reply(.error(.concurrentTransactions))
        }
    }

    /// Whether the holder of this pair still owns the id, though its transaction was aborted: it
    /// may ask for the next epoch. False once somebody else took over.
    package func canResume(
        _ transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch
    ) -> Bool {
        guard let entry = entries[transactionalID] else { return false }
        return Claim(expected: (producerID, epoch), on: entry.current) != .fenced
    }

    /// Gives an idle id its next epoch, or a new producer id where the epochs are used up.
    mutating func bump(
        _ current: TransactionMetadata,
        timeoutMilliseconds: Int32,
        isRemote: Bool,
        freshID: ProducerID?,
        now: Timestamp
    ) -> TransactionDecision {
        var next = current
        next.state = .empty
        next.partitions = []
        next.startTime = .none
        next.timeoutMilliseconds = timeoutMilliseconds
        next.isRemote = isRemote
        next.nextProducerID = .none
        if current.isEpochExhausted {
            guard let freshID else { return .needsProducerID }
            next.previousProducerID = current.producerID
            next.producerID = freshID
            next.epoch = ProducerEpoch(0)
        } else {
            next.previousProducerID = .none
            next.epoch = ProducerEpoch(current.epoch.rawValue + 1)
        }
        return propose(
            next,
            reply: .producer(next.producerID, next.epoch),
            mustBeDurable: true,
            now: now
        )
    }

    /// The answer to a bump that came before, in the course of which a transaction may have been
    /// ended: the id is its owner's from here on, and has none behind it, as in Kafka.
    private mutating func repeatBump(
        _ current: TransactionMetadata,
        timeoutMilliseconds: Int32,
        isRemote: Bool,
        now: Timestamp
    ) -> TransactionDecision {
        let reply = TransactionReply.producer(current.producerID, current.epoch)
        guard current.state != .empty else { return .reply(reply) }
        var next = current
        next.state = .empty
        next.startTime = .none
        next.timeoutMilliseconds = timeoutMilliseconds
        next.isRemote = isRemote
        return propose(next, reply: reply, mustBeDurable: true, now: now)
    }

    /// Aborts an open transaction under a higher epoch, which shuts its owner out. With
    /// `keepsOwner` that owner may ask for the new epoch.
    mutating func fence(
        _ current: TransactionMetadata,
        keepsOwner: Bool,
        now: Timestamp
    ) -> TransactionDecision {
        precondition(current.epoch.rawValue < Int16.max, "the last epoch is never a client's")
        var next = current
        next.lastEpoch = keepsOwner ? current.epoch : .none
        next.epoch = ProducerEpoch(current.epoch.rawValue + 1)
        next.previousProducerID = .none
        next.state = .prepareAbort
        next.wasEndedByCoordinator = true
        return propose(
            next,
            reply: .error(.concurrentTransactions),
            mustBeDurable: true,
            decidesEnd: true,
            now: now
        )
    }

    /// How a caller's expected pair stands to the current one.
    private enum Claim {
        /// None was given: a new owner.
        case newOwner
        /// It is the current pair.
        case current
        /// It is the pair before the last bump: the answer to that bump was lost.
        case retry
        case fenced

        init(
            expected: (producerID: ProducerID, epoch: ProducerEpoch),
            on current: TransactionMetadata
        ) {
            if expected.producerID == .none {
                self = .newOwner
            } else if expected.producerID == current.producerID {
                if expected.epoch == current.epoch {
                    self = .current
                } else if current.lastEpoch != .none, expected.epoch == current.lastEpoch {
                    self = .retry
                } else {
                    self = .fenced
                }
            } else if expected.producerID == current.previousProducerID,
                current.lastEpoch != .none, expected.epoch == current.lastEpoch
            {
                self = .retry
            } else {
                self = .fenced
            }
        }
    }
}
