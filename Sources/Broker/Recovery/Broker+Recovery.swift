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
            findHangingTransactions(in: partition)
        }
        var touched = endHangingTransactions()
        let ids = Dictionary(uniqueKeysWithValues: topics().map { ($0.name, $0.id) })
        for shard in offsetShards.withLock({ $0 }) where shard.unavailability == nil {
            clean(shard) { $0.dropForeign(currentIDs: ids) }
            counting { () throws(BrokerError) in try putBackPositions(of: shard) }
            if shard.partition.isDirty { touched.append(shard.partition) }
        }
        counting { () throws(BrokerError) in try flush(touched) }
    }

    /// With relaxed durability a crash may take records that a group has read. Others get their
    /// offsets then, which the group must not pass over: its position is put back to the end.
    private func putBackPositions(of shard: OffsetShard) throws(BrokerError) {
        let found = try shard.withOffsets { offsets in
            offsets.groups.flatMap { group in
                offsets.partitions(of: group).compactMap { name in
                    offsets.latest(of: name, group: group).map {
                        OffsetRecord(group: group, partition: name, value: $0)
                    }
                }
            }
        }
        for var record in found {
            guard
                let partition = topic(record.partition.topic)?.partition(
                    record.partition.partition
                ),
                partition.log.isRelaxed, let position = record.value?.offset,
                position > partition.log.certainEnd, let end = try? partition.log.bounds.logEnd,
                position > end,
                let append = try shard.withOffsets({ $0.beginAppend(of: record.group) })
            else { continue }
            record.value?.offset = end
            try shard.write(
                [record],
                append,
                now: time.wallTime(),
                producerID: .none,
                epoch: .none
            )
            let note =
                "the group \(record.group) goes on at offset \(end.rawValue) of "
                + "\(record.partition), not at \(position.rawValue): records before it were lost "
                + "with the machine, as millrace.durability=relaxed allows"
            laterNotes.withLock { $0.append(note) }
        }
    }

    /// Does what concerns one partition or shard; its failure is its own.
    func counting(_ body: () throws(BrokerError) -> Void) {
        do throws(BrokerError) { try body() } catch { counters.countFailure() }
    }

    private func finish(_ shard: TransactionShard) throws(BrokerError) {
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
            missing.partitions = order.partitions.filter { !isMarked($0, by: order) }
            try shard.withState { $0.markers.add(missing) }
        }
        writeMarkers(of: shard)
    }

    /// Whether a partition has the marker of this order; false where it cannot be read.
    private func isMarked(_ id: TopicIDPartition, by order: MarkerOrder) -> Bool {
        guard let partition = existing([id]).first,
            let producers = try? partition.log.activeProducers,
            let producer = producers.first(where: { $0.producerID == order.producerID })
        else { return false }
        if producer.currentTransactionFirstOffset != nil {
            return !order.ends(openEpoch: producer.epoch)
        }
        return order.hasBumpedEpoch && producer.epoch >= order.epoch
    }
}
