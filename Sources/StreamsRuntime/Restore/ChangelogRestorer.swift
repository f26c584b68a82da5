import Bytes
package import LogClient
package import LogModel
package import StateStores
package import Streams

/// Brings a store up to its changelog: from the offset that the store's values stand for to the
/// high watermark at the start of the restore.
///
/// What the store holds counts only while its offset is one of the topic that is the changelog now.
/// Compaction takes a removal away, but not before `delete.retention.ms` are over: a store that did
/// not see it until then would keep the key for ever. So one that was last whole as long ago counts
/// only if the changelog still has every record from the store's offset on.
///
/// The target is the high watermark, not the last stable offset: open transactions below it are
/// waited out, for their owner may have committed. The restore is done when the *position*
/// reaches the target, for the last offsets may be control records or compacted away.
package struct ChangelogRestorer: ~Copyable {
    private let partition: TopicPartition
    /// What the store's entries are; some stand under a second key, which no changelog holds.
    private let entries: StoreSpecification
    private var timeKey = ByteSink()
    private let fetchByteCount: Int
    /// The wall clock's time at the start of the restore.
    private let now: Timestamp
    /// Whether the store could not be trusted and was emptied first.
    package private(set) var hasWiped = false

    package init(
        partition: TopicPartition,
        entries: StoreSpecification,
        fetchByteCount: Int,
        now: Timestamp
    ) {
        self.partition = partition
        self.entries = entries
        self.now = now
        self.fetchByteCount = fetchByteCount
    }

    /// Restores `store`; calls `progress` with the records read, now and then, also when there are
    /// none yet. What it throws ends the restore.
    package mutating func restore(
        _ store: StateStore,
        from client: any LogClient,
        progress: (Int64) throws -> Void
    ) throws {
        guard let topic = try client.topics(named: [partition.topic]).first else {
            throw LogClientError.unknownTopicOrPartition(partition)
        }
        let bounds = try client.bounds(of: partition)
        if let reason = reasonToWipe(store, topic: topic.id, bounds: bounds) {
            try wipe(store, because: reason)
        }
        if store.changelogOffset != nil {
            // While it is read, what lies in the store is as old as it was.
            let since = store.changelog?.since ?? Timestamp(0)
            store.follow(FollowedChangelog(id: topic.id, since: since))
            let mayLackRemovals = topic.mayHaveLostRemovals(since: since, at: now)
            if try read(store, to: bounds, client, isWhole: mayLackRemovals, progress) {
                return store.follow(FollowedChangelog(id: topic.id, since: now))
            }
            try wipe(store, because: Self.gapReason(partition))
        }
        store.follow(FollowedChangelog(id: topic.id, since: now))
        _ = try read(store, to: bounds, client, isWhole: false, progress)
    }

    /// Why a store is made anew whose changelog lacks records that it has not seen.
    static func gapReason(_ partition: TopicPartition) -> String {
        "\(partition) was compacted past what it stands for, and removals may be gone"
    }

    private mutating func wipe(_ store: StateStore, because reason: String) throws {
        try store.wipe(because: reason)
        hasWiped = true
    }

    /// Takes the records that the store does not stand for. If they have to be there as a whole and
    /// some are missing, it returns false, and the store is of no use.
    private mutating func read(
        _ store: StateStore,
        to bounds: PartitionBounds,
        _ client: any LogClient,
        isWhole: Bool,
        _ progress: (Int64) throws -> Void
    ) throws -> Bool {
        let (start, end) = (store.changelogOffset ?? bounds.logStart, bounds.highWatermark)
        guard start < end else { return true }
        var reader = CommittedReader(
            partition: partition,
            position: start,
            fetchByteCount: fetchByteCount
        )
        let restore = store.beginRestore()
        var signal: UInt64 = 0
        while reader.position < end {
            guard try reader.fetch(from: client) else {
                // Only an open transaction can hold the rest back; it ends within its timeout.
                try progress(0)
                signal = client.waitForChange(since: signal, timeout: .milliseconds(100))
                continue
            }
            while var batch = try reader.nextBatch() {
                if isWhole, reader.hasGap { return false }
                var count: Int64 = 0
                while let record = try batch.next(of: reader) {
                    let time =
                        batch.sharedTimestamp
                        ?? Timestamp(batch.baseTimestamp &+ record.timestampDelta)
                    if let key = record.key {
                        try restore.put(key: key, value: record.value, timestamp: time)
                        if let timeKey = entries.timeKey(
                            of: key,
                            value: record.value,
                            at: time,
                            in: &timeKey
                        ) {
                            let value = record.value.map { _ in Self.noBytes }
                            try restore.put(key: timeKey, value: value, timestamp: time)
                        }
                    }
                    count += 1
                }
                reader.finish(upTo: batch.nextOffset)
                try restore.noteOffset(batch.nextOffset)
                try progress(count)
            }
        }
        if isWhole, reader.hasGap { return false }
        try restore.finish(changelogOffset: reader.position)
        return true
    }

    private static var noBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Why what the store holds cannot be trusted, in words for its owner; nil where it can.
    private func reasonToWipe(
        _ store: StateStore,
        topic: UniqueID,
        bounds: PartitionBounds
    ) -> String? {
        guard let known = store.changelogOffset else { return nil }
        if let id = store.changelog?.id, id != topic {
            return "the topic \(partition.topic) was deleted, and made anew under the same name"
        }
        if known > bounds.highWatermark {
            // More than was ever committed.
            return "it stands for changelog offset \(known.rawValue), "
                + "the changelog ends at \(bounds.highWatermark.rawValue)"
        }
        if known < bounds.logStart {
            return "it stands for changelog offset \(known.rawValue), "
                + "the changelog begins at \(bounds.logStart.rawValue)"
        }
        return nil
    }
}

extension TopicDescription {
    /// Whether removals may be gone that came after a moment: the cleaner keeps each for
    /// `delete.retention.ms` at least.
    func mayHaveLostRemovals(since moment: Timestamp, at now: Timestamp) -> Bool {
        let kept = configuration["delete.retention.ms"].flatMap { Int64($0) } ?? 86_400_000
        return moment.advanced(byMilliseconds: kept) <= now
    }
}
