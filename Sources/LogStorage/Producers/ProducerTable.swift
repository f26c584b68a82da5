package import LogModel

/// What one partition knows of its producers: the pure machine behind idempotence, transactions
/// and the last stable offset. Events are batches and markers in the order of the log; replaying
/// the log gives the same table.
package struct ProducerTable: Equatable, Sendable {
    /// The facts of one appended batch that duplicates are told by.
    package struct Batch: Equatable, Sendable {
        package var firstSequence: SequenceNumber
        package var lastSequence: SequenceNumber
        package var baseOffset: Offset
        package var lastOffset: Offset
        package var timestamp: Timestamp
    }

    package struct Entry: Equatable, Sendable {
        package var epoch: ProducerEpoch
        /// The last five batches, oldest first.
        package var batches: [Batch] = []
        package var coordinatorEpoch: Int32 = -1
        package var lastTimestamp: Timestamp
        /// The first offset of the open transaction.
        package var transactionFirstOffset: Offset?
    }

    /// A transaction that a marker ended.
    package struct Completed: Equatable, Sendable {
        package var producerID: ProducerID
        package var firstOffset: Offset
        /// The marker's offset.
        package var lastOffset: Offset
        package var isAborted: Bool
    }

    /// What is to be done with a batch.
    package enum Decision: Equatable, Sendable {
        case append
        case duplicate(base: Offset, last: Offset)
        case refuse(KafkaErrorCode, String)
    }

    package private(set) var entries: [ProducerID: Entry] = [:]
    /// Ended transactions whose marker is not durable yet: readers wait for them.
    private var undurable: [Completed] = []

    /// How many batches of a producer are remembered, Kafka's number.
    private static let windowCount = 5

    package init() {}

    // MARK: Deciding

    /// Whether a batch may follow what the log holds. Changes nothing. Coordinators do not number
    /// their records: theirs is the lock that keeps them in order.
    package func decide(_ batch: RecordBatchView, checksSequence: Bool = true) -> Decision {
        let id = batch.producerID
        guard id.rawValue >= 0 else {
            return batch.attributes.isTransactional
                ? .refuse(.invalidRecord, "a transactional batch without a producer id") : .append
        }
        guard batch.baseSequence.rawValue >= 0 else {
            return .refuse(.invalidRecord, "producer \(id.rawValue) sent no sequence number")
        }
        guard let entry = entries[id] else { return .append }
        if batch.producerEpoch < entry.epoch {
            return .refuse(
                .invalidProducerEpoch,
                "producer \(id.rawValue): epoch \(batch.producerEpoch.rawValue) is older than "
                    + "\(entry.epoch.rawValue)"
            )
        }
        let sequence = checksSequence ? decideSequence(of: batch, entry) : .append
        if sequence == .append, entry.transactionFirstOffset != nil,
            batch.producerEpoch == entry.epoch, !batch.attributes.isTransactional
        {
            return .refuse(
                .invalidTransactionState,
                "producer \(id.rawValue): a batch outside its open transaction"
            )
        }
        return sequence
    }

    private func decideSequence(of batch: RecordBatchView, _ entry: Entry) -> Decision {
        let first = batch.baseSequence
        if batch.producerEpoch > entry.epoch || entry.batches.isEmpty {
            // A new epoch begins at 0, also one that only a marker has told of.
            return first.rawValue == 0
                ? .append : outOfOrder(batch, expected: SequenceNumber(0))
        }
        let known = entry.batches.first {
            $0.firstSequence == first && $0.lastSequence == batch.lastSequence
        }
        if let known { return .duplicate(base: known.baseOffset, last: known.lastOffset) }
        let next = (entry.batches.last?.lastSequence ?? .none).advanced(by: 1)
        return first == next ? .append : outOfOrder(batch, expected: next)
    }

    private func outOfOrder(_ batch: RecordBatchView, expected: SequenceNumber) -> Decision {
        .refuse(
            .outOfOrderSequenceNumber,
            "producer \(batch.producerID.rawValue), epoch \(batch.producerEpoch.rawValue): "
                + "sequence \(batch.baseSequence.rawValue) where \(expected.rawValue) is next"
        )
    }

    /// Whether a marker may be written: its epoch is not older than the producer's.
    package func decideMarker(
        producerID: ProducerID,
        epoch: ProducerEpoch,
        coordinatorEpoch: Int32
    ) -> Decision {
        guard let entry = entries[producerID] else { return .append }
        if epoch < entry.epoch {
            return .refuse(
                .invalidProducerEpoch,
                "producer \(producerID.rawValue): a marker of epoch \(epoch.rawValue), the "
                    + "producer is at \(entry.epoch.rawValue)"
            )
        }
        if coordinatorEpoch < entry.coordinatorEpoch {
            return .refuse(.invalidTransactionState, "a marker of an older coordinator")
        }
        return .append
    }

    // MARK: Following the log

    /// Takes note of whatever batch is next in the log; the entry of the transaction index, where
    /// it aborts a transaction.
    mutating func follow(_ batch: RecordBatchView) throws(RecordBatchError) -> AbortedEntry? {
        guard let marker = try EndTransactionMarker(batch) else {
            if !batch.attributes.isControl { note(batch) }
            return nil
        }
        let completed = noteMarker(
            producerID: batch.producerID,
            epoch: batch.producerEpoch,
            coordinatorEpoch: marker.coordinatorEpoch,
            result: marker.result,
            at: batch.lastOffset,
            timestamp: batch.maxTimestamp
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
    package mutating func note(_ batch: RecordBatchView) {
        let id = batch.producerID
        guard id.rawValue >= 0 else { return }
        var entry = entries[id] ?? Entry(epoch: batch.producerEpoch, lastTimestamp: .none)
        if batch.producerEpoch > entry.epoch {
            entry.epoch = batch.producerEpoch
            entry.batches.removeAll(keepingCapacity: true)
        }
        if entry.batches.count == Self.windowCount { entry.batches.removeFirst() }
        entry.batches.append(
            Batch(
                firstSequence: batch.baseSequence,
                lastSequence: batch.lastSequence,
                baseOffset: batch.baseOffset,
                lastOffset: batch.lastOffset,
                timestamp: batch.maxTimestamp
            )
        )
        entry.lastTimestamp = batch.maxTimestamp
        if batch.attributes.isTransactional, entry.transactionFirstOffset == nil {
            entry.transactionFirstOffset = batch.baseOffset
        }
        entries[id] = entry
    }

    /// Takes note of a marker in the log; the transaction that it ended, if one was open.
    package mutating func noteMarker(
        producerID: ProducerID,
        epoch: ProducerEpoch,
        coordinatorEpoch: Int32,
        result: TransactionResult,
        at offset: Offset,
        timestamp: Timestamp
    ) -> Completed? {
        var entry = entries[producerID] ?? Entry(epoch: epoch, lastTimestamp: timestamp)
        if epoch > entry.epoch {
            entry.epoch = epoch
            entry.batches.removeAll(keepingCapacity: true)
        }
        entry.coordinatorEpoch = coordinatorEpoch
        entry.lastTimestamp = timestamp
        let first = entry.transactionFirstOffset
        entry.transactionFirstOffset = nil
        entries[producerID] = entry
        guard let first else { return nil }
        let completed = Completed(
            producerID: producerID,
            firstOffset: first,
            lastOffset: offset,
            isAborted: result == .abort
        )
        undurable.append(completed)
        return completed
    }

    /// Takes note that everything below `offset` is durable.
    package mutating func noteDurable(below offset: Offset) {
        undurable.removeAll { $0.lastOffset < offset }
    }

    /// The first offset that a committed reader must not pass, nil if there is none.
    package var firstUnstableOffset: Offset? {
        let open = entries.values.compactMap(\.transactionFirstOffset).min()
        let ending = undurable.map(\.firstOffset).min()
        guard let open else { return ending }
        return min(open, ending ?? open)
    }

    /// The last stable offset behind a transaction that was just completed, as the transaction
    /// index records it.
    package func lastStableOffset(after completed: Completed) -> Offset {
        entries.lazy.filter { $0.key != completed.producerID }
            .compactMap { $0.value.transactionFirstOffset }.min()
            ?? completed.lastOffset.advanced(by: 1)
    }

    /// Forgets producers that were silent since before `time`; never one with an open transaction.
    package mutating func expire(olderThan time: Timestamp) {
        entries = entries.filter {
            $0.value.transactionFirstOffset != nil || $0.value.lastTimestamp >= time
        }
    }

    /// Puts an entry of a snapshot in place.
    package mutating func restore(_ entry: Entry, of producerID: ProducerID) {
        entries[producerID] = entry
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
        for completed in undurable {
            precondition(completed.firstOffset <= completed.lastOffset, "a marker before its data")
        }
    }
}
