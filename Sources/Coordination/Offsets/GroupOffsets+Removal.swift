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

    /// Removes the offsets of groups that have had no member and no commit for as long as Kafka's
    /// `offsets.retention.minutes` says, and those of old clients that set a time themselves. Never
    /// while an open transaction holds an offset of the group.
    package mutating func expire(
        now: Timestamp,
        retentionMilliseconds: Int64,
        activeGroups: Set<ExactText>
    ) -> OffsetRemoval? {
        let held = Set(pendingCounts.keys.map(\.group))
        let expired = silentGroups(now: now, retentionMilliseconds: retentionMilliseconds)
        return removal { group, _, value in
            guard !held.contains(group), !activeGroups.contains(group) else { return false }
            return value.expireTime == .none ? expired.contains(group) : value.expireTime <= now
        }
    }

    /// Removes positions of a group, all of them for nil.
    package mutating func remove(
        _ partitions: Set<TopicPartition>?,
        of group: String
    ) -> OffsetRemoval? {
        let id = ExactText(group)
        return removal { name, key, _ in
            name == id && (partitions?.contains(key.partition) ?? true)
        }
    }

    /// Whether `remove` has anything to remove.
    package func hasAny(of partitions: Set<TopicPartition>?, group: String) -> Bool {
        let held = pending.values.lazy.flatMap(\.keys).filter { $0.group == ExactText(group) }
        let names = self.partitions(of: group) + held.map(\.partition)
        return names.contains { partitions?.contains($0) ?? true }
    }

    /// Whether `expire` would find anything, were no group active.
    package func mayExpire(now: Timestamp, retentionMilliseconds: Int64) -> Bool {
        !silentGroups(now: now, retentionMilliseconds: retentionMilliseconds).isEmpty
            || committed.values.contains { offsets in
                offsets.values.contains {
                    $0.value.expireTime != .none && $0.value.expireTime <= now
                }
            }
    }

    /// The groups whose last commit is as old.
    private func silentGroups(now: Timestamp, retentionMilliseconds: Int64) -> Set<ExactText> {
        var silent: Set<ExactText> = []
        for (group, offsets) in committed {
            let lastCommit = offsets.values.reduce(Timestamp(.min)) {
                max($0, $1.value.commitTime)
            }
            if lastCommit.advanced(byMilliseconds: retentionMilliseconds) <= now {
                silent.insert(group)
            }
        }
        return silent
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

/// Tombstones to append and to apply; then `finishAppend`.
package struct OffsetRemoval: Equatable, Sendable {
    /// Sorted.
    package let records: [OffsetRecord]
    package let append: OffsetAppend
}
