package import LogModel

/// What one partition knows of its producers: the pure machine behind idempotence, transactions
/// and the last stable offset. Events are batches and markers in the order of the log; replaying
/// the log gives the same table.
///
/// Two things are known of running producers only and are no part of that: when a producer last
/// wrote, by the log's clock, and which transactions are about to write here.
package struct ProducerTable: Equatable, Sendable {
    /// The facts of one appended batch that duplicates are told by.
    package struct Batch: Equatable, Sendable {
        package var firstSequence: SequenceNumber
        package var lastSequence: SequenceNumber
        package var baseOffset: Offset
        package var lastOffset: Offset
        package var timestamp: Timestamp
    }

    package struct Entry: Sendable {
        package var epoch: ProducerEpoch
        /// The last five batches, oldest first.
        package var batches: [Batch] = []
        package var coordinatorEpoch: Int32 = -1
        /// The time of the last batch or marker as its records tell it.
        package var lastTimestamp: Timestamp
        /// When the last batch or marker was appended, by the log's clock. A producer is forgotten
        /// by this time: what its records claim may lie years back, and a retry must still be told
        /// from a new batch.
        package var lastAppended: Timestamp
        /// The first offset of the open transaction.
        package var transactionFirstOffset: Offset?

        init(epoch: ProducerEpoch, lastTimestamp: Timestamp) {
            self.epoch = epoch
            self.lastTimestamp = lastTimestamp
            lastAppended = lastTimestamp
        }
    }

    /// A transaction that a marker ended.
    package struct Completed: Equatable, Sendable {
        package var producerID: ProducerID
        package var firstOffset: Offset
        /// The marker's offset.
        package var lastOffset: Offset
        package var isAborted: Bool
    }

    package private(set) var entries: [ProducerID: Entry] = [:]
    /// First offsets of the open transactions, ascending: a transaction begins behind all others.
    private var openFirstOffsets: [Offset] = []
    /// Ended transactions whose marker is not durable yet: readers wait for them.
    private var undurable: [Completed] = []
    /// The smallest of their first offsets.
    private var firstUndurableOffset: Offset?
    /// The epochs of the transactions that may begin to write here.
    private var begun: [ProducerID: ProducerEpoch] = [:]

    /// How many batches of a producer are remembered, Kafka's number.
    private static let windowCount = 5

    package init() {}

    package static func == (left: ProducerTable, right: ProducerTable) -> Bool {
        left.entries == right.entries && left.undurable == right.undurable
    }

    // MARK: Transactions that may write

    /// Takes note that the coordinator has put this partition into a producer's transaction. Until
    /// its marker comes, batches of that epoch may be appended; see `decide`.
    package mutating func beginTransaction(producerID: ProducerID, epoch: ProducerEpoch) {
        if let known = begun[producerID], known > epoch { return }
        begun[producerID] = epoch
    }

    /// Whether a producer's transaction of this epoch includes the partition: it was begun, or has
    /// written here.
    package func isInTransaction(producerID: ProducerID, epoch: ProducerEpoch) -> Bool {
        if begun[producerID] == epoch { return true }
        guard let entry = entries[producerID] else { return false }
        return entry.transactionFirstOffset != nil && entry.epoch == epoch
    }

    /// The epoch of the transaction that a producer holds open here; nil if it holds none.
    package func openTransactionEpoch(of producerID: ProducerID) -> ProducerEpoch? {
        guard let entry = entries[producerID], entry.transactionFirstOffset != nil else {
            return nil
        }
        return entry.epoch
    }

    // MARK: Following the log

    /// Takes note of whatever batch is next in the log; the entry of the transaction index, where
    /// it aborts a transaction. `now` is the log's clock where the batch was just appended, nil in
    /// a replay.
    mutating func follow(
        _ batch: RecordBatchView,
        now: Timestamp? = nil
    ) throws(RecordBatchError) -> AbortedEntry? {
        guard let marker = try EndTransactionMarker(batch) else {
            if !batch.attributes.isControl { note(batch, now: now) }
            return nil
        }
        let completed = noteMarker(
            producerID: batch.producerID,
            epoch: batch.producerEpoch,
            coordinatorEpoch: marker.coordinatorEpoch,
            result: marker.result,
            at: batch.lastOffset,
            timestamp: batch.maxTimestamp,
            now: now
        )
        guard let completed, completed.isAborted else { return nil }
        return AbortedEntry(
            producerID: completed.producerID,
            firstOffset: completed.firstOffset,
            lastOffset: completed.lastOffset,
            lastStableOffset: lastStableOffset(after: completed)
        )
    }

    /// Takes note of a data batch in the log.
    package mutating func note(_ batch: RecordBatchView, now: Timestamp? = nil) {
        let id = batch.producerID
        guard id.rawValue >= 0 else { return }
        let time = batch.maxTimestamp
        if entries[id] == nil {
            entries[id] = Entry(epoch: batch.producerEpoch, lastTimestamp: time)
        }
        entries[id]?.note(batch, now: now ?? time, windowCount: Self.windowCount)
        if batch.attributes.isTransactional, entries[id]?.transactionFirstOffset == nil {
            entries[id]?.transactionFirstOffset = batch.baseOffset
            open(at: batch.baseOffset)
        }
    }

    /// Takes note of a marker in the log; the transaction that it ended, if one was open.
    package mutating func noteMarker(
        producerID: ProducerID,
        epoch: ProducerEpoch,
        coordinatorEpoch: Int32,
        result: TransactionResult,
        at offset: Offset,
        timestamp: Timestamp,
        now: Timestamp? = nil
    ) -> Completed? {
        guard producerID.rawValue >= 0 else { return nil }
        if let known = begun[producerID], known <= epoch { begun[producerID] = nil }
        var entry = entries[producerID] ?? Entry(epoch: epoch, lastTimestamp: timestamp)
        entry.raise(to: epoch)
        entry.coordinatorEpoch = coordinatorEpoch
        entry.lastTimestamp = timestamp
        entry.lastAppended = now ?? timestamp
        let first = entry.transactionFirstOffset
        entry.transactionFirstOffset = nil
        entries[producerID] = entry
        guard let first else { return nil }
        close(at: first)
        // A snapshot may tell of a transaction that begins behind its own end: no such one is here.
        guard first <= offset else { return nil }
        let completed = Completed(
            producerID: producerID,
            firstOffset: first,
            lastOffset: offset,
            isAborted: result == .abort
        )
        undurable.append(completed)
        firstUndurableOffset = min(first, firstUndurableOffset ?? first)
        return completed
    }

    /// Takes note that everything below `offset` is durable.
    package mutating func noteDurable(below offset: Offset) {
        guard !undurable.isEmpty else { return }
        undurable.removeAll { $0.lastOffset < offset }
        firstUndurableOffset = undurable.lazy.map(\.firstOffset).min()
    }

    /// Takes note that the log is open again. When its producers last wrote the log does not tell:
    /// they count as having written as late as they can have, so that a retry that comes after the
    /// restart is recognised. That is `now`, or when the file of a producer's last batch was last
    /// written to, where `writtenUntil` knows.
    package mutating func noteRecovered(
        at now: Timestamp,
        writtenUntil: (Offset) -> Timestamp? = { _ in nil }
    ) {
        for index in entries.values.indices {
            let last = entries.values[index].batches.last?.lastOffset
            let latest = last.flatMap(writtenUntil) ?? now
            entries.values[index].lastAppended = min(latest, now)
        }
    }

    /// The first offset that a committed reader must not pass, nil if there is none.
    package var firstUnstableOffset: Offset? {
        guard let open = openFirstOffsets.first else { return firstUndurableOffset }
        return min(open, firstUndurableOffset ?? open)
    }

    /// The last stable offset behind a transaction that was just completed, as the transaction
    /// index records it.
    package func lastStableOffset(after completed: Completed) -> Offset {
        openFirstOffsets.first ?? completed.lastOffset.advanced(by: 1)
    }

    /// Forgets producers that have not written since before `time`, by the log's clock; never one
    /// with an open transaction.
    package mutating func expire(olderThan time: Timestamp) {
        let isOld = { (entry: Entry) in
            entry.transactionFirstOffset == nil && entry.lastAppended < time
        }
        guard entries.values.contains(where: isOld) else { return }
        entries = entries.filter { !isOld($0.value) }
    }

    /// Puts an entry of a snapshot in place.
    package mutating func restore(_ entry: Entry, of producerID: ProducerID) {
        if let replaced = entries[producerID]?.transactionFirstOffset { close(at: replaced) }
        entries[producerID] = entry
        if let first = entry.transactionFirstOffset { open(at: first) }
    }

    /// Puts the batches before a producer's last one in place, oldest first; false, and nothing is
    /// changed, where they cannot have come before it.
    package mutating func restore(earlier batches: [Batch], of producerID: ProducerID) -> Bool {
        guard let known = entries[producerID]?.batches, !known.isEmpty else { return false }
        let all = batches + known
        guard all.count <= Self.windowCount,
            zip(all, all.dropFirst()).allSatisfy({ $0.lastOffset < $1.baseOffset })
        else { return false }
        entries[producerID]?.batches = all
        return true
    }

    private mutating func open(at offset: Offset) {
        openFirstOffsets.insert(offset, at: position(of: offset))
    }

    private mutating func close(at offset: Offset) {
        let position = position(of: offset)
        precondition(openFirstOffsets[position] == offset, "a transaction that was never open")
        openFirstOffsets.remove(at: position)
    }

    /// Where `offset` is among the open transactions, or belongs.
    private func position(of offset: Offset) -> Int {
        var low = 0
        var high = openFirstOffsets.count
        while low < high {
            let middle = (low + high) / 2
            if openFirstOffsets[middle] < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Traps if the table contradicts itself.
    package func checkInvariants() {
        for (id, entry) in entries {
            precondition(id.rawValue >= 0, "an entry without a producer id")
            precondition(entry.batches.count <= Self.windowCount, "the window is too long")
            for (older, newer) in zip(entry.batches, entry.batches.dropFirst()) {
                precondition(older.lastOffset < newer.baseOffset, "batches out of order")
            }
        }
        let open = entries.values.compactMap(\.transactionFirstOffset).sorted()
        precondition(open == openFirstOffsets, "open transactions are not those of the entries")
        for completed in undurable {
            precondition(completed.firstOffset <= completed.lastOffset, "a marker before its data")
        }
        let first = undurable.map(\.firstOffset).min()
        precondition(first == firstUndurableOffset, "the first undurable transaction is another")
    }
}

extension ProducerTable.Entry: Equatable {
    /// When a producer last wrote by the clock is no part of what the log says.
    package static func == (left: Self, right: Self) -> Bool {
        left.epoch == right.epoch && left.batches == right.batches
            && left.coordinatorEpoch == right.coordinatorEpoch
            && left.lastTimestamp == right.lastTimestamp
            && left.transactionFirstOffset == right.transactionFirstOffset
    }
}

extension ProducerTable.Entry {
    /// Takes note of the producer's next batch.
    fileprivate mutating func note(_ batch: RecordBatchView, now: Timestamp, windowCount: Int) {
        raise(to: batch.producerEpoch)
        // A snapshot may tell of batches behind this one: they are not of this log.
        if let last = batches.last, last.lastOffset >= batch.baseOffset {
            batches.removeAll(keepingCapacity: true)
        }
        if batches.count == windowCount { batches.removeFirst() }
        batches.append(
            ProducerTable.Batch(
                firstSequence: batch.baseSequence,
                lastSequence: batch.lastSequence,
                baseOffset: batch.baseOffset,
                lastOffset: batch.lastOffset,
                timestamp: batch.maxTimestamp
            )
        )
        lastTimestamp = batch.maxTimestamp
        lastAppended = now
    }

    /// Goes over to a newer epoch, which begins its own sequence.
    fileprivate mutating func raise(to newer: ProducerEpoch) {
        guard newer > epoch else { return }
        epoch = newer
        batches.removeAll(keepingCapacity: true)
    }
}
