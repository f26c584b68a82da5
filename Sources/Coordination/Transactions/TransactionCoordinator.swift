package import LogModel

/// The transaction coordinator: who owns each transactional id, and how each transaction ends.
/// One value for each partition of `__transaction_state`, with the ids whose records lie there.
///
/// A request is one of three things: an answer at once; or a record to append first (`append`),
/// after which `appended` gives the answer and, where an outcome was decided, the markers to write;
/// or, for markers that are all durable, `markersWritten` and the Complete record. The record is
/// appended and flushed while nobody holds the coordinator: as long as a record of an id is on its
/// way, every other request for that id answers CONCURRENT_TRANSACTIONS, so that records of one id
/// reach the log in the order of the decisions. Those of different ids may change places.
///
/// Values only: the time and fresh producer ids are parameters, the shell appends, flushes and
/// locks.
package struct TransactionCoordinator: Sendable {
    /// One transactional id.
    struct Entry: Sendable {
        /// As the log has it; epoch `.none` if it has nothing yet.
        var current: TransactionMetadata
        /// What the log has as soon as the record on its way is in it.
        var pending: Pending?

        /// Why no request can be answered now; nil if one can.
        var refusal: KafkaErrorCode? {
            guard let pending else { return nil }
            return pending.isUncertain ? .kafkaStorageError : .concurrentTransactions
        }

        /// Whether the open transaction has these partitions already, whatever more of them are on
        /// their way: a client writes to the ones while it announces the others.
        func holds(_ partitions: some Sequence<TopicIDPartition>) -> Bool {
            guard current.state == .ongoing, let pending, !pending.decidesEnd, !pending.isUncertain
            else { return false }
            return partitions.allSatisfy(current.partitions.contains)
        }
    }

    struct Pending: Sendable {
        var next: TransactionMetadata
        var reply: TransactionReply
        var decidesEnd: Bool
        /// Its flush failed: only a restart can tell whether the log has it.
        var isUncertain = false
    }

    enum Ownership {
        case owner(TransactionMetadata)
        case refused(KafkaErrorCode)
    }

    /// Kafka's `transaction.max.timeout.ms`.
    package let maximumTimeoutMilliseconds: Int32
    /// Kafka's `transactional.id.expiration.ms`: 7 days.
    package let idleExpirationMilliseconds: Int64
    private(set) var entries: [ExactText: Entry] = [:]
    /// The ids by the producer id that they have now.
    private(set) var owners: [ProducerID: ExactText] = [:]

    package init(
        maximumTimeoutMilliseconds: Int32 = 900_000,
        idleExpirationMilliseconds: Int64 = 7 * 24 * 3_600_000
    ) {
        self.maximumTimeoutMilliseconds = maximumTimeoutMilliseconds
        self.idleExpirationMilliseconds = idleExpirationMilliseconds
    }

    /// Adds partitions to the transaction, which begins if none is open. Kafka's TV1 clients rely
    /// on the record being durable; an owner that bumps its epoch at each end does not: what a
    /// crash leaves without a record is recognised by its epoch. So only its first partitions get
    /// one; the Prepare record names all. `clientVersion` is the transaction version that the owner
    /// speaks, where that is known before its end.
    package mutating func addPartitions(
        transactionalID id: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        partitions: some Sequence<TopicIDPartition>,
        mustBeDurable: Bool = true,
        clientVersion: Int16? = nil,
        now: Timestamp
    ) -> TransactionDecision {
        if case .refused(let code) = owned(id, producerID: producerID, epoch: epoch) {
            return .reply(.error(code))
        }
        if entries[id]?.holds(partitions) == true { return .reply(.done) }
        if let code = entries[id]?.refusal { return .reply(.error(code)) }
        let state = entries[id]?.current.state ?? .empty
        if state.isPreparing { return .reply(.error(.concurrentTransactions)) }
        if state == .ongoing, join(partitions, id, inMemory: !mustBeDurable) {
            return .reply(.done)
        }
        guard var next = entries[id]?.current else { return .reply(.error(.invalidRequest)) }
        next.partitions.formUnion(partitions)
        if state != .ongoing { next.startTime = now }
        next.state = .ongoing
        if let clientVersion { next.clientVersion = clientVersion }
        return propose(next, reply: .done, mustBeDurable: mustBeDurable, now: now)
    }

    /// Takes the partition of a topic that was made anew into the open transaction that has the one
    /// of its name, durably: Kafka knows partitions by their names alone. Opens no transaction.
    package mutating func addSuccessor(
        transactionalID id: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        partition: TopicIDPartition,
        now: Timestamp
    ) -> TransactionDecision {
        if let current = entries[id]?.current, current.epoch == epoch,
            current.state != .ongoing
                || !current.partitions.contains(where: { $0.name == partition.name })
        {
            return .reply(.error(.transactionAbortable))
        }
        return addPartitions(
            transactionalID: id,
            producerID: producerID,
            epoch: epoch,
            partitions: [partition],
            now: now
        )
    }

    /// Has transactions that were begun while the clock was ahead begin at `now`, in memory alone:
    /// their time-outs must not wait for the clock to come there again.
    package mutating func beginNoTransaction(after now: Timestamp) {
        for (id, entry) in entries
        where entry.current.state == .ongoing && entry.current.startTime > now {
            entries[id]?.current.startTime = now
        }
    }

    /// Takes partitions into an open transaction without a record; false where one is needed. In
    /// place: a transaction may have many, and each comes with a call of its own.
    private mutating func join(
        _ partitions: some Sequence<TopicIDPartition>,
        _ id: String,
        inMemory: Bool
    ) -> Bool {
        for partition in partitions {
            if entries[id]?.current.partitions.contains(partition) == true { continue }
            guard inMemory else { return false }
            entries[id]?.current.partitions.insert(partition)
        }
        return true
    }

    /// Kafka's answer to a batch of this producer for `partition`: `.none` if the partition is in
    /// its open transaction, whose end is not on its way either.
    package func verify(
        transactionalID id: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        partition: TopicIDPartition
    ) -> KafkaErrorCode {
        guard let entry = entries[id], entry.current.epoch != .none,
            entry.current.producerID == producerID
        else { return .invalidProducerIDMapping }
        guard entry.current.epoch == epoch else { return .invalidProducerEpoch }
        if let pending = entry.pending, pending.decidesEnd { return .concurrentTransactions }
        guard entry.current.state == .ongoing, entry.current.partitions.contains(partition) else {
            return .transactionAbortable
        }
        return .none
    }

    /// The state of one id, as the log has it.
    package func describe(_ transactionalID: String) -> TransactionMetadata? {
        guard let entry = entries[transactionalID], entry.current.epoch != .none else { return nil }
        return entry.current
    }

    /// All ids, sorted.
    package var transactionalIDs: [String] {
        entries.filter { $0.value.current.epoch != .none }.keys.sorted().map(\.text)
    }

    /// Those that are open or on their way to an end, in no order.
    package var unfinishedTransactions: [TransactionMetadata] {
        entries.values.lazy.map(\.current).filter { $0.epoch != .none && !$0.state.isIdle }
    }

    /// The record on its way is in the log (and flushed, if it had to be).
    package mutating func appended(_ id: String) -> TransactionContinuation {
        guard let pending = entries[id]?.pending else {
            preconditionFailure("no record of \(id) is on its way")
        }
        if pending.next.state == .dead {
            set(nil, for: id)
            return TransactionContinuation(reply: pending.reply, markers: nil)
        }
        set(Entry(current: pending.next), for: id)
        let order = pending.decidesEnd ? Self.markerOrder(for: pending.next) : nil
        return TransactionContinuation(reply: pending.reply, markers: order)
    }

    /// The record on its way never reached the log: nothing happened.
    package mutating func appendFailed(_ id: String) {
        guard let entry = entries[id], entry.pending != nil else {
            preconditionFailure("no record of \(id) is on its way")
        }
        set(entry.current.epoch == .none ? nil : Entry(current: entry.current), for: id)
    }

    /// Nobody can tell whether the record on its way is in the log, because its flush failed. Only
    /// a restart can: until then every request for the id answers KAFKA_STORAGE_ERROR.
    package mutating func appendUncertain(_ id: String) {
        guard var entry = entries[id], entry.pending != nil else {
            preconditionFailure("no record of \(id) is on its way")
        }
        entry.pending?.isUncertain = true
        set(entry, for: id)
    }

    /// The owner's metadata, or why the pair is no owner's. Nobody owns the last epoch, which is
    /// kept for fencing.
    func owned(
        _ id: String,
        producerID: ProducerID,
        epoch: ProducerEpoch
    ) -> Ownership {
        guard !id.isEmpty else { return .refused(.invalidRequest) }
        guard let entry = entries[id], entry.current.epoch != .none,
            entry.current.producerID == producerID
        else { return .refused(.invalidProducerIDMapping) }
        guard entry.current.epoch == epoch, epoch <= TransactionMetadata.lastClientEpoch else {
            return .refused(.producerFenced)
        }
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
        set(entry, for: id)
        let value = next.state == .dead ? nil : next.durablePart
        return .append(
            TransactionRecord(transactionalID: id, value: value),
            mustBeDurable: mustBeDurable,
            flushedWith: next.state == .prepareCommit ? next.partitions.sorted() : []
        )
    }

    /// The one place where entries change, so that `owners` follows.
    mutating func set(_ entry: Entry?, for id: String) {
        let old = entries[id]?.current.producerID
        let new = entry?.current.producerID
        if old != new {
            if let old, owners[old] == ExactText(id) { owners[old] = nil }
            if let new { owners[new] = ExactText(id) }
        }
        entries[id] = entry
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
}
