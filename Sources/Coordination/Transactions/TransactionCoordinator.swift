package import LogModel

/// The transaction coordinator: who owns each transactional id, and how each transaction ends.
///
/// A request is one of three things: an answer at once; or a record to append first (`append`),
/// after which `appended` gives the answer and, where an outcome was decided, the markers to write;
/// or, for markers that are all durable, `markersWritten` and the Complete record. While a record
/// of an id is on its way, every other request for that id answers CONCURRENT_TRANSACTIONS, so that
/// records of one id reach the log in the order of the decisions.
///
/// Values only: the time is a parameter, the shell appends, flushes and locks.
package struct TransactionCoordinator: Sendable {
    /// One transactional id.
    struct Entry: Sendable {
        /// As the log has it; epoch `.none` if it has nothing yet.
        var current: TransactionMetadata
        /// What the log has as soon as the record on its way is in it.
        var pending: Pending?
    }

    enum Ownership {
        case owner(TransactionMetadata)
        case refused(KafkaErrorCode)
    }

    struct Pending: Sendable {
        var next: TransactionMetadata
        var reply: TransactionReply
        var decidesEnd: Bool
    }

    /// Kafka's `transaction.max.timeout.ms`.
    package let maximumTimeoutMilliseconds: Int32
    /// Kafka's `transactional.id.expiration.ms`: 7 days.
    package let idleExpiration: Int64
    package var producerIDs: ProducerIDAllocator
    var entries: [String: Entry] = [:]

    package init(
        producerIDs: ProducerIDAllocator,
        maximumTimeoutMilliseconds: Int32 = 900_000,
        idleExpiration: Int64 = 7 * 24 * 3_600_000
    ) {
        self.producerIDs = producerIDs
        self.maximumTimeoutMilliseconds = maximumTimeoutMilliseconds
        self.idleExpiration = idleExpiration
    }

    /// Makes the caller the owner of `transactionalID` (nil: of a fresh idempotent producer).
    ///
    /// `expected` is the pair that the caller believes to hold (KIP-360): the current one is
    /// bumped, the one before the last bump is answered with the current one, any other is fenced.
    /// An open transaction is aborted first: the caller asks again after CONCURRENT_TRANSACTIONS.
    ///
    /// - Precondition: `producerIDs` is not empty.
    package mutating func initProducerID(
        transactionalID: String?,
        timeoutMilliseconds: Int32,
        expected: (producerID: ProducerID, epoch: ProducerEpoch) = (.none, .none),
        now: Timestamp
    ) -> TransactionDecision {
        guard let id = transactionalID else {
            return .reply(.producer(producerIDs.take(), ProducerEpoch(0)))
        }
        guard !id.isEmpty, (expected.producerID == .none) == (expected.epoch == .none) else {
            return .reply(.error(.invalidRequest))
        }
        guard timeoutMilliseconds > 0, timeoutMilliseconds <= maximumTimeoutMilliseconds else {
            return .reply(.error(.invalidTransactionTimeout))
        }
        guard let entry = entries[id] else {
            return beginFirstEpoch(of: id, timeoutMilliseconds: timeoutMilliseconds, now: now)
        }
        if entry.pending != nil { return .reply(.error(.concurrentTransactions)) }
        let current = entry.current
        let claim = Claim(expected: expected, on: current)
        if claim == .fenced { return .reply(.error(.producerFenced)) }
        switch current.state {
        case .prepareCommit, .prepareAbort:
            return .reply(.error(.concurrentTransactions))
        case .ongoing:
            guard claim != .retry else { return .reply(.error(.producerFenced)) }
            return fence(current, keepsOwner: claim == .current, now: now)
        case .empty, .completeCommit, .completeAbort:
            if claim == .retry {
                return .reply(.producer(current.producerID, current.epoch))
            }
            return bump(
                current,
                claim: claim,
                timeoutMilliseconds: timeoutMilliseconds,
                now: now
            )
        case .dead, .prepareEpochFence:
            return .reply(.error(.concurrentTransactions))
        }
    }

    /// Adds partitions to the transaction, which begins if none is open. Kafka's TV1 clients rely
    /// on the record being durable; an owner that bumps its epoch at each end does not: what a
    /// crash leaves without a record is recognised by its epoch. So only its first partitions get
    /// one; the Prepare record names all.
    package mutating func addPartitions(
        transactionalID id: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        partitions: some Sequence<TopicPartition>,
        mustBeDurable: Bool = true,
        now: Timestamp
    ) -> TransactionDecision {
        let current: TransactionMetadata
        switch owned(id, producerID: producerID, epoch: epoch) {
        case .refused(let code): return .reply(.error(code))
        case .owner(let metadata): current = metadata
        }
        if entries[id]?.pending != nil || current.state.isPreparing {
            return .reply(.error(.concurrentTransactions))
        }
        var next = current
        next.partitions.formUnion(partitions)
        if current.state == .ongoing {
            if next.partitions.count == current.partitions.count { return .reply(.done) }
            if !mustBeDurable {
                entries[id]?.current = next
                return .reply(.done)
            }
        }
        if current.state != .ongoing { next.startTime = now }
        next.state = .ongoing
        return propose(next, reply: .done, mustBeDurable: mustBeDurable, now: now)
    }

    /// The state of one id, as the log has it.
    package func describe(_ transactionalID: String) -> TransactionMetadata? {
        guard let entry = entries[transactionalID], entry.current.epoch != .none else { return nil }
        return entry.current
    }

    /// All ids, sorted.
    package var transactionalIDs: [String] {
        entries.filter { $0.value.current.epoch != .none }.keys.sorted()
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

    /// The owner's metadata, or why the pair is no owner's.
    func owned(
        _ id: String,
        producerID: ProducerID,
        epoch: ProducerEpoch
    ) -> Ownership {
        guard !id.isEmpty else { return .refused(.invalidRequest) }
        guard let entry = entries[id], entry.current.epoch != .none,
            entry.current.producerID == producerID
        else { return .refused(.invalidProducerIDMapping) }
        guard entry.current.epoch == epoch else { return .refused(.producerFenced) }
        return .owner(entry.current)
    }

    /// Puts `next` on its way to the log.
    mutating func propose(
        _ next: TransactionMetadata,
        reply: TransactionReply,
        mustBeDurable: Bool,
        decidesEnd: Bool = false,
        now: Timestamp
    ) -> TransactionDecision {
        var next = next
        next.lastUpdateTime = now
        let id = next.transactionalID
        var entry = entries[id] ?? Entry(current: Self.unwritten(next))
        precondition(entry.pending == nil, "one record of an id at a time")
        precondition(
            next.state.mayFollow(entry.current.state),
            "\(id): \(entry.current.state) is never followed by \(next.state)"
        )
        entry.pending = Pending(next: next, reply: reply, decidesEnd: decidesEnd)
        entries[id] = entry
        let value = next.state == .dead ? nil : next.durablePart
        return .append(
            TransactionRecord(transactionalID: id, value: value),
            mustBeDurable: mustBeDurable
        )
    }
}

extension TransactionCoordinator {
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

    private static func unwritten(_ next: TransactionMetadata) -> TransactionMetadata {
        TransactionMetadata(
            transactionalID: next.transactionalID,
            producerID: next.producerID,
            epoch: .none,
            timeoutMilliseconds: next.timeoutMilliseconds,
            lastUpdateTime: next.lastUpdateTime
        )
    }

    private mutating func beginFirstEpoch(
        of id: String,
        timeoutMilliseconds: Int32,
        now: Timestamp
    ) -> TransactionDecision {
        let first = TransactionMetadata(
            transactionalID: id,
            producerID: producerIDs.take(),
            epoch: ProducerEpoch(0),
            timeoutMilliseconds: timeoutMilliseconds,
            lastUpdateTime: now
        )
        return propose(
            first,
            reply: .producer(first.producerID, first.epoch),
            mustBeDurable: true,
            now: now
        )
    }

    /// Gives an idle id its next epoch, or a new producer id where the epochs are used up.
    private mutating func bump(
        _ current: TransactionMetadata,
        claim: Claim,
        timeoutMilliseconds: Int32,
        now: Timestamp
    ) -> TransactionDecision {
        var next = current
        next.state = .empty
        next.partitions = []
        next.startTime = .none
        next.timeoutMilliseconds = timeoutMilliseconds
        next.nextProducerID = .none
        next.lastEpoch = claim == .newOwner ? .none : current.epoch
        if current.isEpochExhausted {
            next.previousProducerID = current.producerID
            next.producerID = producerIDs.take()
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
}
