package import Bytes
package import LogModel

/// Offsets that cease to count: their topic was deleted, or their group is gone.
///
/// Each is removed by a tombstone, which must not hit an offset that is committed meanwhile: a
/// removal takes only groups for which nothing is being appended, and keeps them to itself until
/// `finishAppend`. What it leaves out comes with a later one.
extension GroupOffsets {
    /// No removal has more records: the caller asks again until there is none.
    package static let removalRecordLimit = 1000

    /// Removes the offsets of a deleted topic, those that open transactions hold included. Groups
    /// that are busy keep theirs until `dropForeign`; nothing is answered from them meanwhile.
    package mutating func removeTopic(_ id: UniqueID, name: String) -> OffsetRemoval? {
        removal { _, key, value in key.partition.topic == name && value.belongs(to: id) }
    }

    /// Removes the offsets of topics that do not exist, or not with that id: of topics deleted
    /// while a crash, or a commit on its way, came in between. Those of `kept` topics stay, which
    /// are of another table of topics.
    package mutating func dropForeign(
        currentIDs: [String: UniqueID],
        kept: Set<UniqueID> = []
    ) -> OffsetRemoval? {
        removal { _, key, value in
            if kept.contains(value.topicID) { return false }
            guard let id = currentIDs[key.partition.topic] else { return true }
            return !value.belongs(to: id)
        }
    }

    /// Keeps groups to whoever removes positions of them: nobody else may begin to append for one
    /// from here on. Those who have begun come to their end: wait until it `isAlone`.
    package mutating func beginRemoval(of groups: Set<ExactText>) -> OffsetAppend {
        window.begin(groups: groups, isRemoval: true)
    }

    /// Whether nothing else is appended for the groups of this removal.
    package func isAlone(_ removal: OffsetAppend) -> Bool { window.isAlone(removal) }

    /// Tombstones for those of a group's positions that a removal means and that are there now,
    /// those that open transactions hold among them; sorted by partition. To be asked within
    /// `beginRemoval`, or what is committed meanwhile is hit by them.
    package func tombstones(
        of group: String,
        _ removal: PositionRemoval
    ) -> [OffsetRecord] {
        let id = ExactText(group)
        let known = committed[id] ?? [:]
        let partitions: Set<TopicPartition>
        switch removal {
        case .all: partitions = Set(known.keys).union((pendingCounts[id] ?? [:]).keys)
        case .partitions(let named):
            partitions = named.filter { known[$0] != nil || isPending($0, group: group) }
        case .expired(let now, let retention):
            partitions = expired(in: id, now: now, retentionMilliseconds: retention)
        }
        return partitions.sorted().map { OffsetRecord(group: group, partition: $0, value: nil) }
    }

    /// The groups that have positions which `.expired` means, sorted; members are not looked at.
    package func expiredGroups(now: Timestamp, retentionMilliseconds: Int64) -> [ExactText] {
        committed.keys.filter {
            !expired(in: $0, now: now, retentionMilliseconds: retentionMilliseconds).isEmpty
        }.sorted()
    }

    private func expired(
        in group: ExactText,
        now: Timestamp,
        retentionMilliseconds: Int64
    ) -> Set<TopicPartition> {
        guard pendingCounts[group] == nil, let positions = committed[group] else { return [] }
        let lastCommit = positions.values.reduce(Timestamp(.min)) { max($0, $1.value.commitTime) }
        let isSilent = lastCommit.advanced(byMilliseconds: retentionMilliseconds) <= now
        let over = positions.filter { _, located in
            let time = located.value.expireTime
            return time == .none ? isSilent : time <= now
        }
        return Set(over.keys)
    }

    /// Tombstones for what `isRemoved` says, of groups that are not busy; nil if there are none.
    private mutating func removal(
        where isRemoved: (_ group: ExactText, Key, CommittedOffset) -> Bool
    ) -> OffsetRemoval? {
        var keys: Set<Key> = []
        for (group, offsets) in committed where !window.isBusy(group) {
            for (partition, located) in offsets {
                let key = Key(group: group, partition: partition)
                if isRemoved(group, key, located.value) { keys.insert(key) }
            }
        }
        for held in pending.values {
            for (key, located) in held
            where !window.isBusy(key.group) && isRemoved(key.group, key, located.value) {
                keys.insert(key)
            }
        }
        guard !keys.isEmpty else { return nil }
        let records = keys.sorted { ($0.group, $0.partition) < ($1.group, $1.partition) }
            .prefix(Self.removalRecordLimit)
            .map { OffsetRecord(group: $0.group.text, partition: $0.partition, value: nil) }
        let append = window.begin(groups: Set(records.map { ExactText($0.group) }), isRemoval: true)
        return OffsetRemoval(records: records, append: append)
    }
}

/// Positions of one group that are to be removed.
package enum PositionRemoval: Equatable, Sendable {
    /// All of them: the group is deleted.
    case all
    case partitions(Set<TopicPartition>)
    /// Those of a group that has had no commit for as long as Kafka's `offsets.retention.minutes`
    /// says, and those of old clients that set a time themselves. Never while an open transaction
    /// holds a position of the group.
    case expired(now: Timestamp, retentionMilliseconds: Int64)
}

/// Tombstones to append and to apply; then `finishAppend`.
package struct OffsetRemoval: Equatable, Sendable {
    /// Sorted.
    package let records: [OffsetRecord]
    package let append: OffsetAppend
}
