import Coordination
import LogModel
import LogStorage

/// A record of the coordinator that lies in the log and found no room to become durable.
///
/// It cannot be taken back: any group of its partition makes it durable, and then it counts. So
/// its id answers CONCURRENT_TRANSACTIONS until that has happened, and goes on by itself.
struct UndecidedRecord: Sendable {
    var offset: Offset
    var reason: String
}

/// Decisions that wait to become durable.
extension Broker {
    /// What of a record whose flush failed follows: nothing if it is durable all the same; an error
    /// that asks the caller to come again while it waits.
    func settle(
        _ id: String,
        recordAt offset: Offset,
        after error: BrokerError,
        in shard: TransactionShard
    ) throws(BrokerError) {
        switch shard.partition.fate(ofRecordAt: offset) {
        case .durable: return
        case .waiting:
            let record = UndecidedRecord(offset: offset, reason: error.description)
            try shard.withState { $0.undecided[id] = record }
            throw .undecided(Self.words(for: record, of: id))
        case .lost:
            try shard.withState { $0.coordinator.appendUncertain(id) }
            shard.raise()
            throw error
        }
    }

    /// Tries once more to make durable what waits for that, and goes on with what is.
    func settleUndecided(of shard: TransactionShard) {
        let waiting = (try? shard.withState { $0.undecided }) ?? [:]
        guard !waiting.isEmpty else { return }
        do throws(BrokerError) { try flush([shard.partition]) } catch { counters.countFailure() }
        for (id, record) in waiting.sorted(by: { $0.key < $1.key }) {
            do throws(BrokerError) { try settle(id.text, record, in: shard) } catch {
                counters.countFailure()
            }
        }
    }

    private func settle(
        _ id: String,
        _ record: UndecidedRecord,
        in shard: TransactionShard
    ) throws(BrokerError) {
        let fate = shard.partition.fate(ofRecordAt: record.offset)
        guard fate != .waiting else { return }
        let continuation = try shard.withState { state -> TransactionContinuation? in
            guard state.undecided.removeValue(forKey: ExactText(id)) != nil else { return nil }
            guard fate == .durable else {
                state.coordinator.appendUncertain(id)
                return nil
            }
            return state.coordinator.appended(id)
        }
        shard.raise()
        if let continuation { _ = try conclude(continuation, in: shard) }
    }

    /// What the decision about this transactional id waits for, for a person; nil if for nothing.
    package func undecidedReason(of transactionalID: String) -> String? {
        guard let shard = knownShard(of: transactionalID),
            let record = try? shard.withState({ $0.undecided[transactionalID] })
        else { return nil }
        return Self.words(for: record, of: transactionalID)
    }

    private static func words(for record: UndecidedRecord, of id: String) -> String {
        "the last request of \(id) is in the log and not durable yet: \(record.reason); "
            + "it goes on by itself once that is over"
    }
}
