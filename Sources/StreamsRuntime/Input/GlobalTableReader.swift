import Bytes
import LogClient
import LogModel
import StateStores
import Streams

/// Keeps a stream thread's copy of a global table up to its topic.
///
/// The store holds rows and, as entries of their own, how far each partition was read, so that a
/// checkpoint has both of one moment. Changes are taken between records and are committed in the
/// store at once: they are part of no transaction, and no abort takes them back.
final class GlobalTableReader {
    let table: GlobalTableSource
    let store: StateStore
    /// Records that were dropped or skipped since the start, apart from those that it began with.
    private(set) var counters = TaskCounters()
    /// Called when the store could not be trusted and was emptied.
    private let noteWiped: () -> Void
    private var topicID: UniqueID
    /// The partitions of which the store holds rows from so long ago that removals may be gone
    /// since.
    private var stale: Set<Int> = []
    /// Where each partition's queue was at the last commit in the store.
    private var committed: [InputPosition] = []
    /// Whether the store is to be emptied, and was not yet filled again.
    private var isBegunAnew = false
    /// What the queues had lost when they were last sent to their positions.
    private var knownLosses: Int64 = 0
    private let queues: UnsafeMutablePointer<PartitionQueue>
    private let partitionCount: Int
    private let skipsUnreadable: Bool
    private var key = ByteSink()
    private var position = ByteSink()

    /// So many records of a partition are taken before tasks get their turn.
    private static let recordLimit = 16_384

    init(
        table: GlobalTableSource,
        topic: TopicDescription,
        store: StateStore,
        configuration: StreamsConfiguration,
        skipsUnreadable: Bool,
        noteWiped: @escaping () -> Void
    ) {
        self.table = table
        self.store = store
        self.noteWiped = noteWiped
        topicID = topic.id
        self.skipsUnreadable = skipsUnreadable
        partitionCount = Int(topic.partitionCount)
        queues = .allocate(capacity: max(partitionCount, 1))
        for index in 0..<partitionCount {
            (queues + index).initialize(
                to: PartitionQueue(
                    partition: TopicPartition(topic.name, PartitionIndex(Int32(index))),
                    position: InputPosition(.zero, of: topic.id),
                    fetchByteCount: configuration.fetchByteCount
                )
            )
        }
    }

    deinit {
        queues.deinitialize(count: partitionCount)
        queues.deallocate()
    }

    // MARK: Start

    /// Reads everything that is committed in the topic; calls `progress` with the records read, now
    /// and then.
    func restore(
        from client: any LogClient,
        at now: Timestamp,
        progress: (Int64) throws -> Void
    ) throws {
        while true {
            var reason = try goToPositions(client, at: now)
            if reason == nil {
                // What is read from the start is as new as this; what is in the store is as old as
                // it was until everything behind it is read.
                let known = store.changelogOffset == nil ? now : store.changelog?.since
                store.follow(FollowedChangelog(id: topicID, since: known ?? Timestamp(0)))
                reason = try readAll(from: client, progress)
            }
            guard let reason else {
                store.follow(FollowedChangelog(id: topicID, since: now))
                return noteCommitted()
            }
            try store.wipe(because: reason)
            noteWiped()
        }
    }

    /// Begins where the store ends; returns why that cannot be, if so.
    private func goToPositions(
        _ client: any LogClient,
        at now: Timestamp
    ) throws -> String? {
        let topic = try client.topics(named: [table.topic]).first
        guard let topic, topic.partitionCount == Int32(partitionCount) else {
            throw StreamsError(
                code: .log,
                message:
                    "the topic \(table.topic) of a global table was deleted, or made anew with "
                    + "another number of partitions; run the job again"
            )
        }
        topicID = topic.id
        stale = []
        let since = store.changelog?.since ?? Timestamp(0)
        let mayLackRemovals = topic.mayHaveLostRemovals(since: since, at: now)
        for index in 0..<partitionCount {
            let queue = queues + index
            let bounds = try client.bounds(of: queue.pointee.partition)
            var start = bounds.logStart
            if let known = try storedPosition(index) {
                guard known.topicID == topicID else {
                    return "the topic \(table.topic) was made anew"
                }
                guard known.offset <= bounds.highWatermark else {
                    return "it stands for offset \(known.offset.rawValue) of "
                        + "\(queue.pointee.partition), which ends at "
                        + "\(bounds.highWatermark.rawValue)"
                }
                guard known.offset >= bounds.logStart else {
                    return "it stands for offset \(known.offset.rawValue) of "
                        + "\(queue.pointee.partition), which begins at "
                        + "\(bounds.logStart.rawValue)"
                }
                start = known.offset
                if mayLackRemovals { stale.insert(index) }
            }
            queue.pointee.rewind(to: InputPosition(start, of: topicID))
        }
        knownLosses = losses
        return nil
    }

    /// Reads every partition to the end that it has now; returns why to begin anew, if it has to.
    private func readAll(
        from client: any LogClient,
        _ progress: (Int64) throws -> Void
    ) throws -> String? {
        let restore = store.beginRestore()
        var hasRead = false
        for index in 0..<partitionCount {
            let queue = queues + index
            let end = try client.bounds(of: queue.pointee.partition).highWatermark
            // What an open transaction holds back is taken when it is committed.
            while queue.pointee.position < end,
                var batch = try queue.pointee.takeBatch(from: client)
            {
                var count: Int64 = 0
                let first = queue.pointee.position
                while let record = try batch.next(of: queue.pointee) {
                    let offset = Offset(batch.baseOffset &+ Int64(record.offsetDelta))
                    guard offset >= first, let rowKey = record.key,
                        try accepts(record, at: queue.pointee.partition, offset, isCounted: false)
                    else { continue }
                    setKey(rowKey)
                    let time = batch.timestamp(of: record)
                    try restore.put(key: key.bytes, value: record.value, timestamp: time)
                    count += 1
                }
                queue.pointee.finishBatch(batch)
                hasRead = true
                try putPosition(index) { key, value in
                    try restore.put(key: key, value: value, timestamp: Timestamp(0))
                }
                try restore.noteOffset(totalOffset)
                try progress(count)
            }
            if stale.contains(index), queue.pointee.hasGap {
                return ChangelogRestorer.gapReason(queue.pointee.partition)
            }
        }
        guard losses == knownLosses else {
            // What was read so far may be in the store, its positions behind the hole.
            return "records of \(table.topic) were deleted while they were read"
        }
        if hasRead { try restore.finish(changelogOffset: totalOffset) }
        return nil
    }

    // MARK: Changes

    /// Takes what was committed in the topic since the last call; returns whether there was any.
    func update(from client: any LogClient, at now: Timestamp) throws -> Bool {
        if isBegunAnew { return try beginAnew(client, at: now) }
        do {
            guard let count = try takeChanges(from: client) else {
                store.abort()
                return try beginAnew(client, at: now)
            }
            guard count > 0 else { return false }
        } catch  where !isBegunAnew {
            // As if nothing had been read.
            store.abort()
            for (index, known) in committed.enumerated() {
                (queues + index).pointee.rewind(to: known)
            }
            throw error
        }
        store.commit(changelogOffset: totalOffset)
        noteCommitted()
        return true
    }

    /// Reads the topic from its start into the emptied store, for removals may be among what was
    /// lost.
    private func beginAnew(_ client: any LogClient, at now: Timestamp) throws -> Bool {
        isBegunAnew = true
        try restore(from: client, at: now) { _ in }
        isBegunAnew = false
        return true
    }

    private func noteCommitted() {
        committed = (0..<partitionCount).map { (queues + $0).pointee.inputPosition }
    }

    /// Takes changes into the store, not yet committed there; returns how many, nil if records were
    /// lost, by retention or because the topic was made anew.
    private func takeChanges(from client: any LogClient) throws -> Int? {
        var count = 0
        for index in 0..<partitionCount {
            let queue = queues + index
            let before = count
            while count - before < Self.recordLimit,
                var batch = try queue.pointee.takeBatch(from: client)
            {
                let first = queue.pointee.position
                while let record = try batch.next(of: queue.pointee) {
                    let offset = Offset(batch.baseOffset &+ Int64(record.offsetDelta))
                    guard offset >= first else { continue }
                    count += 1
                    guard let rowKey = record.key else {
                        counters.drop(.nullKey)
                        continue
                    }
                    guard
                        try accepts(record, at: queue.pointee.partition, offset, isCounted: true)
                    else { continue }
                    setKey(rowKey)
                    let slot = try store.slot(for: key.bytes)
                    let time = batch.timestamp(of: record)
                    store.table.pointee.put(slot, value: record.value, timestamp: time)
                }
                queue.pointee.finishBatch(batch)
            }
            guard count > before else { continue }
            try putPosition(index) { key, value in
                let slot = try store.slot(for: key)
                store.table.pointee.put(slot, value: value, timestamp: Timestamp(0))
            }
        }
        return losses == knownLosses ? count : nil
    }

    // MARK: Parts

    /// How often records were deleted, or another topic came, before a queue could read on.
    private var losses: Int64 {
        (0..<partitionCount).reduce(0) {
            $0 + (queues + $1).pointee.lostCount + (queues + $1).pointee.replacedCount
        }
    }

    /// Applies the error policy to a record that the table's serdes may refuse.
    private func accepts(
        _ record: RecordView,
        at partition: TopicPartition,
        _ offset: Offset,
        isCounted: Bool
    ) throws -> Bool {
        guard let rowKey = record.key else { return false }
        do {
            // The store has a byte of its own in front of it.
            guard rowKey.count < KeyValueTable.keyByteLimit else {
                throw StoreError(
                    code: .keyTooLong,
                    path: "",
                    message: "a key of \(rowKey.count) bytes; a global table takes "
                        + "\(KeyValueTable.keyByteLimit - 1)"
                )
            }
            try table.check(rowKey, record.value)
            return true
        } catch {
            guard skipsUnreadable else {
                throw StreamsError(
                    code: .decode,
                    message: "topic \(partition.topic), partition \(partition.partition.rawValue), "
                        + "offset \(offset.rawValue): \(error). Nothing of it was "
                        + "processed; --on-decode-error skip leaves such records out"
                )
            }
            if isCounted { counters.recordsSkipped += 1 }
            return false
        }
    }

    private func setKey(_ rowKey: UnsafeRawBufferPointer) {
        key.removeAll()
        key.append(GlobalTableKey.row)
        key.append(contentsOf: rowKey)
    }

    /// Lends the entry that says how far a partition was read: its key is 0 and the partition (4
    /// bytes, big-endian), its value the topic's id and the offset (8).
    private func putPosition(
        _ index: Int,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        setPositionKey(index)
        position.removeAll()
        position.append(bigEndian: topicID.high)
        position.append(bigEndian: topicID.low)
        position.append(bigEndian: (queues + index).pointee.position.rawValue)
        try body(key.bytes, position.bytes)
    }

    private func storedPosition(_ index: Int) throws -> InputPosition? {
        setPositionKey(index)
        let slot = try store.slot(for: key.bytes)
        guard let bytes = store.table.pointee.value(slot), bytes.count == 24 else { return nil }
        func word(_ offset: Int) -> UInt64 {
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        return InputPosition(
            Offset(Int64(bitPattern: word(16))),
            of: UniqueID(high: word(0), low: word(8))
        )
    }

    private func setPositionKey(_ index: Int) {
        key.removeAll()
        key.append(GlobalTableKey.position)
        key.append(bigEndian: UInt32(index))
    }

    /// What the store's checkpoints are told by: it only grows.
    private var totalOffset: Offset {
        (0..<partitionCount).reduce(.zero) {
            $0.advanced(by: (queues + $1).pointee.position.rawValue)
        }
    }
}

extension VisibleBatch {
    /// The time of one of the batch's records.
    fileprivate func timestamp(of record: RecordView) -> Timestamp {
        sharedTimestamp ?? Timestamp(baseTimestamp &+ record.timestampDelta)
    }
}
