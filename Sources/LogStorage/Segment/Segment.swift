import LogModel

/// One segment of a log: the file of batches and what is known of it. A value; the log's lock
/// guards it, the file in it may be read by anybody who holds it.
struct Segment: Sendable {
    let baseOffset: Offset
    let file: any DiskFile
    /// Bytes of whole batches.
    var byteCount: Int64 = 0
    var index = SegmentIndex()
    var aborted: [AbortedEntry] = []
    /// The timestamp of the first batch, which rolling by time counts from.
    var firstTimestamp: Timestamp?
    /// The index files on disk hold this index.
    var indexFilesAreCurrent = false
    /// The transaction index file on disk holds these entries.
    var transactionFileIsCurrent = false

    init(baseOffset: Offset, file: any DiskFile) {
        self.baseOffset = baseOffset
        self.file = file
    }

    /// Takes note of a batch written at the end.
    mutating func note(_ batch: RecordBatchView, interval: Int64) {
        if firstTimestamp == nil { firstTimestamp = batch.maxTimestamp }
        index.note(batch, at: byteCount, interval: interval)
        byteCount += Int64(batch.byteCount)
        indexFilesAreCurrent = false
    }
}

/// The files of one partition's folder, by what they hold.
struct PartitionFiles: Sendable {
    let disk: any Disk
    let directory: String

    func path(_ offset: Offset, _ suffix: String) -> String {
        "\(directory)/\(SegmentName.base(offset))\(suffix)"
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    /// The whole content of a small file; nil if there is none.
    func content(of path: String) throws(DiskError) -> [UInt8]? {
        do throws(DiskError) {
            let file = try disk.open(path, .read)
            defer { file.close() }
            let count = Int(try file.byteCount())
            var bytes = [UInt8](repeating: 0, count: count)
            let read = try Self.read(file, into: &bytes)
            bytes.removeLast(count - read)
            return bytes
        } catch .notFound {
            return nil
        }
    }

    private static func read(
        _ file: any DiskFile,
        into bytes: inout [UInt8]
    ) throws(DiskError) -> Int {
        var failure: DiskError?
        let count = bytes.withUnsafeMutableBytes { buffer -> Int in
            do throws(DiskError) { return try file.read(into: buffer, at: 0) } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return count
    }

    /// Writes a file anew under another name, flushes it, and puts it in place in one step.
    func replace(_ path: String, with bytes: [UInt8]) throws(DiskError) {
        let temporary = path + ".tmp"
        if try disk.kind(of: temporary) != nil { try disk.remove(temporary) }
        let file = try disk.open(temporary, .create)
        defer { file.close() }
        try Self.write(bytes, to: file)
        try file.sync()
        try disk.rename(temporary, to: path)
    }

    /// Writes a file that may be lost: caches.
    func writeCache(_ path: String, _ bytes: [UInt8]) throws(DiskError) {
        let exists = try disk.kind(of: path) != nil
        let file = try disk.open(path, exists ? .readWrite : .create)
        defer { file.close() }
        try Self.write(bytes, to: file)
        try file.truncate(to: Int64(bytes.count))
        try file.sync()
    }

    static func write(
        _ bytes: [UInt8],
        to file: any DiskFile,
        at position: Int64 = 0
    ) throws(DiskError) {
        var failure: DiskError?
        bytes.withUnsafeBytes { buffer in
            do throws(DiskError) { try file.write(buffer, at: position) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    func removeIfPresent(_ path: String) throws(DiskError) {
        do throws(DiskError) { try disk.remove(path) } catch .notFound { return }
    }
}
