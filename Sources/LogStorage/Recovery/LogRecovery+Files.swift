import LogModel

/// What a recovery does to files beyond cutting them.
extension LogRecovery {
    /// Removes the segments that lie wholly before the log start: a crash may have left any of
    /// those that a deletion was removing, with gaps between them.
    static func removeDeleted(
        _ segments: inout [Segment],
        before start: Offset,
        _ files: PartitionFiles
    ) throws(LogStorageError) {
        while segments.count > 1, segments[1].baseOffset <= start {
            let deleted = segments.removeFirst()
            deleted.file.close()
            try onDisk { () throws(DiskError) in
                for suffix in [".log", ".index", ".timeindex", ".txnindex", ".snapshot"] {
                    try files.removeIfPresent(files.path(deleted.baseOffset, suffix))
                }
            }
        }
    }

    /// Writes what was kept behind the durable bound once more. Where an earlier owner's flush
    /// failed, the system counts the pages as clean though the disk never got them: a flush alone
    /// would succeed and do nothing.
    static func writeAgain(_ state: LogState, from durable: Offset) throws(DiskError) {
        let pieceByteCount: Int64 = 1 << 20
        for (index, segment) in state.segments.enumerated() {
            let isBelow =
                index + 1 < state.segments.count
                && state.segments[index + 1].baseOffset <= durable
            guard !isBelow, state.logEnd > durable else { continue }
            var position = segment.index.position(for: durable)
            while position < segment.byteCount {
                let count = Int(min(pieceByteCount, segment.byteCount - position))
                let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
                defer { piece.deallocate() }
                let read = try segment.file.read(into: piece, at: position)
                guard read == count else { break }
                try segment.file.write(UnsafeRawBufferPointer(piece), at: position)
                position += Int64(count)
            }
        }
    }
}
