package import LogModel

/// How transactions end: EndTxn, the markers, the Complete record, timeouts.
extension TransactionCoordinator {
    /// Commits or aborts. With `bumpsEpoch` (transaction version 2) the answer is the pair to go on
    /// with, and a repeated request carries the epoch before it; without, the epoch stays.
    ///
    /// - Precondition: `producerIDs` is not empty.
    package mutating func endTransaction(
        transactionalID id: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        result: TransactionResult,
        bumpsEpoch: Bool,
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
        guard isRetry || current.epoch == epoch else { return .reply(.error(.producerFenced)) }
        if isRetry { return answerRetry(current, result: result, isPending: entry.pending != nil) }
        if entry.pending != nil { return .reply(.error(.concurrentTransactions)) }

        switch (current.state, result) {
        case (.ongoing, _):
            return prepare(current, result: result, bumpsEpoch: bumpsEpoch, now: now)
        case (.prepareCommit, .commit), (.prepareAbort, .abort):
            return .reply(.error(.concurrentTransactions))
        case (.completeCommit, .commit) where !bumpsEpoch,
            (.completeAbort, .abort) where !bumpsEpoch:
            return .reply(.done)
        case (.empty, .abort) where bumpsEpoch, (.completeCommit, .abort) where bumpsEpoch,
            (.completeAbort, .abort) where bumpsEpoch:
            return prepare(current, result: .abort, bumpsEpoch: true, now: now)
        case (.empty, _), (.completeCommit, _), (.completeAbort, _), (.prepareCommit, _),
            (.prepareAbort, _), (.dead, _), (.prepareEpochFence, _):
            return .reply(.error(.invalidTransactionState))
        }
    }

    /// The record on its way is in the log (and flushed, if it had to be).
    package mutating func appended(_ id: String) -> TransactionContinuation {
        guard var entry = entries[id], let pending = entry.pending else {
            preconditionFailure("no record of \(id) is on its way")
        }
        if pending.next.state == .dead {
            entries[id] = nil
            return TransactionContinuation(reply: pending.reply, markers: nil)
        }
        entry.current = pending.next
        entry.pending = nil
        entries[id] = entry
        let order = pending.decidesEnd ? Self.markerOrder(for: entry.current) : nil
        return TransactionContinuation(reply: pending.reply, markers: order)
    }

    /// The record on its way never reached the log: nothing happened.
    package mutating func appendFailed(_ id: String) {
        guard var entry = entries[id], entry.pending != nil else {
            preconditionFailure("no record of \(id) is on its way")
        }
        entry.pending = nil
        entries[id] = entry.current.epoch == .none ? nil : entry
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
            .keys.sorted()
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
                && current.lastUpdateTime.rawValue + idleExpiration <= now.rawValue
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

    /// A repeated end: the answer again, or a refusal where the outcome was another.
    private func answerRetry(
        _ current: TransactionMetadata,
        result: TransactionResult,
        isPending: Bool
    ) -> TransactionDecision {
        switch (current.state, result) {
        case (.prepareCommit, .commit), (.prepareAbort, .abort):
            return .reply(.error(.concurrentTransactions))
        case (.completeCommit, .commit), (.completeAbort, .abort):
            if isPending { return .reply(.error(.concurrentTransactions)) }
            return .reply(.producer(current.producerID, current.epoch))
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

    /// Decides the outcome: the record is the commit point.
    private mutating func prepare(
        _ current: TransactionMetadata,
        result: TransactionResult,
        bumpsEpoch: Bool,
        now: Timestamp
    ) -> TransactionDecision {
        var next = current
        next.state = result == .commit ? .prepareCommit : .prepareAbort
        next.wasEndedByCoordinator = false
        if current.state != .ongoing { next.startTime = now }
        next.previousProducerID = .none
        guard bumpsEpoch else {
            next.clientVersion = 1
            return propose(next, reply: .done, mustBeDurable: true, decidesEnd: true, now: now)
        }
        next.clientVersion = 2
        next.lastEpoch = current.epoch
        next.epoch = ProducerEpoch(current.epoch.rawValue + 1)
        var reply = TransactionReply.producer(next.producerID, next.epoch)
        if current.isEpochExhausted {
            next.nextProducerID = producerIDs.take()
            reply = .producer(next.nextProducerID, ProducerEpoch(0))
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
