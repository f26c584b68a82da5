import Bytes
package import Coordination
package import LogModel
import LogStorage
import Synchronization

/// Requests to the transaction coordinator.
extension Broker {
    /// Makes the caller the owner of `transactionalID`, or gives a fresh idempotent producer for
    /// nil. Answers CONCURRENT_TRANSACTIONS while an earlier owner's transaction is being ended.
    package func initProducerID(
        transactionalID: String?,
        timeout: Duration,
        expected: (producerID: ProducerID, epoch: ProducerEpoch) = (.none, .none)
    ) throws(BrokerError) -> TransactionReply {
        let now = time.wallTime()
        let milliseconds = timeout.wholeMilliseconds
        guard let transactionalID else {
            try grantProducerIDs()
            let decision = coordinator.withLock {
                $0.transactions.initProducerID(
                    transactionalID: nil,
                    timeoutMilliseconds: milliseconds,
                    now: now
                )
            }
            guard case .reply(let reply) = decision else { return .done }
            return reply
        }
        return try decide(transactionalID) {
            $0.initProducerID(
                transactionalID: transactionalID,
                timeoutMilliseconds: milliseconds,
                expected: expected,
                now: now
            )
        }
    }

    /// Like `initProducerID`, and waits until what an earlier owner left open is ended.
    package func takeOver(
        transactionalID: String,
        timeout: Duration
    ) throws(BrokerError) -> TransactionReply {
        try untilSettled { () throws(BrokerError) in
            try initProducerID(transactionalID: transactionalID, timeout: timeout)
        }
    }

    /// Adds partitions to the open transaction, or opens one. Without `mustBeDurable` (for owners
    /// that bump their epoch at each end) nothing is flushed: see `TransactionCoordinator`.
    package func addPartitions(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        partitions: [TopicPartition],
        mustBeDurable: Bool = true
    ) throws(BrokerError) -> TransactionReply {
        for partition in partitions {
            // One that takes no marker must not get into a transaction.
            if let reason = try find(partition).log.readOnlyReason {
                throw .readOnly("\(partition) takes no more: \(reason)")
            }
        }
        let now = time.wallTime()
        return try decide(transactionalID) {
            $0.addPartitions(
                transactionalID: transactionalID,
                producerID: producerID,
                epoch: epoch,
                partitions: partitions,
                mustBeDurable: mustBeDurable,
                now: now
            )
        }
    }

    /// Ends the transaction. For a commit every partition of it is flushed first, in parallel;
    /// then the Prepare record, flushed, is the commit point, and the call returns. Markers and
    /// the Complete record follow, in the background where there are threads.
    package func endTransaction(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        result: TransactionResult,
        bumpsEpoch: Bool = true
    ) throws(BrokerError) -> TransactionReply {
        if result == .commit, let transaction = describeTransaction(transactionalID),
            transaction.state == .ongoing, transaction.producerID == producerID,
            transaction.epoch == epoch
        {
            try flush(existing(transaction.partitions.sorted()))
        }
        let now = time.wallTime()
        return try decide(transactionalID) {
            $0.endTransaction(
                transactionalID: transactionalID,
                producerID: producerID,
                epoch: epoch,
                result: result,
                bumpsEpoch: bumpsEpoch,
                now: now
            )
        }
    }

    /// Asks again, each time something changed, while the answer is CONCURRENT_TRANSACTIONS; gives
    /// up after half a minute, as when a full disk takes no markers.
    package func untilSettled(
        _ request: () throws(BrokerError) -> TransactionReply
    ) throws(BrokerError) -> TransactionReply {
        var attempts = 0
        let begin = time.monotonicNanoseconds()
        while true {
            let signal = change.current
            let reply = try request()
            guard reply == .error(.concurrentTransactions) else { return reply }
            attempts += 1
            if configuration.execution == .inline {
                // Everything was done on this thread: what is not settled now will not be.
                guard attempts < 3 else { return reply }
            } else {
                _ = change.wait(since: signal, timeout: .milliseconds(100))
                try checkOpen()
                guard time.monotonicNanoseconds() - begin < 30_000_000_000 else { return reply }
            }
        }
    }

    /// What is known of a transactional id; nil if nothing is.
    package func describeTransaction(_ transactionalID: String) -> TransactionMetadata? {
        coordinator.withLock { $0.transactions.describe(transactionalID) }
    }

    /// All transactional ids, sorted.
    package func transactionalIDs() -> [String] {
        coordinator.withLock { $0.transactions.transactionalIDs }
    }

    /// Whether the holder of a fenced pair may ask for the next epoch, because the coordinator
    /// fenced it (timeout) and nobody took over.
    package func canResume(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch
    ) -> Bool {
        coordinator.withLock {
            $0.transactions.canResume(transactionalID, producerID: producerID, epoch: epoch)
        }
    }

    /// Lets the coordinator decide, appends and flushes the record that it asks for, and sees to
    /// the markers that follow.
    func decide(
        _ id: String,
        _ body: (inout TransactionCoordinator) -> TransactionDecision
    ) throws(BrokerError) -> TransactionReply {
        try checkOpen()
        let partition = try transactionPartition(of: id)
        try grantProducerIDs()
        let now = time.wallTime()
        let step = coordinator.withLock { state in
            if let error = state.undecided[id] { return Step.failed(error) }
            return Self.step(body(&state.transactions), id, in: partition, now: now, &state)
        }
        switch step {
        case .answered(let continuation): return conclude(continuation)
        case .failed(let error): throw error
        case .written:
            do throws(BrokerError) {
                try partition.flush()
            } catch {
                coordinator.withLock { $0.undecided[id] = error }
                throw error
            }
            return conclude(coordinator.withLock { $0.transactions.appended(id) })
        }
    }

    enum Step {
        case answered(TransactionContinuation)
        case written
        case failed(BrokerError)
    }

    /// Carries out a decision under the coordinator lock.
    static func step(
        _ decision: TransactionDecision,
        _ id: String,
        in partition: Partition,
        now: Timestamp,
        _ state: inout CoordinatorState
    ) -> Step {
        switch decision {
        case .reply(let reply):
            return .answered(TransactionContinuation(reply: reply, markers: nil))
        case .append(let record, let mustBeDurable):
            do throws(BrokerError) {
                var batch = CoordinatorBatch(now: now)
                try batch.add(record)
                _ = try batch.append(to: partition)
            } catch {
                state.transactions.appendFailed(id)
                return .failed(error)
            }
            if mustBeDurable { return .written }
            return .answered(state.transactions.appended(id))
        }
    }

    /// Sees to the markers of a decided transaction, then answers.
    func conclude(_ continuation: TransactionContinuation) -> TransactionReply {
        if let order = continuation.markers {
            counters.countEnd(isCommit: order.result == .commit)
            if let pool = pool.withLock({ $0 }) {
                pool.add(.markers(MarkerJob(order: order)))
            } else {
                finish(order)
            }
        }
        return continuation.reply
    }

    /// The partition of `__transaction_state` that holds this id's records.
    func transactionPartition(of id: String) throws(BrokerError) -> Partition {
        let partitions = try internalPartitions(.transactionState)
        let index = coordinatorPartition(of: id, count: Int32(partitions.count))
        return partitions[Int(index)]
    }

    /// Those of these partitions that exist still.
    func existing(_ names: [TopicPartition]) -> [Partition] {
        topicTable.withLock { table in
            names.compactMap { table[$0.topic]?.partition($0.partition) }
        }
    }

    /// Makes sure that the coordinator has a producer id to give, from a durable block.
    private func grantProducerIDs() throws(BrokerError) {
        let failure = coordinator.withLock { state -> BrokerError? in
            guard state.transactions.producerIDs.isEmpty else { return nil }
            let end = state.transactions.producerIDs.nextGrantedEnd
            do throws(BrokerError) {
                try producerIDFile.write(end)
                state.transactions.producerIDs.grant(upTo: end)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }
}
