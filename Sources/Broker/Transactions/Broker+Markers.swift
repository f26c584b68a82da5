import Bytes
import Coordination
package import LogModel
import LogStorage
import Synchronization
import Threads

/// The ends of decided transactions, and what time brings.
extension Broker {
    /// Ours never rises. What Kafka wrote may tell of later ones, of producers that no coordinator
    /// of ours knows.
    static let coordinatorEpoch: Int32 = 0

    /// Writes the markers of a shard that are due, and the Complete records of what is done. A
    /// partition that refuses its marker is tried again later, by itself.
    func writeMarkers(of shard: TransactionShard) {
        do throws(BrokerError) {
            let now = time.wallTime()
            let works = try shard.withState { $0.markers.takeDue(now: now) }
            for work in works { try write(work, of: shard) }
        } catch {
            counters.countFailure()
        }
        shard.raise()
    }

    private func write(_ work: MarkerWork, of shard: TransactionShard) throws(BrokerError) {
        var written: [Partition] = []
        let outcomes = outcomes(of: work, &written)
        let now = time.wallTime()
        let isReady = try shard.withState {
            $0.markers.record(outcomes, of: work.order, now: now)
        }
        if isReady { try complete(work.order, behind: written, of: shard) }
        // Readers see the records once the markers are durable: with the next group, or soon. The
        // Complete goes with them: without it a start would write them once more.
        dataDirectory.groups.flushSoon(
            written.map(\.log) + (isReady ? [shard.partition.log] : [])
        )
    }

    private func outcomes(
        of work: MarkerWork,
        _ written: inout [Partition]
    ) -> [TopicIDPartition: MarkerOutcome] {
        var outcomes: [TopicIDPartition: MarkerOutcome] = [:]
        for id in work.partitions {
            guard let partition = existing([id]).first else {
                outcomes[id] = fateOfMissing(id)
                continue
            }
            do throws(BrokerError) {
                if try !wasMarkedBefore(id, by: work.order) {
                    try appendMarker(work.order, to: partition)
                    written.append(partition)
                }
                outcomes[id] = .durable
            } catch {
                outcomes[id] = .refused(error.description, lacksRoom: error.isFull)
            }
        }
        return outcomes
    }

    /// What becomes of a marker whose partition the table does not name: the topic was deleted, or
    /// the table is another one, and the right one may be put back.
    func fateOfMissing(_ id: TopicIDPartition) -> MarkerOutcome {
        guard dataDirectory.unnamedTopics.contains(id.topicID),
            dataDirectory.hasFolder(of: id.name)
        else { return .gone }
        return .refused(
            "millrace.topics does not name the topic of \(id), which was not deleted: put the file "
                + "back as it was, or remove the folder \(id)"
        )
    }

    /// Appends one marker; for offsets, also what it does to them.
    func appendMarker(
        _ order: MarkerOrder,
        to partition: Partition,
        coordinatorEpoch: Int32 = Broker.coordinatorEpoch
    ) throws(BrokerError) {
        guard partition.name.topic == InternalTopic.consumerOffsets.rawValue,
            let shard = offsetShard(at: partition.name.partition)
        else {
            _ = try partition.appendMarker(order, coordinatorEpoch: coordinatorEpoch)
            return
        }
        try shard.appendMarker(order, coordinatorEpoch: coordinatorEpoch)
    }

    /// Appends the Complete record. Its markers are in the logs, and no group takes the one
    /// without the others, so that the next transaction may begin before any of it is durable.
    func complete(
        _ order: MarkerOrder,
        behind written: [Partition],
        of shard: TransactionShard
    ) throws(BrokerError) {
        let now = time.wallTime()
        let marked = existing(order.partitions) + written
        dataDirectory.groups.depend(shard.partition.log, on: marked.map(\.log))
        do throws(BrokerError) {
            let decision = try shard.withState { $0.coordinator.markersWritten(order, now: now) }
            guard case .append(let record, _, _) = decision else {
                return try shard.withState { $0.markers.completed(order) }
            }
            _ = try write(record, mustBeDurable: false, with: [], completing: order, in: shard)
        } catch {
            try shard.withState {
                $0.markers.completionFailed(order, reason: error.description, now: now)
            }
        }
    }

    /// Takes out offsets that were committed long ago. A consumer that is quiet for long keeps its
    /// positions while it lives, as in Kafka. There the broker lives on while a consumer is away;
    /// here both end and start together, so the first minutes are the consumers' to ask.
    private func expireOffsets(now: Timestamp) {
        let age = (time.monotonicNanoseconds() &- openingTime) / 1_000_000
        guard age >= UInt64(configuration.offsetsExpirationDelay.wholeMilliseconds) else { return }
        let retention = configuration.offsetsRetention.wholeMilliseconds
        for shard in offsetShards.withLock({ $0 }) {
            let own = liveGroups.withLock { Set($0.keys) }.union(jobGroups.map { ExactText($0) })
            do throws(BrokerError) {
                try expireOffsets(of: shard, now: now, retention: retention, kept: own)
            } catch {
                counters.countFailure()
            }
        }
    }

    /// The partitions of the coordinators' topics that tell of a job: of its group, and of these
    /// transactional ids and those that it had before.
    package func coordinatorPartitions(
        group: String,
        transactionalIDs: [String]
    ) -> Set<TopicPartition> {
        let earlier = self.transactionalIDs().filter {
            Self.jobGroup(ofTransactionalID: $0) == group
        }
        var found: Set<TopicPartition> = []
        for (kind, names) in [
            (InternalTopic.consumerOffsets, [group]),
            (.transactionState, transactionalIDs + earlier),
        ] {
            guard let count = topic(kind.rawValue)?.partitions.count, count > 0 else { continue }
            for name in names {
                let index: Int32 = coordinatorPartition(of: name, count: Int32(count))
                found.insert(TopicPartition(kind.rawValue, PartitionIndex(index)))
            }
        }
        return found
    }

    /// The groups of jobs: a job's positions are half of its state, and stay as long as its stores
    /// and changelogs do. Topics say so of their owner; a job that has none is known by the names
    /// of its transactional ids, which are kept as long as the group has positions.
    package var jobGroups: Set<String> {
        // Those of other processes are clients', whatever their names are.
        let own = transactionalIDs().filter { describeTransaction($0)?.isRemote == false }
        return jobsWithTopics.union(own.compactMap(Self.jobGroup))
    }

    /// The jobs that topics say they belong to.
    var jobsWithTopics: Set<String> { topicTable.withLock { $0.jobs() } }

    /// The group of the job that names its transactional ids so: the group, a dash, a number.
    private static func jobGroup(ofTransactionalID id: String) -> String? {
        guard let dash = id.lastIndex(of: "-"), Int(id[id.index(after: dash)...]) != nil else {
            return nil
        }
        return String(id[..<dash])
    }

    /// Whether an id that is idle for long stays: its job's positions are there.
    private func isNeeded(_ id: String) -> Bool {
        guard let transaction = describeTransaction(id), transaction.state.isIdle,
            !transaction.isRemote, let group = Self.jobGroup(ofTransactionalID: id),
            topic(InternalTopic.consumerOffsets.rawValue) != nil
        else { return false }
        let hasPositions = try? offsetShard(of: group).withOffsets {
            !$0.partitions(of: group).isEmpty
        }
        // Where nobody can tell, it stays.
        return hasPositions ?? true
    }

    /// Aborts transactions that took too long, ends what could not be ended before, applies
    /// retention. Called by a thread of its own, or stepped in simulation.
    package func housekeeping(now: Timestamp) {
        // First what makes room, for the rest may need some.
        applyRetention(now: now)
        tryAgainWhatWasOffline()
        for shard in transactionShards.withLock({ $0 }) {
            settleUndecided(of: shard)
            writeMarkers(of: shard)
            expireTransactions(of: shard, now: now)
        }
        dataDirectory.groups.flushSoon(endHangingTransactions().map(\.log))
        counting { () throws(BrokerError) in try putPositionsBack() }
        expireOffsets(now: now)
        dataDirectory.groups.flushOverdue()
        let overdue = topics().flatMap(\.partitions).filter(\.log.isOverdue)
        do throws(BrokerError) { try flush(overdue) } catch { counters.countFailure() }
        let since = time.monotonicNanoseconds() &- lastWriteBack.load(ordering: .relaxed)
        if since / 1_000_000 > UInt64(configuration.writeBackInterval.wholeMilliseconds) {
            background { [self] in writeBack() }
        }
    }

    /// Aborts transactions that took longer than their timeout, and forgets idle ids.
    package func expireTransactions(now: Timestamp) {
        for shard in transactionShards.withLock({ $0 }) { expireTransactions(of: shard, now: now) }
    }

    private func expireTransactions(of shard: TransactionShard, now: Timestamp) {
        let due = try? shard.withState { state in
            state.coordinator.beginNoTransaction(after: now)
            return state.coordinator.dueIDs(now: now)
        }
        for id in due ?? [] where !isNeeded(id) {
            do throws(BrokerError) {
                _ = try decide(id, waitingForRoom: false) { coordinator, _ in
                    coordinator.expire(id, now: now)
                }
            } catch {
                counters.countFailure()
            }
        }
    }

    /// What was deleted of a topic elsewhere: markers that wait for it, and offsets of groups.
    func forget(_ topic: Topic) {
        for shard in transactionShards.withLock({ $0 }) {
            let ready = (try? shard.withState { $0.markers.topicRemoved(topic.id) }) ?? []
            for order in ready {
                do throws(BrokerError) { try complete(order, behind: [], of: shard) } catch {
                    counters.countFailure()
                }
            }
            shard.raise()
        }
        for shard in offsetShards.withLock({ $0 }) {
            clean(shard) { $0.removeTopic(topic.id, name: topic.name) }
        }
    }
}
