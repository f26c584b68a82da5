package import Coordination
package import LogModel
package import LogStorage
import Threads

/// What can be seen of the log from outside, by somebody who must not hold it up: nothing here
/// waits for a lock that is held over the disk, or opens a partition.
extension Broker {
    /// What the groups of the journal were like.
    package var flushProbe: FlushProbe { dataDirectory.groups.probe }

    /// The fdatasyncs of the journal and of segments so far.
    package var fdatasyncCount: Int { dataDirectory.fdatasyncCount }

    /// The counters that any thread adds to; those of the journal are the probe's.
    package var countedStatistics: BrokerStatistics { counters.values }

    /// Bytes that are kept free: with less the log takes nothing.
    package var reservedByteCount: Int64 { configuration.reservedByteCount }

    /// Every group, sorted; those behind the limit are only counted. Of a group so many positions
    /// at most are told; the others of all groups are counted.
    package func observeGroups(
        limit: Int,
        positionLimit: Int
    ) -> (groups: [GroupObservation], count: Int, leftOutPositionCount: Int) {
        var found: [ExactText: (group: GroupObservation, shard: OffsetShard)] = [:]
        for shard in offsetShards.withLock({ $0 }) where shard.unavailability == nil {
            let named = (try? shard.withOffsets { $0.groups }) ?? []
            for id in named { found[id] = (GroupObservation(id: id), shard) }
            let members = shard.groups.withLock { state in
                state.groups.values.filter { !$0.isUntouched }.map { group in
                    let told = group.description
                    return GroupObservation(
                        id: told.id,
                        state: told.state,
                        memberCount: told.members.count
                    )
                }
                    + state.consumers.values.map { group in
                        GroupObservation(
                            id: group.id,
                            state: group.stateName,
                            memberCount: group.members.count
                        )
                    }
            }
            for group in members { found[group.id] = (group, shard) }
        }
        let ids = found.keys.sorted()
        var chosen: [GroupObservation] = []
        var leftOutCount = 0
        for id in ids {
            guard let (known, shard) = found[id] else { continue }
            let count = (try? shard.withOffsets { $0.positionCount(of: id) }) ?? 0
            guard chosen.count < limit else {
                leftOutCount += count
                continue
            }
            leftOutCount += max(0, count - positionLimit)
            var group = known
            group.positions = Self.positions(of: id.text, in: shard, limit: positionLimit)
            chosen.append(group)
        }
        return (chosen, ids.count, leftOutCount)
    }

    private static func positions(
        of group: String,
        in shard: OffsetShard,
        limit: Int
    ) -> [TopicPartition: Offset] {
        let positions = try? shard.withOffsets { offsets in
            let known = offsets.partitions(of: group).prefix(limit).compactMap { partition in
                offsets.latest(of: partition, group: group).map { (partition, $0.offset) }
            }
            // A negative one is a legal "none".
            return Dictionary(known.filter { $0.1 >= .zero }) { $1 }
        }
        return positions ?? [:]
    }

    /// The transactions that are open or on their way to an end.
    package func observeTransactions() -> [TransactionMetadata] {
        transactionShards.withLock { $0 }.flatMap { shard in
            (try? shard.read { $0.unfinishedTransactions }) ?? []
        }
    }
}

/// A group as it is seen from outside.
package struct GroupObservation: Equatable, Sendable {
    package let id: String
    /// Kafka's word for it.
    package var state = "Empty"
    package var memberCount = 0
    /// The next offsets that it reads.
    package var positions: [TopicPartition: Offset] = [:]
}
