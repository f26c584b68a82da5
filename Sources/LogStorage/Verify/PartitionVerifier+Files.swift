import LogModel

/// What the small files beside a partition's segments say.
extension PartitionVerifier {
    /// What a cleaner wrote, and the names as they are once one that was interrupted is completed.
    mutating func readCompacted(among names: [String]) throws(DiskError) -> [String] {
        let path = files.path(CompactedSegments.fileName)
        guard let bytes = try files.content(of: path) else { return names }
        guard let found = CompactedSegments(bytes) else {
            // Where gaps may be is not known: they are told of no more.
            gapsAreUnknown = true
            damage(path, CompactedSegments.damage)
            return names
        }
        compacted = found
        guard let pending = found.pending else { return names }
        do throws(LogStorageError) {
            let outlook = try CleanerRecovery.outlook(files, names: names, pending: pending)
            files = files.read(by: outlook)
            compacted.complete()
            find(.note, path, nil, nil, "a cleaning was interrupted: the next start completes it")
            return outlook.keys.sorted()
        } catch {
            if case .disk(let error) = error { throw error }
            damage(path, "\(error)")
            return names
        }
    }

    mutating func readEpochs() throws(DiskError) {
        let path = files.path(LeaderEpochs.fileName)
        guard let bytes = try files.content(of: path) else { return }
        epochs = LeaderEpochs(text: String(decoding: bytes, as: UTF8.self))
        if epochs == nil { cacheFinding(path, "the text is no list of leader epochs") }
    }

    /// False where the folder is another's: the next start leaves it alone.
    mutating func readMetadata() throws(DiskError) -> Bool {
        let path = files.path(FolderMark.fileName)
        guard let bytes = try files.content(of: path) else {
            find(.note, path, nil, nil, "the file is missing: made anew when needed")
            return true
        }
        if FolderMark(key).isTorn(bytes), FolderMark(bytes) == nil {
            find(.note, path, nil, nil, "a crash kept part of it: made anew when needed")
            return true
        }
        guard let mark = FolderMark(bytes) else {
            damage(path, "the text names no topic id of 22 characters")
            return true
        }
        guard let problem = mark.problem(for: key) else { return true }
        damage(path, problem)
        return false
    }

    /// One that cannot be read is passed over by a start, which reads the batches instead; it is
    /// missed only where nothing else tells of the producers before the first of them.
    mutating func readSnapshots(_ names: [String]) throws(DiskError) {
        let first = names.compactMap { SegmentName.offset(in: $0, .log) }.min() ?? .zero
        for name in names {
            guard let offset = SegmentName.offset(in: name, .snapshot) else { continue }
            let path = files.path(name)
            guard let bytes = try files.content(of: path) else { continue }
            guard let table = ProducerSnapshotFile.decode(bytes) else {
                cacheFinding(
                    path,
                    isTrusted: offset == first && first > .zero && facts.recovery.snapshot == nil,
                    "its checksum or its form is not a producer snapshot's"
                )
                continue
            }
            snapshots.append(SnapshotFile(offset: offset, path: path, table: table))
        }
        snapshots.sort { $0.offset < $1.offset }
    }

    /// Without a snapshot at its first offset, a log whose beginning was deleted does not tell of
    /// the producers before it.
    mutating func startReplay(at first: Offset) {
        if let start = snapshots.first(where: { $0.offset == first }) {
            replay.begin(with: start.table)
        } else if first > .zero {
            replay.isPartial = true
        }
        snapshots.removeAll { $0.offset <= first }
    }

    /// Holds the snapshots at offsets below `end` (nil: all that are left) against the replay.
    mutating func compareSnapshots(below end: Offset?) {
        while let snapshot = snapshots.first, end.map({ snapshot.offset < $0 }) ?? true {
            snapshots.removeFirst()
            guard snapshot.offset <= logEnd || end != nil else {
                cacheFinding(snapshot.path, "it stands behind the log's end, \(logEnd.rawValue)")
                continue
            }
            guard !isBroken, let reason = replay.fault(of: snapshot.table) else { continue }
            let isTrusted = snapshot.offset <= facts.recovery.place.offset
            cacheFinding(snapshot.path, isTrusted: isTrusted, reason)
        }
    }

    /// Files that belong to no segment.
    mutating func checkNames(_ names: [String], bases: Set<Offset>) {
        for name in names {
            for kind in SegmentFile.indexes {
                guard let base = SegmentName.offset(in: name, kind),
                    !bases.contains(base)
                else { continue }
                cacheFinding(files.path(name), "there is no segment of that offset")
            }
        }
    }

    /// A wrong cache is damage where the next start would trust it.
    mutating func cacheFinding(_ path: String, isTrusted: Bool = false, _ reason: String) {
        let severity: VerificationReport.Finding.Severity =
            isTrusted ? .damage : .note
        find(severity, path, nil, nil, reason)
    }

    /// Segments go from the front only after the log start has moved durably behind them.
    mutating func checkBegin(_ first: Offset) {
        if case .unknown = facts.tail { return }
        let isJournaled = journaled.contains { $0.segment < first && $0.position == 0 }
        guard first > facts.logStart, facts.end.offset > facts.logStart, !isJournaled else {
            return
        }
        damage(
            files.directory,
            offset: facts.logStart,
            "the log begins at \(facts.logStart.rawValue), but the segments before "
                + "\(SegmentName.base(first)).log are missing"
        )
    }

    /// What a person can do about bytes that nobody knows whether they were acknowledged.
    func wayOut(_ path: String, _ position: Int64, in segment: Offset) -> String {
        guard case .unknown(let why) = facts.tail, facts.suspicion == nil,
            (segment, position) >= (facts.end.segment, facts.end.position)
        else { return "" }
        return "; \(why): what the next start says of the partition names the bytes, and how to "
            + "give them up"
    }
}
