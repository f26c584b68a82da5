import LogModel

@testable import LogStorage

/// What must be true of a compacted log, whatever was cleaned of it and however often.
struct CompactionModel {
    /// Latest values that readers may see, by key.
    private var latest: [String: CompactedTopic.Record] = [:]
    private var appended: [Int64: CompactedTopic.Record] = [:]
    private var hidden: Set<Int64> = []
    private let lastStableOffset: Offset
    private let producers: ProducerTable

    init(_ topic: CompactedTopic) {
        lastStableOffset = topic.lastStableOffset
        producers = topic.producers
        for (record, _, outcome) in topic.history {
            appended[record.offset] = record
            if outcome == .aborted || outcome == .open { hidden.insert(record.offset) }
            guard outcome == .none || outcome == .committed, let key = record.key,
                record.offset < topic.lastStableOffset.rawValue
            else { continue }
            latest[key] = record
        }
    }

    /// - Parameter untouched: Records from this offset on must all be there.
    func check(_ log: ScannedLog, untouched: Offset) throws {
        for (left, right) in zip(log.batches, log.batches.dropFirst()) where left.last >= right.base
        {
            throw CompactionFailure("batch \(right.base) behind one that ends at \(left.last)")
        }
        var previous: Int64 = -1
        for record in log.records {
            guard record.offset > previous, appended[record.offset] == record else {
                throw CompactionFailure("\(record) is not what was appended")
            }
            previous = record.offset
        }
        let there = Set(log.records.map(\.offset))
        for offset in appended.keys where offset >= untouched.rawValue && !there.contains(offset) {
            throw CompactionFailure("offset \(offset) is gone, which nothing was to touch")
        }
        try checkCommitted(log.committed(upTo: lastStableOffset, log.storedAborted), "stored")
        try checkCommitted(log.committed(upTo: lastStableOffset, log.rebuiltAborted), "rebuilt")
        try checkProducers(log.producers)
    }

    private func checkCommitted(_ records: [CompactedTopic.Record], _ index: String) throws {
        var found: [String: CompactedTopic.Record] = [:]
        for record in records {
            guard !hidden.contains(record.offset) else {
                throw CompactionFailure("\(record) of no committed transaction (\(index) index)")
            }
            if let key = record.key { found[key] = record }
        }
        for (key, record) in latest where record.value != nil && found[key] != record {
            throw CompactionFailure("\(record) is lost; \(found[key].map { "\($0)" } ?? "nothing")")
        }
        for (key, record) in found where latest[key]?.value != record.value {
            let last = latest[key].map { "\($0)" } ?? "nothing"
            throw CompactionFailure("\(record) came back from the dead: \(last)")
        }
    }

    /// What a full scan finds out about the producers is what the log knew.
    private func checkProducers(_ found: ProducerTable) throws {
        guard (found.firstUnstableOffset ?? .zero) == (producers.firstUnstableOffset ?? .zero)
        else { throw CompactionFailure("another last stable offset") }
        for (id, entry) in producers.entries {
            guard let other = found.entries[id] else {
                throw CompactionFailure("producer \(id.rawValue) is forgotten")
            }
            guard other.epoch == entry.epoch,
                other.transactionFirstOffset == entry.transactionFirstOffset,
                Self.facts(of: other) == Self.facts(of: entry)
            else { throw CompactionFailure("producer \(id.rawValue): \(other), was \(entry)") }
        }
    }

    /// What tells a duplicate from the next batch.
    private static func facts(of entry: ProducerTable.Entry) -> [Int64] {
        guard let last = entry.batches.last else { return [] }
        return [
            Int64(last.firstSequence.rawValue), Int64(last.lastSequence.rawValue),
            last.baseOffset.rawValue, last.lastOffset.rawValue,
        ]
    }
}
