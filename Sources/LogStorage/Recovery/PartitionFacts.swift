import LogModel

/// What a directory knows of a partition before it is opened.
struct PartitionFacts: Equatable, Sendable {
    /// What becomes of bytes that lie behind `end`.
    enum Tail: Equatable, Sendable {
        /// Nothing vouches for them: they are cut. Below `end` everything is there, or damage.
        case cut
        /// Relaxed durability: they are kept as far as they are whole.
        case keepWhole
        /// The directory's checkpoint is gone, or of an earlier time than the folder: what is whole
        /// is kept, and a tail that is not may have been acknowledged, so that nothing is cut.
        case unknown(String)

        var isUnknown: Bool { if case .unknown = self { true } else { false } }
    }

    var recovery = PartitionCheckpoint.zero
    /// The end that the journal vouches for.
    var end = LogPlace.zero
    var logStart = Offset.zero
    var tail = Tail.cut
    /// Why acknowledged records may be missing: then the partition takes no more.
    var suspicion: String?
    /// Why it is not even tried to open it.
    var offlineReason: String?
    /// What kept its part of the journal out of its segments at the start, and may be over later:
    /// until it is written there the partition is not opened.
    var replayObstacle: String?

    /// A partition that nothing was ever appended to.
    static let empty = PartitionFacts()

    init() {}

    /// Of what a directory's checkpoint says of a partition; `isKnown` tells that neither it nor
    /// the journal has lost anything.
    init(_ checkpoint: PartitionCheckpoint?, isKnown: Bool, isRelaxed: Bool) {
        self = checkpoint.map { PartitionFacts($0) } ?? .empty
        if !isKnown { tail = .unknown("the directory's checkpoint or journal is lost") }
        if isRelaxed, tail == .cut { tail = .keepWhole }
    }

    /// The journal is damaged where it told of the partition, or may have.
    mutating func note(_ damage: JournalDamage) {
        suspicion = damage.description
        recovery.doubt = .recordsMissing
    }

    init(_ checkpoint: PartitionCheckpoint) {
        recovery = checkpoint
        end = checkpoint.place
        logStart = checkpoint.logStart
        switch checkpoint.doubt {
        case .none, .tailUnacknowledged: break
        case .endUnknown: tail = .unknown("its end was lost with a checkpoint or a group")
        case .tailRelaxed: tail = .keepWhole
        case .recordsMissing:
            suspicion =
                "an earlier start found the journal damaged where it told of it, or may have: to "
                + "go on with what is there, stop and move what is in the directory's folder "
                + ".millrace away, but for users, acls and cluster"
        }
    }

    /// Takes note of a group that had all of the partition: who wrote it had read the log up to
    /// there, so that what an earlier start had in doubt is settled.
    mutating func noteGroup(isRelaxed: Bool) {
        guard recovery.doubt == .endUnknown || recovery.doubt == .tailRelaxed else { return }
        tail = isRelaxed ? .keepWhole : .cut
    }

    /// Nothing told where the partition ends, when its directory was opened or before: it may be of
    /// another time than what is known of it elsewhere.
    var isOfUnknownEnd: Bool {
        if case .unknown = tail { return true }
        return recovery.doubt == .endUnknown
    }

    /// The bounds, where they follow from this alone.
    var bounds: LogBounds? {
        guard tail == .cut, suspicion == nil, end == recovery.place, logStart == recovery.logStart
        else { return nil }
        return LogBounds(
            logStart: logStart,
            highWatermark: end.offset,
            lastStableOffset: max(logStart, min(recovery.lastStable, end.offset)),
            logEnd: end.offset
        )
    }
}
