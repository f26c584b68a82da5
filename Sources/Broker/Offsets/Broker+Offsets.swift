import Bytes
package import Coordination
package import LogModel
import LogStorage
import Threads

/// Committed offsets of groups.
extension Broker {
    /// Commits offsets of a group outside any transaction; durable on return.
    package func commitOffsets(
        group: String,
        _ offsets: [TopicPartition: CommittedOffset]
    ) throws(BrokerError) {
        let records = try records(of: offsets, group: group)
        let shard = try offsetShard(of: group)
        try space.claim(0, for: shard.partition.name)
        guard !records.isEmpty else { return }
        let append = try beginAppend(of: group, in: shard)
        try shard.write(
            records,
            append,
            now: time.wallTime(),
            producerID: .none,
            epoch: .none
        )
        try flush([shard.partition])
    }

    /// Adds offsets to the open transaction (or opens one): they count once it is committed.
    package func addOffsets(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        group: String,
        offsets: [TopicPartition: CommittedOffset],
        mustBeDurable: Bool = false
    ) throws(BrokerError) -> TransactionReply {
        let records = try records(of: offsets, group: group)
        let shard = try offsetShard(of: group)
        let reply = try addPartitions(
            transactionalID: transactionalID,
            producerID: producerID,
            epoch: epoch,
            partitions: [shard.partition.name],
            mustBeDurable: mustBeDurable
        )
        guard reply == .done, !records.isEmpty else { return reply }
        let append = try beginAppend(of: group, in: shard)
        do throws(BrokerError) {
            // The partition takes it only while the transaction is open there. An end that came
            // in between has closed it, whether or not its marker has a higher epoch.
            try shard.write(
                records,
                append,
                now: time.wallTime(),
                producerID: producerID,
                epoch: epoch
            )
        } catch {
            switch error {
            case .refused(.invalidProducerEpoch, _), .refused(.invalidTransactionState, _):
                return .error(.invalidProducerEpoch)
            default: throw error
            }
        }
        if mustBeDurable { try flush([shard.partition]) }
        return reply
    }

    /// The partition of `__consumer_offsets` that holds a group's offsets.
    package func offsetsPartition(of group: String) throws(BrokerError) -> TopicPartition {
        try offsetShard(of: group).partition.name
    }

    /// Kafka's answer to offsets of a transaction: `.none` if it is open and the group was added.
    package func verifyOffsets(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        group: String
    ) throws(BrokerError) -> KafkaErrorCode {
        let partition = try offsetShard(of: group).partition.id
        return try transactionShard(of: transactionalID).read {
            $0.verify(
                transactionalID: transactionalID,
                producerID: producerID,
                epoch: epoch,
                partition: partition
            )
        }
    }

    /// What a group has committed, for these partitions (nil: for all that it has). Nothing is
    /// told that a crash could take back: offsets count here once they are in the log, so what was
    /// found is flushed before it is told: a group of this process `isOwn`, and keeps its positions
    /// as long as the process lives. Behind the look, for more may come in while it is.
    package func committedOffsets(
        group: String,
        partitions: [TopicPartition]?,
        requireStable: Bool,
        isOwn: Bool = true
    ) throws(BrokerError) -> [TopicPartition: OffsetAnswer] {
        try checkOpen()
        if isOwn {
            let topics = Set((partitions ?? []).map(\.topic))
            liveGroups.withLock { groups in
                groups[ExactText(group), default: LiveGroup()].read.formUnion(topics)
            }
        }
        try putPositionsBack(of: group)
        guard let shard = try existingOffsetShard(of: group) else { return [:] }
        let answers = try answers(group, partitions, in: shard, requireStable: requireStable)
        if shard.partition.isDirty { try flush([shard.partition]) }
        return answers
    }

    private func answers(
        _ group: String,
        _ partitions: [TopicPartition]?,
        in shard: OffsetShard,
        requireStable: Bool
    ) throws(BrokerError) -> [TopicPartition: OffsetAnswer] {
        var names = partitions ?? []
        if partitions == nil { names = try shard.withOffsets { $0.partitions(of: group) } }
        let topics = topicSnapshot()
        let ids = names.compactMap { name in
            topics.topic(name.topic).map { TopicIDPartition($0.id, name) }
        }
        return try shard.withOffsets { offsets in
            var answers: [TopicPartition: OffsetAnswer] = [:]
            for id in ids {
                let answer = offsets.offset(of: id, group: group, requireStable: requireStable)
                if answer != .none { answers[id.name] = answer }
            }
            return answers
        }
    }

    /// The groups that have committed offsets, sorted.
    package func groups() -> [String] {
        offsetShards.withLock { $0 }.flatMap { (try? $0.withOffsets { $0.groups }) ?? [] }.sorted()
    }

    /// The records of these offsets, without those of a topic that is gone or that another one has
    /// replaced, where the caller says which it means. Refuses partitions that do not exist, and
    /// metadata that is too long.
    func records(
        of offsets: [TopicPartition: CommittedOffset],
        group: String
    ) throws(BrokerError) -> [OffsetRecord] {
        let code = GroupOffsets.check(offsets.values)
        guard code == .none else {
            throw .refused(
                code,
                "offset metadata may have \(GroupOffsets.metadataLengthLimit) characters"
            )
        }
        var records: [OffsetRecord] = []
        let topics = topicSnapshot()
        for (name, value) in offsets.sorted(by: { $0.key < $1.key }) {
            var value = value
            if value.topicID != .zero, topics.topic(name.topic) == nil { continue }
            let topicID = try topics.find(name).id.topicID
            guard value.topicID == .zero || value.topicID == topicID else { continue }
            value.topicID = topicID
            // The log's clock decides when it expires, not a client's.
            value.commitTime = time.wallTime()
            records.append(OffsetRecord(group: group, partition: name, value: value))
        }
        return records
    }

    /// Announces an append for a group; waits while offsets of the group are being removed.
    func beginAppend(
        of group: String,
        in shard: OffsetShard
    ) throws(BrokerError) -> OffsetAppend {
        while true {
            try checkOpen()
            if let append = try shard.withOffsets({ $0.beginAppend(of: group) }) { return append }
            _ = change.wait(since: change.current, timeout: .milliseconds(20))
        }
    }

    /// Announces what a round of decisions appends; where it removes positions, nobody else appends
    /// for that group from here on.
    func beginAppends(
        of round: [GroupWrite],
        in shard: OffsetShard
    ) throws(BrokerError) -> [OffsetAppend] {
        func groups(_ isOne: (GroupWrite) -> Bool) -> Set<ExactText> {
            Set(round.filter(isOne).map { ExactText($0.group) })
        }
        let removing = groups { $0.removal != nil }
        var appends: [OffsetAppend] = []
        do throws(BrokerError) {
            for group in groups({ !$0.offsets.isEmpty }).subtracting(removing).sorted() {
                appends.append(try beginAppend(of: group.text, in: shard))
            }
            guard !removing.isEmpty else { return appends }
            let removal = try shard.withOffsets { $0.beginRemoval(of: removing) }
            appends.append(removal)
            while try !shard.withOffsets({ $0.isAlone(removal) }) {
                try checkOpen()
                _ = change.wait(since: change.current, timeout: .milliseconds(20))
            }
            return appends
        } catch {
            for append in appends { try? shard.withOffsets { $0.finishAppend(append) } }
            throw error
        }
    }

    /// Appends tombstones for what `removal` finds, until it finds no more.
    func clean(_ shard: OffsetShard, _ removal: (inout GroupOffsets) -> OffsetRemoval?) {
        do throws(BrokerError) {
            while let removed = try shard.withOffsets({ removal(&$0) }) {
                try shard.write(
                    removed.records,
                    removed.append,
                    now: time.wallTime(),
                    producerID: .none,
                    epoch: .none
                )
                change.raise()
            }
        } catch {
            counters.countFailure()
        }
    }

    // MARK: Shards

    /// The shard that holds this group's offsets.
    func offsetShard(of group: String) throws(BrokerError) -> OffsetShard {
        try checkOpen()
        // All of them are there or none: the topic never grows.
        let existing = offsetShards.withLock { Self.shard(of: group, in: $0) }
        if let existing { return existing }
        let partitions = try internalPartitions(.consumerOffsets)
        let shards = offsetShards.withLock { shards in
            for partition in partitions.dropFirst(shards.count) {
                shards.append(OffsetShard(partition: partition, offsets: GroupOffsets()))
            }
            return shards
        }
        guard let shard = Self.shard(of: group, in: shards) else {
            throw Self.unknown(InternalTopic.consumerOffsets.rawValue)
        }
        return shard
    }

    private static func shard(of group: String, in shards: [OffsetShard]) -> OffsetShard? {
        guard !shards.isEmpty else { return nil }
        return shards[Int(coordinatorPartition(of: group, count: Int32(shards.count)))]
    }

    /// The same for who only asks: nil where no group was ever written of.
    func existingOffsetShard(of group: String) throws(BrokerError) -> OffsetShard? {
        try checkOpen()
        let existing = offsetShards.withLock { Self.shard(of: group, in: $0) }
        if let existing { return existing }
        guard topic(InternalTopic.consumerOffsets.rawValue) != nil else { return nil }
        return try offsetShard(of: group)
    }

    func offsetShard(at index: PartitionIndex) -> OffsetShard? {
        offsetShards.withLock { shards in
            shards.indices.contains(Int(index.rawValue)) ? shards[Int(index.rawValue)] : nil
        }
    }
}
