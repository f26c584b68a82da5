package import LogClient
package import LogModel
package import StateStores
package import Streams

/// Brings a store up to its changelog: from the offset that the store's values stand for to the
/// high watermark at the start of the restore.
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
    /// Whether the store could not be trusted and was emptied first.
    package private(set) var hasWiped = false

    package init(partition: TopicPartition, entries: StoreSpecification, fetchByteCount: Int) {
        self.partition = partition
        self.entries = entries
        self.fetchByteCount = fetchByteCount
    }

    /// Restores `store`; calls `progress` with the records read, now and then, also when there are
    /// none yet. What it throws ends the restore.
    package mutating func restore(
        _ store: StateStore,
        from client: any LogClient,
        progress: (Int64) throws -> Void
    ) throws {
        let bounds = try client.bounds(of: partition)
        let start = try startingPoint(of: store, bounds: bounds)
        guard start < bounds.highWatermark else { return }
        var reader = CommittedReader(
            partition: partition,
            position: start,
            fetchByteCount: fetchByteCount
        )
        let restore = store.beginRestore()
        var signal: UInt64 = 0
        while reader.position < bounds.highWatermark {
            guard try reader.fetch(from: client) else {
                // Only an open transaction can hold the rest back; it ends within its timeout.
                try progress(0)
                signal = client.waitForChange(since: signal, timeout: .milliseconds(100))
                continue
            }
            while var batch = try reader.nextBatch() {
                var count: Int64 = 0
                while let record = try batch.records.next() {
                    let time =
                        batch.sharedTimestamp
                        ?? Timestamp(batch.baseTimestamp &+ record.timestampDelta)
                    if let key = record.key {
                        try restore.put(key: key, value: record.value, timestamp: time)
                        if let timeKey = entries.timeKey(of: key, at: time, in: &timeKey) {
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
        try restore.finish(changelogOffset: reader.position)
    }

    private static var noBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Where to begin: behind what the store holds, if the changelog can still prove it.
    private mutating func startingPoint(
        of store: StateStore,
        bounds: PartitionBounds
    ) throws -> Offset {
        guard let known = store.changelogOffset else { return bounds.logStart }
        if known > bounds.highWatermark {
            // The store claims more than was ever committed: it cannot be trusted.
            try store.wipe(
                because: "it stands for changelog offset \(known.rawValue), "
                    + "the changelog ends at \(bounds.highWatermark.rawValue)"
            )
            hasWiped = true
            return bounds.logStart
        }
        return max(known, bounds.logStart)
    }
}
