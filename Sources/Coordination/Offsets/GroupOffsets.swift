package import LogModel

/// The committed offsets of the groups in one partition of `__consumer_offsets`, as its log tells
/// them.
///
/// State changes only by `apply` and `end`, live and at a restart alike. An offset inside a
/// transaction is pending until the marker; then, of several records for one partition, tombstones
/// among them, the one that lies furthest on in the log counts.
///
/// Records and markers are appended while nobody holds this value, so that they may be applied in
/// another order than the log has them, and lead to the same state all the same. For that each
/// append is announced by `beginAppend` and ended by `finishAppend`; a replay in the order of the
/// log needs neither. What is asked of the shell: a marker is applied before the next transaction
/// of its producer begins.
package struct GroupOffsets: Sendable {
    /// The longest metadata that a client may attach, in UTF-16 code units, as Java counts.
    package static let metadataLengthLimit = 4096

    struct Located: Equatable, Sendable {
        var value: CommittedOffset
        /// Where its record lies in the log.
        var recordOffset: Offset
    }

    struct Key: Hashable, Sendable {
        var group: ExactText
        var partition: TopicPartition

        init(group: ExactText, partition: TopicPartition) {
            self.group = group
            self.partition = partition
        }

        init(group: String, partition: TopicPartition) {
            self.init(group: ExactText(group), partition: partition)
        }
    }

    private struct Marker: Sendable {
        var offset: Offset
        var result: TransactionResult
    }

    private(set) var committed: [ExactText: [TopicPartition: Located]] = [:]
    /// What open transactions hold, by producer id: the partition takes nothing of a higher epoch
    /// while one of that id is open in it.
    private(set) var pending: [ProducerID: [Key: Located]] = [:]
    /// How many open transactions hold an offset of a group's partition.
    private(set) var pendingCounts: [ExactText: [TopicPartition: Int]] = [:]
    var window = AppendWindow()
    /// Tombstones that records below them may still follow.
    private var tombstones: [Key: Offset] = [:]
    /// Markers that records below them may still follow, in the order of the log.
    private var markers: [ProducerID: [Marker]] = [:]

    package init() {}

    /// Whether these offsets may be committed; `.none` if so.
    package static func check(_ values: some Sequence<CommittedOffset>) -> KafkaErrorCode {
        // Kafka counts as Java does.
        values.contains { $0.metadata.utf16.count > metadataLengthLimit }
            ? .offsetMetadataTooLarge : .none
    }

    /// Announces an append of offsets of `group`. Nil while offsets of that group are being removed
    /// (their topic was deleted, or they expired): wait for it and ask again.
    package mutating func beginAppend(of group: String) -> OffsetAppend? {
        guard !window.isRemoving(ExactText(group)) else { return nil }
        return window.begin(groups: [ExactText(group)], isRemoval: false)
    }

    /// Announces the append of a marker.
    package mutating func beginMarker() -> OffsetAppend {
        window.begin(groups: [], isRemoval: false)
    }

    /// The append was applied, or came to nothing.
    package mutating func finishAppend(_ append: OffsetAppend) {
        window.finish(append)
        guard !tombstones.isEmpty || !markers.isEmpty else { return }
        tombstones = tombstones.filter { !window.isSettled($0.value) }
        markers = markers.compactMapValues { list in
            let rest = list.filter { !window.isSettled($0.offset) }
            return rest.isEmpty ? nil : rest
        }
    }

    /// Takes over a record of the log. `producerID` is that of a transactional batch, else `.none`.
    package mutating func apply(
        _ record: OffsetRecord,
        at recordOffset: Offset,
        producerID: ProducerID = .none
    ) {
        window.applied(recordOffset)
        let key = Key(group: record.group, partition: record.partition)
        guard let value = record.value else { return remove(key, at: recordOffset) }
        if let tombstone = tombstones[key], tombstone > recordOffset { return }
        let located = Located(value: value, recordOffset: recordOffset)
        guard producerID != .none else { return commit(located, to: key) }
        if let marker = markers[producerID]?.first(where: { $0.offset > recordOffset }) {
            if marker.result == .commit { commit(located, to: key) }
            return
        }
        hold(located, of: key, for: producerID)
    }

    /// Takes over a marker: what the producer's transaction held counts from here on, or is gone.
    package mutating func end(
        producerID: ProducerID,
        result: TransactionResult,
        at markerOffset: Offset
    ) {
        window.applied(markerOffset)
        if !window.isSettled(markerOffset) {
            let list = markers[producerID] ?? []
            let marker = Marker(offset: markerOffset, result: result)
            let position = list.firstIndex { $0.offset > markerOffset } ?? list.count
            markers[producerID] = list[..<position] + [marker] + list[position...]
        }
        for (key, located) in pending[producerID] ?? [:] where located.recordOffset < markerOffset {
            release(key, of: producerID)
            if result == .commit { commit(located, to: key) }
        }
    }

    /// The committed offset, `.unstable` if a stable one was asked for while an open transaction
    /// may still change it, `.none` if there is none for the topic with this id.
    package func offset(
        of partition: TopicIDPartition,
        group: String,
        requireStable: Bool
    ) -> OffsetAnswer {
        if requireStable, isPending(partition.name, group: group) { return .unstable }
        guard let located = committed[group]?[partition.name],
            located.value.belongs(to: partition.topicID)
        else { return .none }
        return .committed(located.value)
    }

    /// The committed offset of this name, of whichever topic: what a foreign log says.
    package func latest(of partition: TopicPartition, group: String) -> CommittedOffset? {
        committed[group]?[partition]?.value
    }

    /// Whether an open transaction holds an offset of this partition.
    package func isPending(_ partition: TopicPartition, group: String) -> Bool {
        pendingCounts[group]?[partition] != nil
    }

    /// The partitions of a group that have an offset, sorted.
    package func partitions(of group: String) -> [TopicPartition] {
        committed[group]?.keys.sorted() ?? []
    }

    /// How many partitions that are.
    package func positionCount(of group: ExactText) -> Int { committed[group]?.count ?? 0 }

    /// The groups that have an offset, sorted.
    package var groups: [String] { committed.keys.sorted().map(\.text) }

    /// The groups that have an offset, or will have one once an open transaction is committed.
    package var groupsWithPending: Set<ExactText> {
        Set(committed.keys).union(pendingCounts.keys)
    }

    /// The partitions whose offsets open transactions hold, by group.
    package var pendingPartitions: [ExactText: [TopicPartition]] {
        pendingCounts.mapValues { $0.keys.sorted() }
    }

    /// Whether the group is one of those.
    package func knows(_ group: String) -> Bool {
        let id = ExactText(group)
        return committed[id] != nil || pendingCounts[id] != nil
    }

    /// The producers whose open transactions hold offsets, sorted.
    package var pendingProducers: [ProducerID] { pending.keys.sorted() }

    /// Stops with a message if the state contradicts itself.
    package func checkInvariants() {
        var counts: [ExactText: [TopicPartition: Int]] = [:]
        for (producerID, held) in pending {
            precondition(producerID != .none && !held.isEmpty, "a transaction that holds nothing")
            for key in held.keys {
                counts[key.group, default: [:]][key.partition, default: 0] += 1
            }
        }
        precondition(counts == pendingCounts, "the pending offsets are not those counted")
        precondition(!committed.values.contains { $0.isEmpty }, "a group without offsets")
        if window.settledEnd == nil {
            precondition(tombstones.isEmpty && markers.isEmpty, "remembered for no append")
        }
    }

    private mutating func commit(_ located: Located, to key: Key) {
        if let tombstone = tombstones[key], tombstone > located.recordOffset { return }
        if let old = committed[key.group]?[key.partition],
            old.recordOffset > located.recordOffset
        {
            return
        }
        committed[key.group, default: [:]][key.partition] = located
    }

    /// Takes over a tombstone: everything for the key that lies below it is gone, what open
    /// transactions hold included.
    private mutating func remove(_ key: Key, at tombstone: Offset) {
        if let old = committed[key.group]?[key.partition], old.recordOffset < tombstone {
            committed[key.group]?[key.partition] = nil
            if committed[key.group]?.isEmpty == true { committed[key.group] = nil }
        }
        if pendingCounts[key.group]?[key.partition] != nil {
            for (producerID, held) in pending {
                guard let located = held[key], located.recordOffset < tombstone else { continue }
                release(key, of: producerID)
            }
        }
        if !window.isSettled(tombstone) {
            tombstones[key] = max(tombstone, tombstones[key] ?? tombstone)
        }
    }

    /// Of several offsets in one transaction the last one counts.
    private mutating func hold(_ located: Located, of key: Key, for producerID: ProducerID) {
        if let old = pending[producerID]?[key] {
            guard old.recordOffset < located.recordOffset else { return }
        } else {
            pendingCounts[key.group, default: [:]][key.partition, default: 0] += 1
        }
        pending[producerID, default: [:]][key] = located
    }

    private mutating func release(_ key: Key, of producerID: ProducerID) {
        pending[producerID]?[key] = nil
        if pending[producerID]?.isEmpty == true { pending[producerID] = nil }
        let count = pendingCounts[key.group]?[key.partition] ?? 0
        pendingCounts[key.group]?[key.partition] = count > 1 ? count - 1 : nil
        if pendingCounts[key.group]?.isEmpty == true { pendingCounts[key.group] = nil }
    }
}
