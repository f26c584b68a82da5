package import LogModel
package import LogStorage

/// The transactions of one partition of Kafka's, followed batch by batch: which were aborted, which
/// are open, and which of these their coordinator has decided.
package struct PartitionTransactions: Sendable {
    /// How a transaction ends that its coordinator has decided, as its Prepare record has it, or
    /// has ended, as its Complete record has it.
    package struct Decision: Equatable, Sendable {
        package var producerID: ProducerID
        /// The epoch of the markers.
        package var epoch: ProducerEpoch
        package var result: TransactionResult
        /// Kafka's transaction version of the client. From 2 on each end raises the epoch: records
        /// with the epoch of the markers belong to the next transaction.
        package var clientVersion: Int16
        /// When it was decided.
        package var time: Timestamp
        /// Its markers were written everywhere; in which partitions nothing tells any more.
        package var isComplete: Bool

        package init(
            producerID: ProducerID,
            epoch: ProducerEpoch,
            result: TransactionResult,
            clientVersion: Int16,
            time: Timestamp,
            isComplete: Bool = false
        ) {
            self.producerID = producerID
            self.epoch = epoch
            self.result = result
            self.clientVersion = clientVersion
            self.time = time
            self.isComplete = isComplete
        }
    }

    /// The end of a transaction that is decided and has no marker here, with the coordinator epoch
    /// that such a marker has at least.
    package typealias PendingEnd = (decision: Decision, coordinatorEpoch: Int32)

    /// The producers that the log ends with.
    package private(set) var producers = ProducerTable()
    /// The offsets of each producer's aborted transactions, first record to marker, ascending.
    package private(set) var aborted: [ProducerID: [ClosedRange<Offset>]] = [:]
    /// The latest time of each producer's markers.
    private var markerTimes: [ProducerID: Timestamp] = [:]

    private static let versionOfBumpedEpochs: Int16 = 2

    package init() {}

    /// Takes note of whatever batch is next in the log.
    package mutating func follow(_ batch: RecordBatchView) throws(RecordBatchError) {
        guard batch.attributes.isControl else { return producers.note(batch) }
        guard let marker = try EndTransactionMarker(batch), batch.producerID != .none else {
            return
        }
        let known = markerTimes[batch.producerID] ?? .none
        markerTimes[batch.producerID] = max(known, batch.maxTimestamp)
        let completed = producers.noteMarker(
            producerID: batch.producerID,
            epoch: batch.producerEpoch,
            coordinatorEpoch: marker.coordinatorEpoch,
            result: marker.result,
            at: batch.lastOffset,
            timestamp: batch.maxTimestamp
        )
        producers.noteDurable(below: batch.nextOffset)
        guard let completed, completed.isAborted else { return }
        aborted[completed.producerID, default: []].append(
            completed.firstOffset...completed.lastOffset
        )
    }

    /// Ends what producers hold open at the end of the log as their coordinator has decided.
    ///
    /// - Parameters:
    ///   - decisions: on transactions in this partition.
    ///   - complete: of each producer whose transactions have all ended, its last one.
    ///   - isWhole: Whether all of the partition was read. Of one that is damaged the missing part
    ///     may hold the marker that an open transaction seems to lack.
    package mutating func end(
        by decisions: [Decision],
        complete: [ProducerID: Decision] = [:],
        at logEnd: Offset,
        isWhole: Bool
    ) -> [PendingEnd] {
        let ended = openTransactions(before: logEnd).compactMap { complete[$0.producer] }
        return (decisions + ended).compactMap { end(by: $0, at: logEnd, isWhole: isWhole) }
    }

    /// What producers hold open whose coordinator says that it has ended all of theirs: markers are
    /// lost, here or what the coordinator noted since. Nothing tells how they ended.
    package func openThoughEnded(
        _ complete: [ProducerID: Decision],
        before logEnd: Offset
    ) -> [(producer: ProducerID, first: Offset)] {
        openTransactions(before: logEnd).filter { complete[$0.producer] != nil }
    }

    /// The transactions that are open at an end of the log, by their begin.
    private func openTransactions(
        before logEnd: Offset
    ) -> [(producer: ProducerID, first: Offset)] {
        producers.entries.compactMap { id, entry in
            guard let first = entry.transactionFirstOffset, first < logEnd else { return nil }
            return (id, first)
        }.sorted { $0.first < $1.first }
    }

    /// Ends what nobody has decided as the next start of its broker would, in the end: no owner is
    /// there to commit it any more. Gives the first offset of each, by producer.
    package mutating func abortOpen(at logEnd: Offset) -> [ProducerID: Offset] {
        var ended: [ProducerID: Offset] = [:]
        for (id, entry) in producers.entries {
            guard let first = entry.transactionFirstOffset, first < logEnd else { continue }
            _ = producers.noteMarker(
                producerID: id,
                epoch: entry.epoch,
                coordinatorEpoch: max(entry.coordinatorEpoch, 0),
                result: .abort,
                at: logEnd.advanced(by: -1),
                timestamp: entry.lastTimestamp
            )
            ended[id] = first
        }
        producers.noteDurable(below: logEnd)
        return ended
    }

    private mutating func end(
        by decision: Decision,
        at logEnd: Offset,
        isWhole: Bool
    ) -> PendingEnd? {
        guard let entry = producers.entries[decision.producerID],
            let first = entry.transactionFirstOffset, first < logEnd,
            isDecided(entry, by: decision, isWhole: isWhole)
        else { return nil }
        let last = logEnd.advanced(by: -1)
        let coordinatorEpoch = max(entry.coordinatorEpoch, 0)
        _ = producers.noteMarker(
            producerID: decision.producerID,
            epoch: decision.epoch,
            coordinatorEpoch: coordinatorEpoch,
            result: decision.result,
            at: last,
            timestamp: entry.lastTimestamp
        )
        producers.noteDurable(below: logEnd)
        if decision.result == .abort {
            aborted[decision.producerID, default: []].append(first...last)
        }
        return (decision, coordinatorEpoch)
    }

    /// Whether the open transaction is the one that the decision ends, and no later one of the same
    /// producer: the state log is another file, and may have lost what it said of the later one.
    private func isDecided(
        _ open: ProducerTable.Entry,
        by decision: Decision,
        isWhole: Bool
    ) -> Bool {
        let bumpsEpoch = decision.clientVersion >= Self.versionOfBumpedEpochs
        guard isWhole, !decision.isComplete else {
            return bumpsEpoch && Int(open.epoch.rawValue) + 1 == Int(decision.epoch.rawValue)
        }
        // A marker raises the epoch of its producer: this decision's is not there.
        if open.epoch < decision.epoch { return true }
        guard open.epoch == decision.epoch, !bumpsEpoch else { return false }
        // Without a bump only the clock tells this decision's marker from the one before.
        return markerTimes[decision.producerID].map { $0 < decision.time } ?? true
    }
}
