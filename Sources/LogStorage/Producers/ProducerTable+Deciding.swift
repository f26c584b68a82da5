package import LogModel

extension ProducerTable {
    /// What is to be done with a batch.
    package enum Decision: Equatable, Sendable {
        case append
        case duplicate(base: Offset, last: Offset)
        case refuse(KafkaErrorCode, String)
    }

    /// Whether a batch may follow what the log holds. Changes nothing.
    ///
    /// - Parameters:
    ///   - checksSequence: false for coordinators, which do not number their records: theirs is the
    ///     lock that keeps them in order.
    ///   - checksTransaction: whether a transactional batch needs a transaction that has begun here
    ///     and has not ended, and no older one of its producer that is open still, whose records
    ///     would get the later one's end. Decided and appended under one lock, this is what keeps
    ///     a batch that comes late from opening a transaction that nobody will end. False for
    ///     replays.
    package func decide(
        _ batch: RecordBatchView,
        checksSequence: Bool = true,
        checksTransaction: Bool = false
    ) -> Decision {
        let id = batch.producerID
        guard id.rawValue >= 0 else {
            return batch.attributes.isTransactional
                ? .refuse(.invalidRecord, "a transactional batch without a producer id") : .append
        }
        guard batch.baseSequence.rawValue >= 0 || !checksSequence else {
            return .refuse(.invalidRecord, "producer \(id.rawValue) sent no sequence number")
        }
        if let entry = entries[id] {
            let decision = decide(batch, entry, checksSequence: checksSequence)
            guard decision == .append else { return decision }
        }
        guard checksTransaction, batch.attributes.isTransactional else { return .append }
        guard isInTransaction(producerID: id, epoch: batch.producerEpoch) else {
            return .refuse(
                .invalidTransactionState,
                "producer \(id.rawValue), epoch \(batch.producerEpoch.rawValue): the partition is "
                    + "in no open transaction of it"
            )
        }
        guard let open = openTransactionEpoch(of: id), open < batch.producerEpoch else {
            return .append
        }
        return .refuse(
            .concurrentTransactions,
            "producer \(id.rawValue), epoch \(batch.producerEpoch.rawValue): the transaction of "
                + "epoch \(open.rawValue) has not ended here"
        )
    }

    private func decide(
        _ batch: RecordBatchView,
        _ entry: Entry,
        checksSequence: Bool
    ) -> Decision {
        let id = batch.producerID.rawValue
        if batch.producerEpoch < entry.epoch {
            return .refuse(
                .invalidProducerEpoch,
                "producer \(id): epoch \(batch.producerEpoch.rawValue) is older than "
                    + "\(entry.epoch.rawValue)"
            )
        }
        let sequence = checksSequence ? decideSequence(of: batch, entry) : .append
        guard sequence == .append, entry.transactionFirstOffset != nil,
            !batch.attributes.isTransactional
        else { return sequence }
        return .refuse(
            .invalidTransactionState,
            "producer \(id): a batch outside its open transaction"
        )
    }

    private func decideSequence(of batch: RecordBatchView, _ entry: Entry) -> Decision {
        let first = batch.baseSequence
        let isNewEpoch = batch.producerEpoch > entry.epoch && entry.epoch != .none
        if isNewEpoch || entry.batches.isEmpty {
            // A new epoch begins at 0, also one that only a marker has told of.
            return first.rawValue == 0
                ? .append : outOfOrder(batch, expected: SequenceNumber(0))
        }
        let known = entry.batches.first {
            $0.firstSequence == first && $0.lastSequence == batch.lastSequence
        }
        if let known { return .duplicate(base: known.baseOffset, last: known.lastOffset) }
        // As in Kafka, numbers count within an epoch only: without one any will do.
        if entry.epoch == .none { return .append }
        let last = entry.batches.last?.lastSequence ?? .none
        let next = last == .none ? SequenceNumber(0) : last.advanced(by: 1)
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
}
