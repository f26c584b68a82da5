import LogModel

/// The producers of a log as a reading of all of it gives them, for comparison with snapshots and
/// transaction indexes.
struct ProducerReplay {
    private var table = ProducerTable()
    private var aborted: [AbortedEntry] = []
    /// Where each producer's last batch or marker lies.
    private var lastOffsets: [ProducerID: Offset] = [:]
    /// The beginning of the log was deleted, and nothing tells of the producers before it.
    var isPartial = false
    /// Records were removed by compaction: sequences and first offsets can no longer be told.
    var sawCompaction = false

    mutating func begin(with table: ProducerTable) { self.table = table }

    mutating func beginSegment() { aborted = [] }

    /// Takes note of a batch; what is wrong with it, if anything is.
    mutating func note(_ batch: RecordBatchView) -> String? {
        do throws(RecordBatchError) {
            if let entry = try table.follow(batch) { aborted.append(entry) }
            table.noteDurable(below: batch.nextOffset)
            lastOffsets[batch.producerID] = batch.lastOffset
            return nil
        } catch { return "\(error)" }
    }

    /// What is wrong with the entries of the segment that was just read, or of its part below an
    /// offset.
    func fault(ofAborted entries: [AbortedEntry], below end: Offset? = nil) -> String? {
        let aborted = aborted.filter { entry in end.map { entry.lastOffset < $0 } ?? true }
        guard !isPartial, !sawCompaction, entries != aborted else { return nil }
        func isSame(_ left: AbortedEntry, _ right: AbortedEntry) -> Bool {
            left.producerID == right.producerID && left.firstOffset == right.firstOffset
                && left.lastOffset == right.lastOffset
        }
        let missing = aborted.first { known in !entries.contains { isSame($0, known) } }
        if let missing {
            return "the transaction of producer \(missing.producerID.rawValue), offsets "
                + "\(missing.firstOffset.rawValue) to \(missing.lastOffset.rawValue), was aborted, "
                + "and no entry says so"
        }
        let excess = entries.first { found in !aborted.contains { isSame($0, found) } }
        return excess.map {
            "an entry of producer \($0.producerID.rawValue), offsets \($0.firstOffset.rawValue) to "
                + "\($0.lastOffset.rawValue), that the log does not have"
        } ?? Self.wrongField(entries, aborted, isSame) ?? "an entry is there twice or out of order"
    }

    /// The last field alone, which a start cannot check, and by which nobody reads.
    private static func wrongField(
        _ entries: [AbortedEntry],
        _ aborted: [AbortedEntry],
        _ isSame: (AbortedEntry, AbortedEntry) -> Bool
    ) -> String? {
        guard entries.elementsEqual(aborted, by: isSame),
            let (found, known) = zip(entries, aborted).first(where: { $0 != $1 })
        else { return nil }
        return "the entry of producer \(found.producerID.rawValue), offsets "
            + "\(found.firstOffset.rawValue) to \(found.lastOffset.rawValue), tells the last "
            + "stable offset \(found.lastStableOffset.rawValue), which was "
            + "\(known.lastStableOffset.rawValue): nothing is read by it"
    }

    /// What is wrong with a snapshot that stands where the replay is.
    func fault(of snapshot: ProducerTable) -> String? {
        guard !sawCompaction else { return nil }
        for (id, held) in snapshot.entries.sorted(by: { $0.key < $1.key }) {
            guard let replayed = table.entries[id] else {
                if isPartial { continue }
                return "producer \(id.rawValue), which the log before it does not have"
            }
            if let reason = Self.difference(held, replayed) {
                return "producer \(id.rawValue) \(reason)"
            }
        }
        // Producers that were silent for long are forgotten, in the order in which they last wrote
        // or their last transaction ended, behind a restart in that of their last batches; those
        // with an open transaction never. One whose last batch came behind all that was heard of
        // another is not forgotten before it.
        let oldest = snapshot.entries.compactMap { id, entry -> Offset? in
            guard entry.transactionFirstOffset == nil else { return nil }
            return lastOffsets[id] ?? entry.batches.last?.lastOffset
        }.min()
        for (id, entry) in table.entries where snapshot.entries[id] == nil {
            let last = entry.batches.last?.lastOffset
            let isYoung = oldest.map { oldest in last.map { $0 >= oldest } ?? false } ?? false
            guard isYoung || entry.transactionFirstOffset != nil else { continue }
            return "producer \(id.rawValue) is not in it"
        }
        return nil
    }

    private static func difference(
        _ held: ProducerTable.Entry,
        _ replayed: ProducerTable.Entry
    ) -> String? {
        func unlike<Value: Equatable>(_ name: String, _ left: Value, _ right: Value) -> String? {
            left == right ? nil : "has \(name) \(left), the log says \(right)"
        }
        let first = (held.transactionFirstOffset, replayed.transactionFirstOffset)
        return unlike("epoch", held.epoch.rawValue, replayed.epoch.rawValue)
            ?? unlike("coordinator epoch", held.coordinatorEpoch, replayed.coordinatorEpoch)
            ?? unlike("an open transaction since", first.0?.rawValue ?? -1, first.1?.rawValue ?? -1)
            ?? unlike(
                "last sequence",
                held.batches.last?.lastSequence.rawValue ?? -1,
                replayed.batches.last?.lastSequence.rawValue ?? -1
            )
            ?? unlike(
                "last offset",
                held.batches.last?.lastOffset.rawValue ?? -1,
                replayed.batches.last?.lastOffset.rawValue ?? -1
            ) ?? earlierDifference(held.batches.dropLast(), replayed.batches.dropLast())
    }

    /// Of the batches before the last one, as far back as both know them: Kafka's snapshots and
    /// those of earlier versions tell of the last alone, and by the time of the producer's marker
    /// where one followed.
    private static func earlierDifference(
        _ held: ArraySlice<ProducerTable.Batch>,
        _ replayed: ArraySlice<ProducerTable.Batch>
    ) -> String? {
        zip(held.reversed(), replayed.reversed()).first { held, replayed in
            held.baseOffset != replayed.baseOffset || held.lastOffset != replayed.lastOffset
                || held.firstSequence != replayed.firstSequence
                || held.lastSequence != replayed.lastSequence
        }.map { held, replayed in
            "has a batch of offsets \(held.baseOffset.rawValue) to \(held.lastOffset.rawValue), "
                + "sequences \(held.firstSequence.rawValue) to \(held.lastSequence.rawValue), "
                + "where the log says offsets \(replayed.baseOffset.rawValue) to "
                + "\(replayed.lastOffset.rawValue), sequences "
                + "\(replayed.firstSequence.rawValue) to \(replayed.lastSequence.rawValue)"
        }
    }
}
