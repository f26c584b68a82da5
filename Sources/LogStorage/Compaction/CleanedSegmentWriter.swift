import LogModel

/// What the cleaner calls its files while they are not yet, or no longer, part of the log.
enum CleanerSuffix {
    /// Written by a cleaning that is not decided yet.
    static let cleaned = ".cleaned"
    /// Decided; about to replace what it was made of.
    static let swap = ".swap"
    /// Replaced; to be removed.
    static let deleted = ".deleted"

    static let all = [cleaned, swap, deleted]
    /// The files of a segment that a cleaning makes.
    static let segmentFiles: [SegmentFile] = [.index, .timeIndex, .transactionIndex, .log]
}

/// Writes the batches that are left of a group of segments into `.cleaned` files.
struct CleanedSegmentWriter: ~Copyable {
    let base: Offset
    let end: Offset
    private let files: PartitionFiles
    private let interval: Int64
    let file: any DiskFile
    /// Batches that are not written yet.
    private var buffer: [UInt8] = []
    private var writtenByteCount: Int64 = 0
    private var check: SegmentContentCheck
    private(set) var checksum = CompactedChecksum()
    private(set) var index = SegmentIndex()
    private(set) var aborted: [AbortedEntry] = []
    private(set) var firstTimestamp: Timestamp?

    /// How much is written at once.
    private static let pieceByteCount = 1 << 20

    init(
        files: PartitionFiles,
        base: Offset,
        end: Offset,
        interval: Int64
    ) throws(LogStorageError) {
        self.files = files
        self.base = base
        self.end = end
        self.interval = interval
        // The byte count and checksum of the entry are what is being made; the bounds count.
        check = SegmentContentCheck(
            base: base,
            entry: CompactedSegments.Entry(base: base, end: end, byteCount: 0, checksum: 0)
        )
        file = try Self.create(.log, base, files)
    }

    var byteCount: Int64 { writtenByteCount + Int64(buffer.count) }

    /// Appends a batch.
    ///
    /// - Throws: `.corrupt` if it lies outside of the segment's bounds or behind its successor.
    mutating func append(_ batch: RecordBatchView) throws(LogStorageError) {
        if let reason = check.note(batch) {
            throw .corrupt("what is cleaned is damaged: \(reason)")
        }
        // An index entry has four bytes for a position.
        guard byteCount + Int64(batch.byteCount) <= Int64(Int32.max) else {
            throw .corrupt("the segment \(SegmentName.base(base)) would be too large for its index")
        }
        if firstTimestamp == nil { firstTimestamp = batch.maxTimestamp }
        index.note(batch, at: byteCount, interval: interval)
        checksum.note(batch)
        buffer.append(contentsOf: batch.bytes)
        if buffer.count >= Self.pieceByteCount { try flush() }
    }

    mutating func append(_ entry: AbortedEntry) { aborted.append(entry) }

    /// Writes what is left and the index files; everything is durable when it returns. Records
    /// without a time are as old as their file: it gets the time of the one it was made of, as
    /// Kafka's cleaner has it.
    mutating func finish(modified: Timestamp?) throws(LogStorageError) {
        try flush()
        index.finish()
        let (file, files) = (file, files)
        let path = files.path(base, .log) + CleanerSuffix.cleaned
        try onDisk { () throws(DiskError) in
            // A file that takes no time is as good, and younger.
            if let modified { try? files.disk.setModificationTime(of: path, to: modified) }
            try file.sync()
        }
        try write(.index, index.encodedOffsets(base: base))
        try write(.timeIndex, index.encodedTimes(base: base))
        // Also where it is empty: it has to take the place of the old one.
        try write(.transactionIndex, aborted.flatMap(\.encoded))
        try onDisk { () throws(DiskError) in
            try files.disk.syncDirectory(files.directory)
        }
    }

    private mutating func flush() throws(LogStorageError) {
        guard !buffer.isEmpty else { return }
        let (file, position) = (file, writtenByteCount)
        try onDisk { [buffer] () throws(DiskError) in
            try PartitionFiles.write(buffer, to: file, at: position)
        }
        writtenByteCount += Int64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    private func write(_ suffix: SegmentFile, _ bytes: [UInt8]) throws(LogStorageError) {
        let file = try Self.create(suffix, base, files)
        defer { file.close() }
        try onDisk { () throws(DiskError) in
            try PartitionFiles.write(bytes, to: file)
            try file.sync()
        }
    }

    private static func create(
        _ suffix: SegmentFile,
        _ base: Offset,
        _ files: PartitionFiles
    ) throws(LogStorageError) -> any DiskFile {
        let path = files.path(base, suffix) + CleanerSuffix.cleaned
        return try onDisk { () throws(DiskError) in
            try files.removeIfPresent(path)
            return try files.disk.open(path, .create)
        }
    }

    /// What was written, once it is finished.
    func group(of oldBases: [Offset]) -> CleanedGroup {
        CleanedGroup(
            oldBases: oldBases,
            entry: CompactedSegments.Entry(
                base: base,
                end: end,
                byteCount: byteCount,
                checksum: checksum.value
            ),
            index: index,
            aborted: aborted,
            firstTimestamp: firstTimestamp,
            file: file
        )
    }

    /// Takes back what was written.
    func discard() throws(LogStorageError) {
        file.close()
        try onDisk { [files, base] () throws(DiskError) in
            for suffix in CleanerSuffix.segmentFiles {
                try files.removeIfPresent(files.path(base, suffix) + CleanerSuffix.cleaned)
            }
        }
    }
}
