import Coordination
import LogModel
import LogStorage
import Threads

/// Transactions of the last process that partitions hold open, and that no coordinator ends.
///
/// Each is a producer's in a partition. What takes no marker now is tried again by the
/// housekeeping; until it has one the partition takes no later transaction of that producer id,
/// for that one's end would be the end of both.
extension Broker {
    /// Finds what the last process left open in a partition, and puts its ends where they are tried
    /// until they are written: those of decided transactions are their coordinator's, the others
    /// ours. With `newShard` only those that could not be judged before it was read.
    ///
    /// - Returns: False where the partition cannot be opened just now.
    @discardableResult
    func findHangingTransactions(
        in partition: Partition,
        judgedBy newShard: TransactionShard? = nil
    ) -> Bool {
        let producers: [ActiveProducer]
        do throws(LogStorageError) { producers = try partition.log.producersFoundOpen } catch {
            return !partition.log.mayOpenLater(after: error)
        }
        guard partition.log.readOnlyReason == nil else { return true }
        for producer in producers {
            counting { () throws(BrokerError) in
                try place(producer, of: partition, judgedBy: newShard)
            }
        }
        return true
    }

    private func place(
        _ producer: ActiveProducer,
        of partition: Partition,
        judgedBy newShard: TransactionShard?
    ) throws(BrokerError) {
        if let newShard, isJudgedElsewhere(producer.producerID, than: newShard) { return }
        switch try fate(of: producer, in: partition) {
        case .keep:
            try storing(partition.name.description) { () throws(LogStorageError) in
                try partition.log.beginTransaction(
                    producerID: producer.producerID,
                    epoch: producer.epoch
                )
            }
        case .end(let order):
            guard let shard = knownShard(of: order.transactionalID) else { return }
            try shard.withState { $0.markers.add(order) }
            writeMarkers(of: shard)
        case .abort:
            let order = MarkerOrder(
                transactionalID: "",
                producerID: producer.producerID,
                epoch: producer.epoch,
                result: .abort,
                partitions: [partition.id],
                hasBumpedEpoch: false
            )
            hangingEnds.withLock { $0.add(order) }
        }
    }

    /// Writes the ends that are due; the partitions that have one now, not durable yet.
    func endHangingTransactions() -> [Partition] {
        let now = time.wallTime()
        var written: [Partition] = []
        for work in hangingEnds.withLock({ $0.takeDue(now: now) }) {
            var outcomes: [TopicIDPartition: MarkerOutcome] = [:]
            for id in work.partitions { outcomes[id] = end(work.order, in: id, &written) }
            hangingEnds.withLock { [outcomes] ends in
                // No coordinator knows of it: there is no Complete record.
                let isDone = ends.record(outcomes, of: work.order, now: now)
                if isDone { ends.completed(work.order) }
            }
        }
        return written
    }

    private func end(
        _ order: MarkerOrder,
        in id: TopicIDPartition,
        _ written: inout [Partition]
    ) -> MarkerOutcome {
        guard let partition = existing([id]).first else { return fateOfMissing(id) }
        do throws(BrokerError) {
            // A coordinator may have ended it meanwhile, with a marker of a higher epoch.
            guard let open = try partition.openTransactionEpoch(of: order.producerID),
                order.ends(openEpoch: open)
            else { return .durable }
            // The log refuses a marker of a coordinator older than the producer's last one.
            let known = try partition.coordinatorEpoch(of: order.producerID)
            try appendMarker(
                order,
                to: partition,
                coordinatorEpoch: max(known, Self.coordinatorEpoch)
            )
            written.append(partition)
            return .durable
        } catch {
            counters.countFailure()
            return .refused(error.description, lacksRoom: error.isFull)
        }
    }

    /// Whether another shard has the producer: then it was judged at the start, and what it has
    /// open now may be its owner's of today.
    private func isJudgedElsewhere(_ id: ProducerID, than newShard: TransactionShard) -> Bool {
        transactionShards.withLock { $0 }.contains { shard in
            shard !== newShard && (try? shard.read { $0.owns(id) }) == true
        }
    }

    private func fate(
        of producer: ActiveProducer,
        in partition: Partition
    ) throws(BrokerError) -> OpenTransactionFate {
        var answers: [OpenTransactionFate?] = []
        var isEveryShardRead = true
        for shard in transactionShards.withLock({ $0 }) {
            guard shard.unavailability == nil else {
                isEveryShardRead = false
                continue
            }
            answers.append(
                try shard.withState {
                    $0.coordinator.fate(
                        producerID: producer.producerID,
                        epoch: producer.epoch,
                        partition: partition.id
                    )
                }
            )
        }
        return OpenTransactionFate.decided(by: answers, isEveryShardRead: isEveryShardRead)
    }
}
