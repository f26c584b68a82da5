package import LogModel

/// How transactions end: EndTxn, the markers, the Complete record, timeouts.
extension TransactionCoordinator {
    /// Commits or aborts. With `bumpsEpoch` (transaction version 2) the answer is the pair to go on
    /// with, and a repeated request carries the epoch before it; without, the epoch stays.
    ///
    /// The end that uses up the epochs of a producer id gives a new one: `freshID`; without one
    /// the answer is `.needsProducerID` then.
    package mutating func endTransaction(
        transactionalID id: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        result: TransactionResult,
        bumpsEpoch: Bool,
        freshID: ProducerID? = nil,
        now: Timestamp
    ) -> TransactionDecision {
        guard !id.isEmpty else { return .reply(.error(.invalidRequest)) }
        guard let entry = entries[id], entry.current.epoch != .none else {
            return .reply(.error(.invalidProducerIDMapping))
        }
        let current = entry.current
        let isRetry =
            bumpsEpoch && Self.isEndRetry(producerID: producerID, epoch: epoch, of: current)
        guard isRetry || current.producerID == producerID else {
            return .reply(.error(.invalidProducerIDMapping))
        }
        guard isRetry || current.epoch == epoch && epoch <= TransactionMetadata.lastClientEpoch
        else { return .reply(.error(.producerFenced)) }
        if let code = entry.refusal { return .reply(.error(code)) }
        let end = End(result: result, bumpsEpoch: bumpsEpoch, freshID: freshID)
        if isRetry { return answerRetry(current, end, now: now) }

        switch (current.state, result) {
        case (.ongoing, _):
            return prepare(current, end, now: now)
        case (.prepareCommit, .commit), (.prepareAbort, .abort):
            return .reply(.error(.concurrentTransactions))
        case (.completeCommit, .commit) where !bumpsEpoch,
            (.completeAbort, .abort) where !bumpsEpoch:
            return .reply(.done)
        case (.empty, .abort) where bumpsEpoch, (.completeCommit, .abort) where bumpsEpoch,
            (.completeAbort, .abort) where bumpsEpoch:
            return prepare(current, end, now: now)
        case (.empty, _), (.completeCommit, _), (.completeAbort, _), (.prepareCommit, _),
            (.prepareAbort, _), (.dead, _), (.prepareEpochFence, _):
            return .reply(.error(.invalidTransactionState))
        }
    }

    /// Every marker of `order` is durable. Nil if that transaction is complete already, or its
    /// Complete record is on its way (KAFKA-10080).
    package mutating func markersWritten(
        _ order: MarkerOrder,
        now: Timestamp
    ) -> TransactionDecision? {
        guard let entry = entries[order.transactionalID], entry.pending == nil,
            entry.current.state.preparedResult == order.result,
            entry.current.producerID == order.producerID, entry.current.epoch == order.epoch
        else { return nil }
        var next = entry.current
        next.state = order.result == .commit ? .completeCommit : .completeAbort
        next.partitions = []
        if next.nextProducerID != .none {
            next.previousProducerID = next.producerID
            next.producerID = next.nextProducerID
            next.nextProducerID = .none
            next.epoch = ProducerEpoch(0)
        }
        return propose(next, reply: .done, mustBeDurable: false, now: now)
    }

    /// The ids whose transaction took too long, or that have been idle for too long; sorted.
    package func dueIDs(now: Timestamp) -> [String] {
        entries.filter { $0.value.pending == nil && isDue($0.value.current, now: now) }
            .keys.sorted().map(\.text)
    }

    /// Aborts the transaction of a due id under a higher epoch, or lets an idle id go.
    package mutating func expire(_ id: String, now: Timestamp) -> TransactionDecision {
        guard let entry = entries[id], entry.pending == nil, isDue(entry.current, now: now) else {
            return .reply(.done)
        }
        if entry.current.state == .ongoing {
            return fence(entry.current, keepsOwner: true, now: now)
        }
        var next = entry.current
        next.state = .dead
        return propose(next, reply: .done, mustBeDurable: false, now: now)
    }

    private func isDue(_ current: TransactionMetadata, now: Timestamp) -> Bool {
        current.isTimedOut(at: now)
            || current.state.isIdle
                && current.lastUpdateTime.advanced(byMilliseconds: idleExpirationMilliseconds)
                    <= now
    }

    /// Whether a TV2 request is a repetition of the end that made `current`.
    private static func isEndRetry(
        producerID: ProducerID,
        epoch: ProducerEpoch,
        of current: TransactionMetadata
    ) -> Bool {
        if producerID == current.producerID {
            return current.epoch.rawValue > 0 && epoch.rawValue == current.epoch.rawValue - 1
        }
        // The end that used up the epochs of the id before.
        return producerID == current.previousProducerID && current.epoch.rawValue == 0
            && epoch == TransactionMetadata.lastClientEpoch
    }

    /// A repeated end: the answer again, or a refusal where the outcome was another. A timeout that
    /// used up the epochs leaves none to answer: then the next one comes with a new producer id.
    private mutating func answerRetry(
        _ current: TransactionMetadata,
        _ end: End,
        now: Timestamp
    ) -> TransactionDecision {
        switch (current.state, end.result) {
        case (.prepareAbort, .abort) where current.wasEndedForNewOwner,
            (.completeAbort, .abort) where current.wasEndedForNewOwner:
            return .reply(.error(.producerFenced))
        case (.prepareCommit, .commit), (.prepareAbort, .abort):
            return .reply(.error(.concurrentTransactions))
        case (.completeCommit, .commit), (.completeAbort, .abort):
            guard current.isEpochForFencing else {
                return .reply(.producer(current.producerID, current.epoch))
            }
            return bump(
                current,
                timeoutMilliseconds: current.timeoutMilliseconds,
                isRemote: current.isRemote,
                freshID: end.freshID,
                now: now
            )
        case (.prepareAbort, .commit), (.completeAbort, .commit):
            // KAFKA-20785: a commit that lost against the timeout was fenced, not misused.
            return .reply(
                .error(
                    current.wasEndedByCoordinator ? .producerFenced : .invalidTransactionState
                )
            )
        case (.prepareCommit, .abort), (.completeCommit, .abort):
            return .reply(.error(.invalidTransactionState))
        case (.empty, _), (.ongoing, _), (.dead, _), (.prepareEpochFence, _):
            return .reply(.error(.producerFenced))
        }
    }

    /// What an EndTxn asks for.
    private struct End {
        var result: TransactionResult
        var bumpsEpoch: Bool
        var freshID: ProducerID?
    }

    /// Decides the outcome: the record is the commit point.
    private mutating func prepare(
        _ current: TransactionMetadata,
        _ end: End,
        now: Timestamp
    ) -> TransactionDecision {
        var next = current
        next.state = end.result == .commit ? .prepareCommit : .prepareAbort
        next.wasEndedByCoordinator = false
        if current.state != .ongoing { next.startTime = now }
        next.previousProducerID = .none
        guard end.bumpsEpoch else {
            next.clientVersion = 1
            return propose(next, reply: .done, mustBeDurable: true, decidesEnd: true, now: now)
        }
        next.clientVersion = 2
        next.lastEpoch = current.epoch
        next.epoch = ProducerEpoch(current.epoch.rawValue + 1)
        var reply = TransactionReply.producer(next.producerID, next.epoch)
        if current.isEpochExhausted {
            guard let freshID = end.freshID else { return .needsProducerID }
            next.nextProducerID = freshID
            reply = .producer(freshID, ProducerEpoch(0))
        }
        return propose(next, reply: reply, mustBeDurable: true, decidesEnd: true, now: now)
    }

    /// The markers that a Prepare state asks for.
    static func markerOrder(for metadata: TransactionMetadata) -> MarkerOrder? {
        guard let result = metadata.state.preparedResult else { return nil }
        return MarkerOrder(
            transactionalID: metadata.transactionalID,
            producerID: metadata.producerID,
            epoch: metadata.epoch,
            result: result,
            partitions: metadata.partitions.sorted(),
            hasBumpedEpoch: metadata.clientVersion >= 2
        )
    }
}
