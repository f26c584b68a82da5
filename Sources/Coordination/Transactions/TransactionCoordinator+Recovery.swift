package import LogModel

/// What a restart does: replay of the records, then the transactions that a crash left.
extension TransactionCoordinator {
    /// Takes over one record of the log, in the order of the log.
    package mutating func replay(_ record: TransactionRecord) {
        guard let value = record.value else {
            entries[record.transactionalID] = nil
            return
        }
        entries[record.transactionalID] = Entry(current: value.durablePart, pending: nil)
    }

    /// The markers to write again, by id: of every transaction whose outcome was decided and whose
    /// Complete record is missing. Open transactions stay open until their timeout, or until
    /// their owner comes back.
    package func unfinishedOrders() -> [MarkerOrder] {
        entries.keys.sorted().compactMap { id in
            entries[id].flatMap { Self.markerOrder(for: $0.current) }
        }
    }

    /// What to do with a transaction that a partition holds open and that no marker order ended.
    package enum OpenTransactionFate: Equatable, Sendable {
        /// The open transaction of its id: it stays.
        case keep
        /// No record of it survived, so that nothing of it was ever promised: abort it.
        case abort
    }

    /// Decides about the open transaction of a producer in `partition`, after `unfinishedOrders`
    /// were carried out. An open transaction whose AddPartitions record was lost is taken back
    /// into its id's, so that the end reaches it.
    package mutating func adopt(
        producerID: ProducerID,
        epoch: ProducerEpoch,
        partition: TopicPartition
    ) -> OpenTransactionFate {
        let owner = entries.first { $0.value.current.producerID == producerID }
        guard let (id, entry) = owner, entry.current.state == .ongoing,
            entry.current.epoch == epoch
        else { return .abort }
        entries[id]?.current.partitions.insert(partition)
        return .keep
    }

    /// The latest records of the ids that `isIncluded` takes, sorted, which say all that their log
    /// says; nil while a record of one of them is on its way.
    package func settledRecords(of isIncluded: (String) -> Bool) -> [TransactionRecord]? {
        let included = entries.filter { isIncluded($0.key) }
        guard included.values.allSatisfy({ $0.pending == nil }) else { return nil }
        return included.keys.sorted().map { id in
            TransactionRecord(transactionalID: id, value: included[id]?.current.durablePart)
        }
    }

    /// Stops with a message if the state contradicts itself.
    package func checkInvariants() {
        var owners: [ProducerID: String] = [:]
        for (id, entry) in entries {
            let current = entry.current
            precondition(current.transactionalID == id, "an entry under another id")
            precondition(owners.updateValue(id, forKey: current.producerID) == nil, "a shared id")
            precondition(current.epoch >= .none, "an impossible epoch")
            precondition(current.state != .dead && current.state != .prepareEpochFence)
            if current.state.isIdle {
                precondition(current.partitions.isEmpty, "partitions without a transaction")
                precondition(current.nextProducerID == .none, "a successor without an end")
            } else {
                precondition(current.startTime != .none, "a transaction without a start")
                precondition(current.epoch != .none, "a transaction without an owner")
            }
            if current.state == .ongoing {
                precondition(
                    current.epoch <= TransactionMetadata.lastClientEpoch,
                    "the last epoch was given away"
                )
            }
            guard let pending = entry.pending else {
                precondition(current.epoch != .none, "an id that nobody asked for")
                continue
            }
            precondition(pending.next.state.mayFollow(current.state), "an impossible step")
            precondition(
                pending.next.producerID != current.producerID
                    || pending.next.epoch >= current.epoch,
                "an epoch that went back"
            )
        }
    }
}
