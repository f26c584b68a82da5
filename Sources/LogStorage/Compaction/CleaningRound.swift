import LogModel

/// Since which offset a leader epoch wrote.
struct EpochStart: Equatable, Sendable {
    var epoch: LeaderEpoch
    var offset: Offset
}

/// Everything that one round of cleaning is told, taken at one moment under the log's lock.
struct CleaningRound: Sendable {
    var plan: CleaningPlan
    var options: CleaningOptions
    /// Which of the segments were compacted before.
    var compacted: CompactedSegments
    /// The aborted transactions of all segments, the active one included.
    var aborted: [AbortedEntry]
    /// Every producer that the log remembers.
    var producers: [ProducerID: LastProducerRecord]
    /// The leader epochs in their order; not checked if there are none.
    var epochs: [EpochStart] = []
    /// The wall clock.
    var now: Timestamp

    /// When tombstones may go that this round is the first to see.
    var deleteHorizon: Timestamp {
        let (time, overflows) = now.rawValue.addingReportingOverflow(
            options.deleteRetentionMilliseconds
        )
        return Timestamp(overflows ? .max : time)
    }
}

/// A group of segments written again as one, in files that do not count yet.
struct CleanedGroup: Sendable {
    /// The segments that it replaces, the first of which has its base.
    var oldBases: [Offset]
    var entry: CompactedSegments.Entry
    var index: SegmentIndex
    var aborted: [AbortedEntry]
    var firstTimestamp: Timestamp?
    /// The new `.log` file, open; it stays the same file under each of its names. Whoever has the
    /// group closes it.
    var file: any DiskFile

    var base: Offset { entry.base }
    var byteCount: Int64 { entry.byteCount }
    var largestTimestamp: Timestamp { index.largestTimestamp }
}

/// What a round did, for people who want to know.
struct CleaningStatistics: Equatable, Sendable {
    var readByteCount: Int64 = 0
    var writtenByteCount: Int64 = 0
    var recordCount = 0
    var keptRecordCount = 0
    var supersededCount = 0
    var expiredTombstoneCount = 0
    /// Records without a key: a compacted topic takes none, but it may not always have been one.
    var keylessCount = 0
    var abortedRecordCount = 0
    var removedMarkerCount = 0
    var keyCount = 0
    var roundEnd: Offset?
}
