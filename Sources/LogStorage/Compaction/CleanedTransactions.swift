import LogModel

/// Which batches belong to aborted transactions, and of which transactions nothing but the marker
/// is left, as the batches of a log go by in their order.
///
/// It is told the aborted transactions of the whole log, not of a segment or a group of them: a
/// transaction may begin in any segment before its marker's, or behind the part that is cleaned.
/// One value lives through all groups of a round (KAFKA-8351) and asks nothing of the range that
/// is cleaned (KAFKA-13727).
struct CleanedTransactions: Sendable {
    /// What a batch is to the transactions.
    enum Role: Equatable, Sendable {
        /// Records that readers see.
        case data
        /// Records of an aborted transaction.
        case abortedData
        /// The end of a transaction. `isAlone`: no batch of it was met. `aborted`: what the
        /// transaction index must go on to say, as long as there is one.
        case marker(isAlone: Bool, aborted: AbortedEntry?)
        /// A control batch that ends no transaction.
        case otherControl
        /// A control batch without a record: a cleaner was here before.
        case emptiedControl
    }

    /// Of each producer in the order of their offsets; those of one producer never overlap.
    private var aborted: [ProducerID: [AbortedEntry]] = [:]
    /// Producers of which a batch was met since their last marker.
    private var met: Set<ProducerID> = []

    /// - Parameter aborted: The entries of all segments, in any order.
    init(aborted entries: [AbortedEntry]) {
        for entry in entries { aborted[entry.producerID, default: []].append(entry) }
        for id in aborted.keys { aborted[id]?.sort { $0.firstOffset < $1.firstOffset } }
    }

    /// Begins again at the first batch.
    mutating func restart() { met = [] }

    /// Takes note of a data batch.
    mutating func noteData(
        producerID: ProducerID,
        isTransactional: Bool,
        at offset: Offset
    ) -> Role {
        guard isTransactional else { return .data }
        met.insert(producerID)
        return entry(of: producerID, at: offset) == nil ? .data : .abortedData
    }

    /// Takes note of a marker.
    ///
    /// - Throws: If the transaction index contradicts the log: what it calls aborted must be, and
    ///   the other way about, or aborted records would become committed ones.
    mutating func noteMarker(
        producerID: ProducerID,
        result: TransactionResult,
        at offset: Offset
    ) throws(LogStorageError) -> Role {
        let hasData = met.remove(producerID) != nil
        let entry = entry(of: producerID, at: offset)
        switch result {
        case .commit:
            guard entry == nil || !hasData else {
                throw .corrupt(
                    "the transaction index calls the transaction of producer "
                        + "\(producerID.rawValue) aborted that is committed at offset "
                        + "\(offset.rawValue)"
                )
            }
            return .marker(isAlone: !hasData, aborted: nil)
        case .abort:
            guard hasData else { return .marker(isAlone: true, aborted: nil) }
            guard let entry, entry.lastOffset == offset else {
                throw .corrupt(
                    "the transaction index does not know the transaction of producer "
                        + "\(producerID.rawValue) that is aborted at offset \(offset.rawValue)"
                )
            }
            return .marker(isAlone: false, aborted: entry)
        }
    }

    /// The aborted transaction that a producer's offset belongs to.
    private func entry(of producerID: ProducerID, at offset: Offset) -> AbortedEntry? {
        guard let entries = aborted[producerID] else { return nil }
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].firstOffset <= offset { low = middle + 1 } else { high = middle }
        }
        guard low > 0, offset <= entries[low - 1].lastOffset else { return nil }
        return entries[low - 1]
    }
}

extension CleanedTransactions {
    /// Takes note of whatever batch is next.
    mutating func note(_ batch: RecordBatchView) throws(LogStorageError) -> Role {
        guard batch.attributes.isControl else {
            return noteData(
                producerID: batch.producerID,
                isTransactional: batch.attributes.isTransactional,
                at: batch.baseOffset
            )
        }
        guard batch.recordCount > 0 else { return .emptiedControl }
        let marker: EndTransactionMarker?
        do throws(RecordBatchError) { marker = try EndTransactionMarker(batch) } catch {
            throw .corrupt("the control batch at \(batch.baseOffset.rawValue): \(error)")
        }
        guard let marker else { return .otherControl }
        return try noteMarker(
            producerID: batch.producerID,
            result: marker.result,
            at: batch.lastOffset
        )
    }
}
