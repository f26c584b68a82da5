package import LogModel

/// The committed offsets of every group, as the log of `__consumer_offsets` tells them.
///
/// State changes only by `apply` and `end`, in the order of the log, live and at a restart alike:
/// live state is replayed state by construction. An offset inside a transaction is pending until
/// the marker; then, of several commits for one partition, the one whose record lies further on in
/// the log counts, whichever was materialised first.
package struct GroupOffsets: Equatable, Sendable {
    /// The longest metadata that a client may attach, in bytes of UTF-8.
    package static let metadataByteLimit = 4096

    struct Located: Equatable, Sendable {
        var value: CommittedOffset
        /// Where its record lies in the log.
        var recordOffset: Offset
    }

    private struct GroupPartition: Hashable, Sendable {
        var group: String
        var partition: TopicPartition
    }

    private var committed: [String: [TopicPartition: Located]] = [:]
    /// What open transactions hold, by producer id: epochs of one id never overlap.
    private var pending: [ProducerID: [GroupPartition: Located]] = [:]
    /// How many open transactions hold an offset of a group's partition.
    private var pendingCounts: [GroupPartition: Int] = [:]

    package init() {}

    /// Whether these offsets may be committed; `.none` if so.
    package static func check(_ values: some Sequence<CommittedOffset>) -> KafkaErrorCode {
        values.contains { $0.metadata.utf8.count > metadataByteLimit }
            ? .offsetMetadataTooLarge : .none
    }

    /// Takes over a record of the log. `producerID` is that of a transactional batch, else `.none`.
    package mutating func apply(
        _ record: OffsetRecord,
        at recordOffset: Offset,
        producerID: ProducerID = .none
    ) {
        let key = GroupPartition(group: record.group, partition: record.partition)
        guard let value = record.value else { return remove(key) }
        let located = Located(value: value, recordOffset: recordOffset)
        guard producerID != .none else { return commit(located, to: key) }
        if pending[producerID, default: [:]].updateValue(located, forKey: key) == nil {
            pendingCounts[key, default: 0] += 1
        }
    }

    /// Takes over a marker: what the producer's transaction held counts from here on, or is gone.
    package mutating func end(producerID: ProducerID, result: TransactionResult) {
        guard let held = pending.removeValue(forKey: producerID) else { return }
        for (key, located) in held {
            if let count = pendingCounts[key], count > 1 {
                pendingCounts[key] = count - 1
            } else {
                pendingCounts[key] = nil
            }
            if result == .commit { commit(located, to: key) }
        }
    }

    /// The committed offset, `.unstableOffsetCommit` if a stable one was asked for while an open
    /// transaction may still change it, nil if there is none.
    package func offset(
        of partition: TopicPartition,
        group: String,
        requireStable: Bool
    ) -> OffsetAnswer {
        if requireStable, isPending(partition, group: group) { return .unstable }
        guard let located = committed[group]?[partition] else { return .none }
        return .committed(located.value)
    }

    /// Whether an open transaction holds an offset of this partition.
    package func isPending(_ partition: TopicPartition, group: String) -> Bool {
        pendingCounts[GroupPartition(group: group, partition: partition)] != nil
    }

    /// The partitions of a group that have an offset, sorted.
    package func partitions(of group: String) -> [TopicPartition] {
        committed[group]?.keys.sorted() ?? []
    }

    /// The groups that have an offset, sorted.
    package var groups: [String] { committed.keys.sorted() }

    /// Records that say all that the log says, sorted; nil while a transaction is open.
    package func settledRecords() -> [OffsetRecord]? {
        guard pending.isEmpty else { return nil }
        return groups.flatMap { group in
            partitions(of: group).map { partition in
                OffsetRecord(
                    group: group,
                    partition: partition,
                    value: committed[group]?[partition]?.value
                )
            }
        }
    }

    /// The producers whose open transactions hold offsets, sorted.
    package var pendingProducers: [ProducerID] { pending.keys.sorted() }

    /// Stops with a message if the state contradicts itself.
    package func checkInvariants() {
        var counts: [GroupPartition: Int] = [:]
        for (producerID, held) in pending {
            precondition(producerID != .none && !held.isEmpty, "a transaction that holds nothing")
            for key in held.keys { counts[key, default: 0] += 1 }
        }
        precondition(counts == pendingCounts, "the pending offsets are not those counted")
        precondition(!committed.values.contains { $0.isEmpty }, "a group without offsets")
    }

    private mutating func commit(_ located: Located, to key: GroupPartition) {
        if let old = committed[key.group]?[key.partition],
            old.recordOffset > located.recordOffset
        {
            return
        }
        committed[key.group, default: [:]][key.partition] = located
    }

    private mutating func remove(_ key: GroupPartition) {
        committed[key.group]?[key.partition] = nil
        if committed[key.group]?.isEmpty == true { committed[key.group] = nil }
    }
}

/// What a group has in a partition.
package enum OffsetAnswer: Equatable, Sendable {
    case none
    case committed(CommittedOffset)
    /// An open transaction holds one: ask again when it ended.
    case unstable
}
