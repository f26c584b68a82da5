import LogModel
import Threads

/// What a log remembers of its producers.
extension PartitionLog {
    /// The producers that the log remembers, by id.
    package var activeProducers: [ActiveProducer] {
        get throws(LogStorageError) {
            try wake()
            return active(state.withLock { $0.producers.entries })
        }
    }

    /// The producers whose transaction was open when the partition was opened, and still is:
    /// whoever began it did so before.
    package var producersFoundOpen: [ActiveProducer] {
        get throws(LogStorageError) {
            try wake()
            return active(
                state.withLock { state in
                    let found = state.foundOpen
                    return state.producers.entries.filter { id, entry in
                        guard let first = entry.transactionFirstOffset else { return false }
                        return found[id] == first
                    }
                }
            )
        }
    }

    private func active(_ entries: [ProducerID: ProducerTable.Entry]) -> [ActiveProducer] {
        entries.sorted { $0.key < $1.key }.map { id, entry in
            ActiveProducer(
                producerID: id,
                epoch: entry.epoch,
                lastSequence: entry.batches.last?.lastSequence ?? .none,
                lastTimestamp: entry.lastTimestamp,
                coordinatorEpoch: entry.coordinatorEpoch,
                currentTransactionFirstOffset: entry.transactionFirstOffset
            )
        }
    }
}

extension LogState {
    /// Remembers the transactions that are open now.
    mutating func noteFoundOpen() {
        foundOpen = producers.entries.compactMapValues(\.transactionFirstOffset)
    }
}
