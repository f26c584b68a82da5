import LogModel

/// What has to be done with a folder in which a cleaning was interrupted: from the names that lie
/// there to the changes that complete it or undo it.
///
/// A cleaning that `compacted-segments` does not have as pending is undone: its files are removed,
/// the old segments were not touched. One that is pending is completed, from wherever it stopped;
/// each change may be made twice, so a crash in here only begins it again.
enum CleanerRecovery {
    enum Action: Equatable, Sendable {
        case rename(String, to: String)
        case remove(String)
        /// Flush the names.
        case syncDirectory
        /// Write `compacted-segments` with what was pending for good.
        case complete
    }

    enum Plan: Equatable, Sendable {
        case actions([Action])
        /// The new segment was decided for and is not there as it was written.
        case damaged(String)
    }

    /// The plan for a folder of ours.
    ///
    /// - Parameter files: Each name with its byte count; only those of `.log` files matter.
    static func plan(files: [String: Int64], pending: CompactedSegments.Entry?) -> Plan {
        let names = files.keys.sorted()
        guard let pending else { return .actions(names.filter(isLeftover).map(Action.remove)) }
        let base = SegmentName.base(pending.base)
        let log = base + ".log"
        let found = [CleanerSuffix.cleaned, CleanerSuffix.swap, ""].first {
            files[log + $0] != nil
        }
        guard let found, files[log + found] == pending.byteCount else {
            return .damaged(
                "the compacted segment \(log) has "
                    + (found.flatMap { files[log + $0] }.map { "\($0)" } ?? "no")
                    + " bytes, not \(pending.byteCount)"
            )
        }
        var actions: [Action] = []
        var isRenamed: Set<String> = []
        for kind in CleanerSuffix.segmentFiles
        where files[base + kind.rawValue + CleanerSuffix.cleaned] != nil {
            let name = base + kind.rawValue
            actions.append(
                .rename(name + CleanerSuffix.cleaned, to: name + CleanerSuffix.swap)
            )
            isRenamed.insert(name + CleanerSuffix.cleaned)
        }
        actions.append(.syncDirectory)
        actions += names.filter { isReplaced($0, by: pending) }.map(Action.remove)
        for kind in CleanerSuffix.segmentFiles {
            let name = base + kind.rawValue
            guard files[name + CleanerSuffix.cleaned] ?? files[name + CleanerSuffix.swap] != nil
            else { continue }
            actions.append(.rename(name + CleanerSuffix.swap, to: name))
            isRenamed.insert(name + CleanerSuffix.swap)
        }
        actions.append(.syncDirectory)
        // Before the end is noted: on a full disk theirs is the room for it.
        actions += names.filter { isLeftover($0) && !isRenamed.contains($0) }.map(Action.remove)
        actions.append(.complete)
        return .actions(actions)
    }

    /// A name that a finished cleaning leaves nobody.
    private static func isLeftover(_ name: String) -> Bool {
        CleanerSuffix.all.contains { name.hasSuffix($0) }
            || name == CompactedSegments.fileName + ".tmp"
    }

    /// Whether a name is a file of one of the later segments that the new one holds.
    private static func isReplaced(_ name: String, by entry: CompactedSegments.Entry) -> Bool {
        SegmentFile.allCases.contains { kind in
            SegmentName.offset(in: name, kind).map {
                $0 > entry.base && $0 < entry.end
            } ?? false
        }
    }

    // MARK: Kafka's folders

    /// The same for a folder that a Kafka left, which is read and not changed: what a start of
    /// Kafka would do with it. There a `.swap` file decides by its name.
    ///
    /// - Parameter swapEnd: Behind the last offset in the `.log.swap` of this base.
    static func plan(
        ofKafka names: [String],
        swapEnd: (Offset) -> Offset
    ) -> [Action] {
        let names = names.sorted()
        var actions = names.filter {
            $0.hasSuffix(CleanerSuffix.deleted) || $0.hasSuffix(CleanerSuffix.cleaned)
        }.map(Action.remove)
        let firstCleaned = names.filter { $0.hasSuffix(CleanerSuffix.cleaned) }
            .compactMap { base(of: $0) }.min()
        let swaps = names.filter { $0.hasSuffix(CleanerSuffix.swap) }
        // Part of a split of a segment that was not complete.
        let (valid, invalid) = (
            swaps.filter { name in base(of: name).map { $0 < firstCleaned ?? .last } ?? false },
            swaps.filter { name in base(of: name).map { $0 >= firstCleaned ?? .last } ?? true }
        )
        actions += invalid.map(Action.remove)
        let logs = valid.filter { $0.hasSuffix(".log" + CleanerSuffix.swap) }
            .compactMap { base(of: $0) }
        if let first = logs.min(), let end = logs.map(swapEnd).max() {
            actions += names.filter { name in
                guard !isLeftover(name), !name.hasSuffix(".snapshot") else { return false }
                return base(of: name).map { $0 >= first && $0 < end } ?? false
            }.map(Action.remove)
        }
        actions += valid.map { .rename($0, to: String($0.dropLast(CleanerSuffix.swap.utf8.count))) }
        return actions
    }

    /// The names in a folder after the actions, each with the name under which its bytes lie now.
    static func names(_ names: [String], after actions: [Action]) -> [String: String] {
        var result = Dictionary(names.map { ($0, $0) }) { first, _ in first }
        for action in actions {
            switch action {
            case .rename(let from, let to):
                if let source = result.removeValue(forKey: from) { result[to] = source }
            case .remove(let name): result[name] = nil
            case .syncDirectory, .complete: break
            }
        }
        return result
    }

    /// The base offset at the beginning of a segment file's name, whatever follows.
    private static func base(of name: String) -> Offset? {
        guard let dot = name.firstIndex(of: ".") else { return nil }
        return SegmentName.offset(in: name[..<dot] + SegmentFile.log.rawValue, .log)
    }
}

extension Offset {
    /// Behind every base of a segment.
    fileprivate static let last = Offset(Int64.max)
}

extension CleanerRecovery {
    /// Completes or undoes what a crash left in a partition's folder; what is compacted there.
    /// To be done before anything else reads the folder: the names change.
    ///
    /// - Parameter names: What lies in the folder.
    /// - Throws: `.corrupt` if the folder is not what a crash can leave.
    static func recover(
        _ files: PartitionFiles,
        names: [String]
    ) throws(LogStorageError) -> CompactedSegments {
        var compacted = try CompactedSegments(in: files)
        let found = try sizes(of: names, pending: compacted.pending, in: files)
        switch plan(files: found, pending: compacted.pending) {
        case .damaged(let reason): throw .corrupt(reason)
        case .actions(let actions):
            for action in actions { try perform(action, files, &compacted) }
        }
        return compacted
    }

    /// The names that `recover` would leave in a folder, each with the one under which its bytes
    /// lie now. Changes nothing.
    static func outlook(
        _ files: PartitionFiles,
        names: [String],
        pending: CompactedSegments.Entry?
    ) throws(LogStorageError) -> [String: String] {
        let found = try sizes(of: names, pending: pending, in: files)
        switch plan(files: found, pending: pending) {
        case .damaged(let reason): throw .corrupt(reason)
        case .actions(let actions): return Self.names(names, after: actions)
        }
    }

    private static func perform(
        _ action: Action,
        _ files: PartitionFiles,
        _ compacted: inout CompactedSegments
    ) throws(LogStorageError) {
        switch action {
        case .rename(let from, let to):
            try onDisk { () throws(DiskError) in
                try files.disk.rename(files.path(from), to: files.path(to))
            }
        case .remove(let name):
            try onDisk { () throws(DiskError) in try files.removeIfPresent(files.path(name)) }
        case .syncDirectory: try files.flushNames()
        case .complete:
            compacted.complete()
            try compacted.write(to: files)
        }
    }

    /// The names with the sizes that the plan looks at: those of the pending segment's `.log`.
    private static func sizes(
        of names: [String],
        pending: CompactedSegments.Entry?,
        in files: PartitionFiles
    ) throws(LogStorageError) -> [String: Int64] {
        var sizes = Dictionary(names.map { ($0, Int64(0)) }) { first, _ in first }
        guard let pending else { return sizes }
        let log = SegmentName.base(pending.base) + ".log"
        for name in names where name.hasPrefix(log) {
            do throws(DiskError) {
                let file = try files.disk.open(files.path(name), .read)
                defer { file.close() }
                sizes[name] = try file.byteCount()
            } catch { throw .disk(error) }
        }
        return sizes
    }
}
