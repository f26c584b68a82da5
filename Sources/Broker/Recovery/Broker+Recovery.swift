import Coordination
import LogModel
import LogStorage
import Threads

/// The transactions that a crash left.
extension Broker {
    /// Ends every decided transaction as it was decided, aborts those whose owner died with the
    /// last process, then what partitions hold open without a record of it; forgets offsets of
    /// topics that are gone. Done again by the next open if a crash comes in between. A partition
    /// that takes no records or markers keeps its transactions open until the housekeeping has
    /// better luck, everything else goes on.
    func finishWhatACrashLeft() {
        for shard in transactionShards.withLock({ $0 }) where shard.unavailability == nil {
            counting { () throws(BrokerError) in try finish(shard) }
        }
        for partition in topics().flatMap(\.partitions) where partition.log.mayHaveOpenTransactions
        {
            if !findHangingTransactions(in: partition) {
                comingBack.withLock { $0.noteUnread(partition.id) }
            }
        }
        for shard in transactionShards.withLock({ $0 }) where shard.unavailability == nil {
            counting { () throws(BrokerError) in try goOn(with: shard) }
        }
        var touched = endHangingTransactions()
        let ids = Dictionary(uniqueKeysWithValues: topics().map { ($0.name, $0.id) })
        for shard in offsetShards.withLock({ $0 }) where shard.unavailability == nil {
            clean(shard) {
                $0.dropForeign(currentIDs: ids, kept: dataDirectory.unnamedTopics)
            }
            counting { () throws(BrokerError) in try findPositionsBehindTheEnd(of: shard) }
        }
        counting { () throws(BrokerError) in try putPositionsBack() }
        for shard in offsetShards.withLock({ $0 }) where shard.partition.isDirty {
            touched.append(shard.partition)
        }
        counting { () throws(BrokerError) in try flush(touched) }
    }

    /// A log may have lost records that a group has read: with relaxed durability in a crash, else
    /// in a backup in parts, or by a person who gave damaged ones up. Others get their offsets
    /// then, which the group must not pass over: its position is to be put back to where the log
    /// ends now, before anybody is told of it. Not where the log is damaged: its records may come
    /// back.
    func findPositionsBehindTheEnd(
        of shard: OffsetShard,
        in only: Partition? = nil
    ) throws(BrokerError) {
        let found = try shard.withOffsets { offsets in
            offsets.groups.flatMap { group in
                offsets.partitions(of: group).compactMap { name in
                    offsets.latest(of: name, group: group).map {
                        OffsetRecord(group: group, partition: name, value: $0)
                    }
                }
            }
        }
        // Positions themselves can be of a later time than what they are in.
        let isOfAnotherTime = shard.partition.log.isOfUnknownEnd
        for record in found where only.map({ $0.name == record.partition }) ?? true {
            guard
                let topic = topic(record.partition.topic),
                record.value?.belongs(to: topic.id) == true,
                let partition = topic.partition(record.partition.partition),
                partition.log.isRelaxed || partition.log.isOfUnknownEnd || isOfAnotherTime,
                let position = record.value?.offset, position > partition.log.certainEnd,
                let end = try? partition.log.bounds.logEnd, position > end,
                partition.log.readOnlyReason == nil
            else { continue }
            putBacks.withLock { $0.append(PositionPutBack(record: record, end: end)) }
        }
    }

    /// Puts those positions back. One that cannot be now is tried again, by the housekeeping and by
    /// whoever asks for positions; it keeps no other one.
    ///
    /// - Throws: why one of `group` cannot be.
    func putPositionsBack(of group: String? = nil) throws(BrokerError) {
        let failure = putBacks.withLock { waiting -> BrokerError? in
            var left: [PositionPutBack] = []
            var failure: BrokerError?
            for item in waiting {
                do throws(BrokerError) { try putBack(item) } catch {
                    counters.countFailure()
                    if item.record.group == group { failure = failure ?? error }
                    left.append(item)
                }
            }
            waiting = left
            return failure
        }
        if let failure { throw failure }
    }

    private func putBack(_ item: PositionPutBack) throws(BrokerError) {
        let shard = try offsetShard(of: item.record.group)
        let group = item.record.group
        let latest = try shard.withOffsets { offsets in
            offsets.latest(of: item.record.partition, group: group)
        }
        // Committed anew since.
        guard latest == item.record.value else { return }
        let append = try beginAppend(of: group, in: shard)
        var record = item.record
        record.value?.offset = item.end
        try shard.write(
            [record],
            append,
            now: time.wallTime(),
            producerID: .none,
            epoch: .none
        )
        let position = item.record.value?.offset ?? item.end
        let note =
            "the group \(record.group) goes on at offset \(item.end.rawValue) of "
            + "\(record.partition), not at \(position.rawValue): the log ends there, and records "
            + "before the old position were lost"
        laterNotes.withLock { $0.append(note) }
    }

    /// Does what concerns one partition or shard; its failure is its own.
    func counting(_ body: () throws(BrokerError) -> Void) {
        do throws(BrokerError) { try body() } catch { counters.countFailure() }
    }

    func finish(_ shard: TransactionShard) throws(BrokerError) {
        let now = time.wallTime()
        let orphans = try shard.withState { $0.coordinator.recoveryDecisions(now: now) }
        for decision in orphans {
            guard case .append(let record, let mustBeDurable, let needed) = decision else {
                continue
            }
            counting { () throws(BrokerError) in
                _ = try write(
                    record,
                    mustBeDurable: mustBeDurable,
                    with: needed,
                    waitingForRoom: false,
                    in: shard
                )
            }
        }
        let orders = try shard.withState { $0.coordinator.unfinishedOrders() }
        for order in orders {
            // Where the marker is in the log already, a second one might end a later transaction.
            var missing = order
            missing.partitions = order.partitions.filter { id in
                do throws(BrokerError) { return try !isMarked(id, by: order) } catch {
                    comingBack.withLock { $0.noteUnread(id) }
                    return true
                }
            }
            try shard.withState { $0.markers.add(missing) }
        }
        writeMarkers(of: shard)
    }

    /// Lets partitions, or one, take batches of transactions whose owner may still be there.
    func goOn(with shard: TransactionShard, in only: Partition? = nil) throws(BrokerError) {
        for transaction in try shard.read({ $0.transactionsThatGoOn }) {
            for partition in existing(transaction.partitions)
            where only.map({ $0.id == partition.id }) ?? true {
                counting { () throws(BrokerError) in
                    try storing(partition.name.description) { () throws(LogStorageError) in
                        try partition.log.beginTransaction(
                            producerID: transaction.producerID,
                            epoch: transaction.epoch
                        )
                    }
                }
            }
        }
    }

    /// Whether a partition that the start could not read has the marker of this order.
    func wasMarkedBefore(
        _ id: TopicIDPartition,
        by order: MarkerOrder
    ) throws(BrokerError) -> Bool {
        guard comingBack.withLock({ $0.unread.contains(id) }) else { return false }
        return try isMarked(id, by: order)
    }

    /// Whether a partition has the marker of this order.
    private func isMarked(
        _ id: TopicIDPartition,
        by order: MarkerOrder
    ) throws(BrokerError) -> Bool {
        guard let partition = existing([id]).first else { return false }
        let producers = try storing(id.description) { () throws(LogStorageError) in
            try partition.log.activeProducers
        }
        guard let producer = producers.first(where: { $0.producerID == order.producerID }) else {
            return false
        }
        if producer.currentTransactionFirstOffset != nil {
            return !order.ends(openEpoch: producer.epoch)
        }
        return order.hasBumpedEpoch && producer.epoch >= order.epoch
    }
}

/// A group's position that lies behind the end of a log which lost records.
struct PositionPutBack: Sendable {
    /// As it was found.
    let record: OffsetRecord
    /// Where the log ended.
    let end: Offset
}
