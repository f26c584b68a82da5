import LogModel

/// Puts a cleaned group in the place of the segments that it was made of.
///
/// 1. `compacted-segments` names the new segment as pending. This decides: from here on a crash
///    ends with the new segment, before it with the old ones.
/// 2. Its files go from `.cleaned` to `.swap`; the names are flushed.
/// 3. The old segments' files get `.deleted` behind their names.
/// 4. The new ones lose their `.swap`; the names are flushed.
/// 5. `compacted-segments` names the new segment for good, and the old ones no longer.
///
/// A Kafka that meets the folder in between understands it, too: what is `.cleaned` it removes,
/// what is `.swap` it puts in place. That is what the first flush of the names is for.
struct SegmentSwap {
    let files: PartitionFiles

    /// Swaps the group in; durable when it returns. An error with nothing pending in `compacted`
    /// means that the old segments stay and the group is gone; with something pending, the folder
    /// is between old and new, and only `CleanerRecovery` may go on with it.
    func swap(
        _ group: CleanedGroup,
        _ compacted: inout CompactedSegments
    ) throws(LogStorageError) {
        try decide(group, &compacted)
        try onDisk { () throws(DiskError) in
            try rename(at: group.base, from: CleanerSuffix.cleaned, to: CleanerSuffix.swap)
        }
        try files.flushNames()
        try onDisk { () throws(DiskError) in
            try retire(group)
            try rename(at: group.base, from: CleanerSuffix.swap, to: "")
        }
        try files.flushNames()
        var next = compacted
        next.complete()
        try next.write(to: files)
        compacted = next
    }

    private func decide(
        _ group: CleanedGroup,
        _ compacted: inout CompactedSegments
    ) throws(LogStorageError) {
        var next = compacted
        next.begin(group.entry)
        do throws(LogStorageError) {
            try next.write(to: files)
            compacted = next
        } catch {
            // The old file is still in its place only if the new one never came to be.
            if let found = try? CompactedSegments(in: files), found == compacted {
                try discard(group)
            } else {
                compacted = next
            }
            throw error
        }
    }

    /// Removes the files that `swap` replaced, once nobody reads them any more.
    func removeReplaced(by group: CleanedGroup) throws(LogStorageError) {
        try onDisk { () throws(DiskError) in
            for base in group.oldBases {
                for suffix in Self.retired(at: base, by: group) {
                    try files.removeIfPresent(files.path(base, suffix) + CleanerSuffix.deleted)
                }
            }
        }
    }

    /// Takes back a group that was not swapped.
    func discard(_ group: CleanedGroup) throws(LogStorageError) {
        group.file.close()
        try onDisk { () throws(DiskError) in
            for suffix in CleanerSuffix.segmentFiles {
                try files.removeIfPresent(files.path(group.base, suffix) + CleanerSuffix.cleaned)
            }
        }
    }

    /// Notes that a round is over: the next one begins with what is new from there on. What lies
    /// before the log start and was not removed yet is what it was.
    ///
    /// - Parameter first: The base of the first segment that is there.
    func finishRound(
        at firstDirtyOffset: Offset,
        first: Offset,
        _ compacted: inout CompactedSegments
    ) throws(LogStorageError) {
        var next = compacted
        next.firstDirtyOffset = firstDirtyOffset
        next.removeSegments(before: first)
        try next.write(to: files)
        compacted = next
    }

    private func rename(at base: Offset, from: String, to: String) throws(DiskError) {
        for suffix in CleanerSuffix.segmentFiles {
            let path = files.path(base, suffix)
            try files.disk.rename(path + from, to: path + to)
        }
    }

    private func retire(_ group: CleanedGroup) throws(DiskError) {
        for base in group.oldBases {
            for suffix in Self.retired(at: base, by: group) {
                let path = files.path(base, suffix)
                guard try files.disk.kind(of: path) != nil else { continue }
                try files.disk.rename(path, to: path + CleanerSuffix.deleted)
            }
        }
    }

    /// A snapshot at the beginning of a segment that is no more is of no use, as in Kafka.
    private static func retired(at base: Offset, by group: CleanedGroup) -> [SegmentFile] {
        CleanerSuffix.segmentFiles + (base == group.base ? [] : [.snapshot])
    }
}
