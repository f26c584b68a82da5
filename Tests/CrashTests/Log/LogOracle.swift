import LogModel

/// What a test knows of one partition: everything that was ever appended to it, in order, and what
/// of that it was told to be durable.
struct LogOracle: Sendable {
    struct Entry: Sendable, Equatable {
        enum Kind: Sendable, Equatable {
            /// The whole batch as it must lie in the log.
            case data([UInt8])
            case marker(TransactionResult)
        }

        var base: Int64
        var last: Int64
        var kind: Kind
        var producerID: Int64 = -1
        var epoch: Int16 = -1
        var baseSequence: Int32 = -1
        var isTransactional = false
    }

    struct Transaction: Equatable, Comparable {
        var producerID: Int64
        var first: Int64
        var last: Int64

        static func < (left: Transaction, right: Transaction) -> Bool {
            (left.first, left.last) < (right.first, right.last)
        }
    }

    /// What follows from a run of entries by the rules alone.
    struct Outcome: Equatable {
        var end: Int64 = 0
        /// First offset of each open transaction by producer.
        var open: [Int64: Int64] = [:]
        var aborted: [Transaction] = []
        /// Offsets of batches that a read_committed reader is to see.
        var committed: [Int64] = []
        var lastStableOffset: Int64 { open.values.min() ?? end }
    }

    /// In order, with the one that is being appended.
    var entries: [Entry] = []
    /// Offsets below were acked as durable.
    var flushedEnd: Int64 = 0
    var logStart: Int64 = 0
    /// Where the log start may be, if a deletion was under way.
    var attemptedLogStart: Int64 = 0
    /// The highest LSO that a reader was told.
    var lastStableSeen: Int64 = 0
    /// A flush failed: nothing since was acked.
    var hasFailed = false

    var end: Int64 { entries.last.map { $0.last + 1 } ?? 0 }

    mutating func noteFlushed(upTo offset: Int64) {
        flushedEnd = max(flushedEnd, offset)
    }

    /// The outcome of the entries that lie below `end`.
    static func outcome<Entries: Sequence<Entry>>(of entries: Entries) -> Outcome {
        var outcome = Outcome()
        var dataByProducer: [Int64: [Int64]] = [:]
        for entry in entries {
            outcome.end = entry.last + 1
            switch entry.kind {
            case .data where !entry.isTransactional:
                outcome.committed.append(entry.base)
            case .data:
                if outcome.open[entry.producerID] == nil {
                    outcome.open[entry.producerID] = entry.base
                }
                dataByProducer[entry.producerID, default: []].append(entry.base)
            case .marker(let result):
                let data = dataByProducer.removeValue(forKey: entry.producerID) ?? []
                guard let first = outcome.open.removeValue(forKey: entry.producerID) else {
                    continue
                }
                switch result {
                case .commit: outcome.committed += data
                case .abort:
                    outcome.aborted.append(
                        Transaction(producerID: entry.producerID, first: first, last: entry.last)
                    )
                }
            }
        }
        outcome.committed.sort()
        outcome.aborted.sort()
        return outcome
    }
}
