package import Bytes
package import LogModel

/// What a restart does: replay of the records, then the transactions that a crash left.
///
/// In this order: `replay` of the whole log, `resolveTopics`, `firstContradiction`,
/// `recoveryDecisions` (each appended and flushed), the markers of `unfinishedOrders`, then `fate`
/// of what partitions still hold open.
extension TransactionCoordinator {
    /// Takes over one record of the log, in the order of the log.
    package mutating func replay(_ record: TransactionRecord) {
        set(record.value.map { Entry(current: $0.durablePart) }, for: record.transactionalID)
    }

    /// Gives the partitions of open transactions whose record knows no topic id the id that the
    /// topic has now. Those of a topic that does not exist keep `.zero`.
    package mutating func resolveTopics(_ currentID: (String) -> UniqueID?) {
        for (id, entry) in entries {
            guard entry.current.partitions.contains(where: { $0.topicID == .zero }) else {
                continue
            }
            var resolved = entry
            resolved.current.partitions = Set(
                entry.current.partitions.map { partition in
                    guard partition.topicID == .zero else { return partition }
                    return TopicIDPartition(
                        currentID(partition.name.topic) ?? .zero,
                        partition.name
                    )
                }
            )
            set(resolved, for: id.text)
        }
    }

    /// The aborts to carry out at once, by id: of every open transaction whose owner lived in the
    /// process that ended. Those of remote owners stay until their timeout.
    package mutating func recoveryDecisions(now: Timestamp) -> [TransactionDecision] {
        let orphans = entries.values.filter {
            $0.current.state == .ongoing && !$0.current.isRemote && $0.pending == nil
        }
        return orphans.map(\.current).sorted {
            ExactText($0.transactionalID) < ExactText($1.transactionalID)
        }
        .map { fence($0, keepsOwner: false, now: now) }
    }

    /// The open transactions of remote owners, which go on: their partitions take more batches,
    /// also those that have none yet.
    package var transactionsThatGoOn: [TransactionMetadata] {
        entries.values.map(\.current).filter { $0.state == .ongoing && $0.isRemote }
            .sorted { ExactText($0.transactionalID) < ExactText($1.transactionalID) }
    }

    /// The markers to write again, by id: of every transaction whose outcome was decided and whose
    /// Complete record is missing.
    package func unfinishedOrders() -> [MarkerOrder] {
        entries.keys.sorted().compactMap { id in
            entries[id].flatMap { Self.markerOrder(for: $0.current) }
        }
    }

    /// What to do with the open transaction of a producer in `partition`; nil if no id of this
    /// shard has the producer (`OpenTransactionFate.decided` puts the answers together).
    ///
    /// A decided transaction ends as it was decided, whichever of its markers are missing. A remote
    /// owner's open one whose AddPartitions record was lost is taken back into its id's, so that
    /// the end reaches it.
    package mutating func fate(
        producerID: ProducerID,
        epoch: ProducerEpoch,
        partition: TopicIDPartition
    ) -> OpenTransactionFate? {
        guard let id = owners[producerID], let entry = entries[id], entry.current.epoch != .none
        else { return nil }
        if var order = Self.markerOrder(for: entry.current) {
            guard order.ends(openEpoch: epoch) else { return .abort }
            order.partitions = [partition]
            return .end(order)
        }
        guard entry.current.state == .ongoing, entry.current.isRemote,
            entry.current.epoch == epoch
        else { return .abort }
        var kept = entry
        kept.current.partitions.insert(partition)
        set(kept, for: id.text)
        return .keep
    }

    /// Whether an id of this shard has the producer.
    package func owns(_ producerID: ProducerID) -> Bool { owners[producerID] != nil }

    /// The highest producer id that a record names; `.none` without records.
    package var highestProducerID: ProducerID {
        entries.values.reduce(.none) {
            max($0, $1.current.producerID, $1.current.nextProducerID)
        }
    }

    /// Stops with a message if the state contradicts itself.
    package func checkInvariants() {
        if let contradiction = firstContradiction() { preconditionFailure(contradiction) }
    }

    /// What contradicts itself in the state; nil if nothing does. After a replay it is the log that
    /// is damaged.
    package func firstContradiction() -> String? {
        for id in entries.keys.sorted() {
            guard let entry = entries[id] else { continue }
            if let words = Self.contradiction(in: entry, of: id) {
                return "transactional id \(id): \(words)"
            }
            if owners[entry.current.producerID] != id {
                return "transactional id \(id): another one has its producer id"
            }
        }
        return owners.count == entries.count ? nil : "a producer id belongs to no transactional id"
    }

    private static func contradiction(in entry: Entry, of id: ExactText) -> String? {
        let current = entry.current
        if ExactText(current.transactionalID) != id { return "its record names another" }
        if current.producerID.rawValue < 0 { return "no producer id" }
        if current.epoch < .none { return "a negative epoch" }
        if current.partitions.contains(where: { $0.name.partition.rawValue < 0 }) {
            return "a negative partition"
        }
        switch current.state {
        case .empty, .completeCommit, .completeAbort:
            if !current.partitions.isEmpty { return "partitions without a transaction" }
            if current.nextProducerID != .none { return "a successor without an end" }
        case .ongoing, .prepareCommit, .prepareAbort:
            if current.startTime == .none { return "a transaction without a start" }
            if current.epoch == .none { return "a transaction without an owner" }
        case .dead, .prepareEpochFence:
            return "an impossible state"
        }
        if current.state == .ongoing, current.epoch > TransactionMetadata.lastClientEpoch {
            return "a transaction with the epoch kept for fencing"
        }
        guard let pending = entry.pending else {
            return current.epoch == .none ? "nobody asked for it" : nil
        }
        if !pending.next.state.mayFollow(current.state) { return "an impossible step" }
        if pending.next.producerID == current.producerID, pending.next.epoch < current.epoch {
            return "an epoch that goes back"
        }
        return nil
    }
}
