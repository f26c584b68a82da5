import Bytes
package import Coordination
package import LogModel
import LogStorage
import Threads

/// Requests to the transaction coordinator.
extension Broker {
    /// Makes the caller the owner of `transactionalID`, or gives a fresh idempotent producer for
    /// nil. Answers CONCURRENT_TRANSACTIONS while an earlier owner's transaction is being ended.
    /// An owner `isRemote` where it may outlive this process.
    package func initProducerID(
        transactionalID: String?,
        timeout: Duration,
        expected: (producerID: ProducerID, epoch: ProducerEpoch) = (.none, .none),
        isRemote: Bool = false
    ) throws(BrokerError) -> TransactionReply {
        guard let transactionalID else {
            try checkOpen()
            return .producer(try producerIDs.take(), ProducerEpoch(0))
        }
        let now = time.wallTime()
        return try decide(transactionalID) { coordinator, freshID in
            coordinator.initProducerID(
                transactionalID: transactionalID,
                timeoutMilliseconds: timeout.shortMilliseconds,
                expected: expected,
                isRemote: isRemote,
                freshID: freshID,
                now: now
            )
        }
    }

    /// Like `initProducerID`, and waits until what an earlier owner left open is ended.
    package func takeOver(
        transactionalID: String,
        timeout: Duration
    ) throws(BrokerError) -> TransactionReply {
        try untilSettled(transactionalID) { () throws(BrokerError) in
            try initProducerID(transactionalID: transactionalID, timeout: timeout)
        }
    }

    /// Adds partitions to the open transaction, or opens one. Without `mustBeDurable` (for owners
    /// that bump their epoch at each end) nothing is flushed: see `TransactionCoordinator`. Answers
    /// CONCURRENT_TRANSACTIONS while a partition holds an older transaction of the producer open.
    /// Where there is no room for records no transaction begins: its end would cost room too.
    package func addPartitions(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        partitions names: [TopicPartition],
        mustBeDurable: Bool = true,
        clientVersion: Int16? = nil
    ) throws(BrokerError) -> TransactionReply {
        var partitions: [Partition] = []
        for name in names {
            let partition = try find(name)
            try space.requireRoom(for: name)
            // One that takes no marker must not get into a transaction.
            if let reason = partition.log.readOnlyReason {
                throw .readOnly("\(name) takes no more: \(reason)")
            }
            // Nor one that would end another's along with it.
            if let open = try partition.openTransactionEpoch(of: producerID), open < epoch,
                let owner = describeTransaction(transactionalID),
                owner.producerID == producerID, owner.epoch == epoch
            {
                return .error(.concurrentTransactions)
            }
            partitions.append(partition)
        }
        let ids = partitions.map(\.id)
        let now = time.wallTime()
        let reply = try decide(transactionalID) { coordinator, _ in
            coordinator.addPartitions(
                transactionalID: transactionalID,
                producerID: producerID,
                epoch: epoch,
                partitions: ids,
                mustBeDurable: mustBeDurable,
                clientVersion: clientVersion,
                now: now
            )
        }
        guard reply == .done else { return reply }
        try begin(in: partitions, producerID, epoch)
        return reply
    }

    /// Has partitions that are in a transaction take its records.
    private func begin(
        in partitions: [Partition],
        _ producerID: ProducerID,
        _ epoch: ProducerEpoch
    ) throws(BrokerError) {
        for partition in partitions {
            try storing(partition.name.description) { () throws(LogStorageError) in
                try partition.log.beginTransaction(producerID: producerID, epoch: epoch)
            }
        }
    }

    /// Puts a partition into the open transaction where that has the one of its name, of a topic
    /// that was deleted since. Durable on return: no record is in a partition that the coordinator
    /// does not know of.
    func addSuccessor(
        _ partition: Partition,
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch
    ) throws(BrokerError) -> KafkaErrorCode {
        try space.requireRoom(for: partition.name)
        if let reason = partition.log.readOnlyReason {
            throw .readOnly("\(partition.name) takes no more: \(reason)")
        }
        let now = time.wallTime()
        let reply = try decide(transactionalID) { coordinator, _ in
            coordinator.addSuccessor(
                transactionalID: transactionalID,
                producerID: producerID,
                epoch: epoch,
                partition: partition.id,
                now: now
            )
        }
        switch reply {
        case .done, .producer: break
        case .error(.producerFenced): return .invalidProducerEpoch
        case .error(let code): return code
        }
        try begin(in: [partition], producerID, epoch)
        return .none
    }

    /// Ends the transaction. A commit's Prepare record and everything that the transaction wrote
    /// become durable in one group, the commit point; then the call returns. Markers and the
    /// Complete record follow, in the background where there are threads.
    package func endTransaction(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        result: TransactionResult,
        bumpsEpoch: Bool = true
    ) throws(BrokerError) -> TransactionReply {
        let now = time.wallTime()
        return try decide(transactionalID) { coordinator, freshID in
            coordinator.endTransaction(
                transactionalID: transactionalID,
                producerID: producerID,
                epoch: epoch,
                result: result,
                bumpsEpoch: bumpsEpoch,
                freshID: freshID,
                now: now
            )
        }
    }

    /// Asks again, each time something of this id's shard was settled, while the answer is
    /// CONCURRENT_TRANSACTIONS; gives up after a while, as when a partition takes no marker, so
    /// that who asks can look whether it is to stop.
    package func untilSettled(
        _ transactionalID: String,
        atMost limit: Duration = .seconds(3),
        _ request: () throws(BrokerError) -> TransactionReply
    ) throws(BrokerError) -> TransactionReply {
        var attempts = 0
        let begin = time.monotonicNanoseconds()
        let shard = try transactionShard(of: transactionalID)
        while true {
            let signal = shard.signal
            let reply = try request()
            guard reply == .error(.concurrentTransactions) else { return reply }
            attempts += 1
            if configuration.execution == .inline {
                // Everything was done on this thread: what is not settled now will not be.
                guard attempts < 3 else { return reply }
            } else {
                shard.wait(since: signal, atMost: min(limit, .milliseconds(100)))
                try checkOpen()
                let passed = (time.monotonicNanoseconds() &- begin) / 1_000_000
                guard passed < UInt64(limit.wholeMilliseconds) else { return reply }
            }
        }
    }

    /// What is known of a transactional id; nil if nothing is.
    package func describeTransaction(_ transactionalID: String) -> TransactionMetadata? {
        guard let shard = knownShard(of: transactionalID) else { return nil }
        return try? shard.read { $0.describe(transactionalID) }
    }

    /// All transactional ids, sorted.
    package func transactionalIDs() -> [String] {
        transactionShards.withLock { $0 }
            .flatMap { (try? $0.read { $0.transactionalIDs }) ?? [] }.sorted()
    }

    /// Whether the holder of a fenced pair may ask for the next epoch, because the coordinator
    /// fenced it (timeout) and nobody took over.
    package func canResume(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch
    ) -> Bool {
        guard let shard = knownShard(of: transactionalID) else { return false }
        let answer = try? shard.read {
            $0.canResume(transactionalID, producerID: producerID, epoch: epoch)
        }
        return answer ?? false
    }

    /// The partitions that refuse markers, with the reasons.
    package func refusedMarkers() -> [MarkerRefusal] {
        transactionShards.withLock { $0 }
            .flatMap { (try? $0.withState { $0.markers.refusals }) ?? [] }
            + hangingEnds.withLock { $0.refusals }
    }

    // MARK: Shards

    /// The shard that decides about this id.
    func transactionShard(of id: String) throws(BrokerError) -> TransactionShard {
        try checkOpen()
        let partitions = try internalPartitions(.transactionState)
        let shards = transactionShards.withLock { shards in
            for partition in partitions.dropFirst(shards.count) {
                shards.append(
                    TransactionShard(partition: partition, coordinator: configuration.coordinator)
                )
            }
            return shards
        }
        return shards[Int(coordinatorPartition(of: id, count: Int32(shards.count)))]
    }

    func knownShard(of id: String) -> TransactionShard? {
        let shards = transactionShards.withLock { $0 }
        guard !shards.isEmpty else { return nil }
        return shards[Int(coordinatorPartition(of: id, count: Int32(shards.count)))]
    }

    // MARK: Deciding

    /// Lets the coordinator decide, writes the record that it asks for, and sees to the markers
    /// that follow. What nobody asked for does not wait for a full disk: it goes on by itself.
    func decide(
        _ id: String,
        waitingForRoom: Bool = true,
        _ body: (inout TransactionCoordinator, ProducerID?) -> TransactionDecision
    ) throws(BrokerError) -> TransactionReply {
        let shard = try transactionShard(of: id)
        var freshID: ProducerID?
        while true {
            let decision = try shard.withState { body(&$0.coordinator, freshID) }
            switch decision {
            case .reply(let reply): return reply
            case .needsProducerID: freshID = try producerIDs.take()
            case .append(let record, let mustBeDurable, let needed):
                let continuation = try write(
                    record,
                    mustBeDurable: mustBeDurable,
                    with: needed,
                    waitingForRoom: waitingForRoom,
                    in: shard
                )
                return try conclude(continuation, in: shard)
            }
        }
    }

    /// Appends a record of the coordinator, with what has to be durable if it is. A Complete record
    /// comes with the order that it `completes`, whose place the id's next transaction may take as
    /// soon as the record counts.
    func write(
        _ record: TransactionRecord,
        mustBeDurable: Bool,
        with needed: [TopicIDPartition],
        completing order: MarkerOrder? = nil,
        waitingForRoom: Bool = true,
        in shard: TransactionShard
    ) throws(BrokerError) -> TransactionContinuation {
        let id = record.transactionalID
        let promised = existing(needed)
        let at: Offset
        do throws(BrokerError) {
            if !promised.isEmpty { try promise(promised, in: shard) }
            var batch = CoordinatorBatch(now: time.wallTime())
            try batch.add(record)
            at = try batch.append(to: shard.partition)
        } catch {
            try shard.withState { $0.coordinator.appendFailed(id) }
            shard.raise()
            throw error
        }
        if mustBeDurable {
            do throws(BrokerError) {
                let limit: UInt64 = waitingForRoom ? 3_000_000_000 : 0
                try flush([shard.partition] + promised, waitingForRoom: limit)
            } catch {
                try settle(id, recordAt: at, after: error, in: shard)
            }
        }
        let continuation = try shard.withState { state in
            if let order { state.markers.completed(order) }
            return state.coordinator.appended(id)
        }
        shard.raise()
        return continuation
    }

    /// Sees to it that what was appended to these partitions is durable with the shard's next
    /// record, or before: bulk is flushed now, the rest goes into the same group.
    private func promise(
        _ partitions: [Partition],
        in shard: TransactionShard
    ) throws(BrokerError) {
        let logs = partitions.map(\.log)
        dataDirectory.groups.syncPromised(logs)
        for partition in partitions {
            // One that was deleted a moment ago is none that the commit counts on.
            if let reason = partition.log.readOnlyReason, !existing([partition.id]).isEmpty {
                throw .readOnly("\(partition.name) takes no more: \(reason)")
            }
        }
        dataDirectory.groups.depend(shard.partition.log, on: logs)
    }

    /// Flushes records that are in the log and must not stay undecided: a full disk is waited for,
    /// some nanoseconds (see `UndecidedRecord`).
    private func flush(
        _ partitions: [Partition],
        waitingForRoom limit: UInt64
    ) throws(BrokerError) {
        let begin = time.monotonicNanoseconds()
        while true {
            do throws(BrokerError) {
                return try flush(partitions)
            } catch .full(let what) {
                guard configuration.execution != .inline,
                    time.monotonicNanoseconds() - begin < limit
                else { throw .full(what) }
                try checkOpen()
                _ = change.wait(since: change.current, timeout: .milliseconds(100))
            }
        }
    }

    /// Sees to the markers of a decided transaction, then answers.
    func conclude(
        _ continuation: TransactionContinuation,
        in shard: TransactionShard
    ) throws(BrokerError) -> TransactionReply {
        if let order = continuation.markers {
            counters.countEnd(isCommit: order.result == .commit)
            try shard.withState { $0.markers.add(order) }
            soon { [self] in writeMarkers(of: shard) }
        }
        return continuation.reply
    }
}

extension BrokerConfiguration {
    /// A shard's coordinator with nothing in it.
    var coordinator: TransactionCoordinator {
        TransactionCoordinator(
            maximumTimeoutMilliseconds: maximumTransactionTimeout.shortMilliseconds
        )
    }
}
