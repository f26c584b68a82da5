import LogModel

/// What the log remembers of a producer that a cleaning must not take away: its last batch holds
/// the last sequence number; where there is none of its epoch, a marker alone holds the epoch.
struct LastProducerRecord: Equatable, Sendable {
    var lastDataOffset: Offset?
    var epoch: ProducerEpoch
}

/// Which batches and records a cleaning keeps. Values in, verdicts out.
///
/// A record stays if no later one of its key lies in the part that was surveyed; a tombstone stays
/// besides that until its batch's delete horizon has passed. Records of aborted transactions go
/// whatever their key. A marker stays until no batch of its transaction is left *and* its horizon
/// has passed. The last batch of an active producer stays, if need be without records, and so does
/// the last batch of the round: readers of the log reach its end by it.
struct RetentionRules: Equatable, Sendable {
    /// What the rules look at of a batch.
    struct Batch: Equatable, Sendable {
        var baseOffset: Offset
        var lastOffset: Offset
        var producerID = ProducerID.none
        var producerEpoch = ProducerEpoch.none
        var deleteHorizon: Timestamp?
    }

    enum Verdict: Equatable, Sendable {
        /// The batch stays as it is.
        case keep
        /// A marker of which nothing else is left: it stays, and gets a delete horizon.
        case keepUntilHorizon
        case drop
        /// The batch stays without its records.
        case empty
        /// Each record is looked at. Without any left the batch goes, or stays empty.
        case filter(staysEmpty: Bool)
    }

    enum RecordVerdict: Equatable, Sendable {
        case keep
        /// A later record of its key exists.
        case superseded
        /// A tombstone whose horizon has passed.
        case expired
        /// A record without a key has no place in a compacted topic.
        case keyless
    }

    var now: Timestamp
    /// Records from here on were not surveyed: they stay.
    var roundEnd: Offset
    /// Where the last batch of the round ends.
    var lastBatchOffset: Offset?
    var producers: [ProducerID: LastProducerRecord] = [:]

    func verdict(on batch: Batch, _ role: CleanedTransactions.Role) -> Verdict {
        guard batch.baseOffset < roundEnd else { return .keep }
        switch role {
        case .otherControl: return .keep
        case .data: return .filter(staysEmpty: isNeeded(batch, isMarker: false))
        case .abortedData: return isNeeded(batch, isMarker: false) ? .empty : .drop
        case .emptiedControl: return isLast(batch) ? .keep : .drop
        case .marker(let isAlone, _):
            guard isAlone else { return .keep }
            guard let horizon = batch.deleteHorizon else { return .keepUntilHorizon }
            // Emptied, a marker would no longer tell its epoch: it stays whole.
            return horizon > now || isNeeded(batch, isMarker: true) ? .keep : .drop
        }
    }

    /// - Parameter latest: The latest offset of the record's key in the part that was surveyed.
    func verdict(
        onRecordAt offset: Offset,
        hasKey: Bool,
        hasValue: Bool,
        latest: Offset?,
        deleteHorizon: Timestamp?
    ) -> RecordVerdict {
        guard offset < roundEnd else { return .keep }
        guard hasKey else { return .keyless }
        if let latest, latest > offset { return .superseded }
        if !hasValue, let deleteHorizon, deleteHorizon <= now { return .expired }
        return .keep
    }

    private func isNeeded(_ batch: Batch, isMarker: Bool) -> Bool {
        isLast(batch) || holdsProducer(batch, isMarker: isMarker)
    }

    private func isLast(_ batch: Batch) -> Bool { batch.lastOffset == lastBatchOffset }

    private func holdsProducer(_ batch: Batch, isMarker: Bool) -> Bool {
        guard batch.producerID.rawValue >= 0, let last = producers[batch.producerID] else {
            return false
        }
        if let offset = last.lastDataOffset { return !isMarker && batch.lastOffset == offset }
        return isMarker && batch.producerEpoch == last.epoch
    }
}

extension RetentionRules.Batch {
    init(_ batch: RecordBatchView) {
        baseOffset = batch.baseOffset
        lastOffset = batch.lastOffset
        producerID = batch.producerID
        producerEpoch = batch.producerEpoch
        deleteHorizon = batch.deleteHorizon
    }
}
