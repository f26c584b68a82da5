import LogModel

/// The producer snapshots in a partition's folder. Two of them are counted on: the one at the
/// recovery point, and that of the first segment once those before it are gone. These are flushed,
/// and no snapshot is written over in place: the next one may be of the same offset.
extension PartitionFiles {
    /// Puts the snapshot of a recovery point in its place, flushed. Its name is durable once the
    /// folder is flushed.
    func storeSnapshot(_ bytes: [UInt8], at offset: Offset) throws(DiskError) {
        try replace(path(offset, .snapshot), with: bytes)
    }

    /// Writes the snapshot of a segment's begin; it may be lost. One that says the same stays: a
    /// write-back may have put it there.
    func beginSnapshot(_ bytes: [UInt8], at offset: Offset) throws(DiskError) {
        let path = path(offset, .snapshot)
        do throws(DiskError) {
            let file = try disk.open(path, .create)
            defer { file.close() }
            try Self.write(bytes, to: file)
        } catch .exists {
            guard try content(of: path) != bytes else { return }
            try replace(path, with: bytes, by: path + Self.besideSuffix)
        }
    }

    /// Flushes the snapshot of a segment's begin, and its name; false if it is not there, or does
    /// not make sense.
    func flushSnapshot(at offset: Offset) throws(DiskError) -> Bool {
        let path = path(offset, .snapshot)
        guard let bytes = try content(of: path), ProducerSnapshotFile.decode(bytes) != nil else {
            return false
        }
        do throws(DiskError) {
            try replace(path, with: bytes, by: path + Self.besideSuffix)
        } catch .full {
            // What is about to be removed makes the room that another file would take.
            let file = try disk.open(path, .readWrite)
            defer { file.close() }
            try file.sync()
        }
        try disk.syncDirectory(directory)
        return true
    }

    /// A write-back may be replacing the snapshot of the same offset.
    private static let besideSuffix = ".new"

    /// Whether a name is what a crash leaves of a snapshot or an index that was not put in its
    /// place.
    static func isUnfinished(_ name: String) -> Bool {
        [temporarySuffix, besideSuffix].contains { suffix in
            let rest = String(name.dropLast(suffix.utf8.count))
            return name.hasSuffix(suffix)
                && SegmentFile.allCases.contains {
                    $0 != .log && SegmentName.offset(in: rest, $0) != nil
                }
        }
    }
}
