import LogModel

/// What is to be done with a partition's folder, decided from what lies there. Pure.
///
/// The places that decide: `recovery`, below which the segments stand for themselves; `end`,
/// below which groups of the journal vouch for them. Behind `end` nothing was acknowledged.
struct RecoveryPlan: Equatable {
    /// What lies in the folder.
    struct Found: Equatable {
        struct File: Equatable {
            var base: Offset
            var byteCount: Int64
            /// Its index files and transaction index are there and make sense; of the segment of
            /// the recovery point, that its transaction index holds what it had there.
            var hasCaches: Bool
        }

        /// By offset.
        var segments: [File] = []
        /// The offsets of producer snapshots that are whole.
        var snapshots: [Offset] = []
        /// What a cleaner wrote: its list has their lengths, whatever was flushed before.
        var cleaned: [ClosedRange<Offset>] = []
        /// The offsets of files of snapshots that are not: a crash between their making and their
        /// writing.
        var tornSnapshots: [Offset] = []
    }

    enum Treatment: Equatable {
        /// Its index files say all; only its end is looked at.
        case trust
        /// Its index files reach to the recovery point; batches from there on are read.
        case resume
        /// Every batch is read.
        case scan
    }

    struct Step: Equatable {
        var base: Offset
        var byteCount: Int64
        var treatment: Treatment
    }

    /// Segments that lie wholly before the log start, and go: those that nobody needs to learn of
    /// the producers.
    var deleted: [Offset] = []
    /// Segments that nothing vouches for, and go.
    var unvouched: [Offset] = []
    /// Cut this segment to so many bytes: what is behind was never acknowledged.
    var cut: (base: Offset, byteCount: Int64, from: Int64)?
    /// In order.
    var steps: [Step] = []
    /// The snapshot to begin with; nil for no producers.
    var snapshot: Offset?
    /// The files do not hold what was acknowledged.
    var missing: String?
    /// What is missing lies in front of all that is there.
    var lacksBegin = false

    static func == (left: RecoveryPlan, right: RecoveryPlan) -> Bool {
        left.deleted == right.deleted && left.unvouched == right.unvouched
            && left.cut?.base == right.cut?.base && left.cut?.byteCount == right.cut?.byteCount
            && left.steps == right.steps && left.snapshot == right.snapshot
            && left.missing == right.missing
    }

    init(_ facts: PartitionFacts, _ found: Found) {
        var files = found.segments
        let begin = files.dropFirst().lastIndex { file in
            file.base <= facts.logStart
                && Self.knowsProducers(at: file.base, facts, found.snapshots)
        }
        deleted = files[..<(begin ?? 0)].map(\.base)
        files.removeFirst(begin ?? 0)
        if facts.tail == .cut, facts.suspicion == nil {
            var end = facts.end
            // Everything that was acknowledged lay before the log start, and went with it: what is
            // left begins where it ended.
            let isThere = files.contains { $0.base == facts.end.segment }
            if end.offset <= facts.logStart, !isThere {
                end = LogPlace(offset: end.offset, segment: end.offset, position: 0)
            }
            bound(&files, by: end)
        }
        // A folder of a later time may have been compacted where the earlier one ended.
        var isCleaned = false
        if case .unknown = facts.tail {
            isCleaned = found.cleaned.contains { $0.contains(facts.end.segment) }
        }
        if facts.tail != .cut, facts.suspicion == nil, !isCleaned { requireFlushed(files, facts) }
        guard let first = files.first else { return }
        if facts.tail == .cut, missing == nil, first.base > facts.logStart {
            missing = "the segments before \(SegmentName.base(first.base)).log are missing"
            lacksBegin = true
        }
        planScan(files, facts, found.snapshots)
    }

    /// With relaxed durability too, and where the end of the log is not known, what was flushed is
    /// there, or was deleted: below the recovery point, and the end of the last group, nothing may
    /// be missing.
    private mutating func requireFlushed(_ files: [Found.File], _ facts: PartitionFacts) {
        let place = facts.end
        guard place.offset > facts.logStart else { return }
        if let first = files.first, first.base > facts.logStart {
            if case .unknown = facts.tail {
                // With a lost group the log start may have moved: then what lies before it went.
                if first.base > place.segment { return }
            } else {
                missing = "the segments before \(SegmentName.base(first.base)).log are missing"
                lacksBegin = true
                return
            }
        }
        guard place.position > 0 || place.offset > place.segment else { return }
        guard let last = files.first(where: { $0.base == place.segment }) else {
            missing = "the segment \(SegmentName.base(place.segment)).log is missing"
            return
        }
        if last.byteCount < place.position {
            missing =
                "\(SegmentName.base(last.base)).log has \(last.byteCount) bytes, "
                + "\(place.position) were flushed"
        }
    }

    /// Whether a reading that begins with the segment at `base` learns of the producers before it.
    private static func knowsProducers(
        at base: Offset,
        _ facts: PartitionFacts,
        _ snapshots: [Offset]
    ) -> Bool {
        let recovery = facts.recovery.place
        return snapshots.contains(base)
            || base <= recovery.segment && snapshots.contains(recovery.offset)
    }

    /// Leaves out what lies behind the vouched end, and sees what is missing below it.
    private mutating func bound(_ files: inout [Found.File], by end: LogPlace) {
        while let last = files.last, last.base > end.segment {
            unvouched.append(last.base)
            files.removeLast()
        }
        guard end.position > 0 || end.offset > end.segment else {
            // An empty segment, or none: what lies in it is of no one.
            if let last = files.last, last.base == end.segment, last.byteCount > 0 {
                cut = (last.base, 0, last.byteCount)
                files[files.count - 1].byteCount = 0
            }
            return
        }
        guard let last = files.last, last.base == end.segment else {
            missing = "the segment \(SegmentName.base(end.segment)).log is missing"
            return
        }
        if last.byteCount > end.position {
            cut = (last.base, end.position, last.byteCount)
            files[files.count - 1].byteCount = end.position
        } else if last.byteCount < end.position {
            missing =
                "\(SegmentName.base(last.base)).log has \(last.byteCount) bytes, "
                + "\(end.position) were acknowledged"
        }
    }

    /// Chooses where the reading begins: as far on as caches and a snapshot allow.
    private mutating func planScan(
        _ files: [Found.File],
        _ facts: PartitionFacts,
        _ snapshots: [Offset]
    ) {
        let bases = files.map(\.base)
        let recovery = facts.recovery.place
        let canResume =
            facts.tail == .cut || facts.tail == .keepWhole
        // The first segment whose caches do not say all that is below the recovery point.
        var firstScan = files.count
        for (index, file) in files.enumerated() {
            if !canResume || file.base > recovery.segment || !file.hasCaches {
                firstScan = index
                break
            }
        }
        let resumes =
            canResume && firstScan > 0 && bases[firstScan - 1] == recovery.segment
            && (snapshots.contains(recovery.offset) || recovery.offset == .zero)
            && files[firstScan - 1].byteCount >= recovery.position
        if resumes {
            snapshot = recovery.offset == .zero ? nil : recovery.offset
        } else {
            // Everything from the newest snapshot at the begin of a segment on is read.
            let candidates = bases[..<min(firstScan + 1, bases.count)]
            let begin = candidates.last { snapshots.contains($0) }
            snapshot = begin
            firstScan = begin.flatMap { bases.firstIndex(of: $0) } ?? 0
        }
        steps = files.enumerated().map { index, file in
            let treatment: Treatment
            if index >= firstScan {
                treatment = .scan
            } else if resumes, file.base == recovery.segment {
                treatment = .resume
            } else {
                treatment = .trust
            }
            return Step(base: file.base, byteCount: file.byteCount, treatment: treatment)
        }
    }
}
