import Bytes
import LogModel

/// The files of one partition's folder, by what they hold.
struct PartitionFiles: Sendable {
    let disk: any Disk
    let directory: String
    /// Names whose bytes lie under another one for now: of who reads a folder as the next start
    /// will have it.
    private(set) var names: [String: String] = [:]

    init(disk: any Disk, directory: String) {
        self.disk = disk
        self.directory = directory
    }

    /// The same folder, read by these names.
    func read(by names: [String: String]) -> PartitionFiles {
        var files = self
        files.names = names.filter { $0.key != $0.value }
        return files
    }

    func path(_ offset: Offset, _ kind: SegmentFile) -> String {
        path("\(SegmentName.base(offset))\(kind.rawValue)")
    }

    func path(_ name: String) -> String {
        "\(directory)/\(names.isEmpty ? name : names[name] ?? name)"
    }

    /// The largest small file that is read whole: an index of the largest segment fits.
    static let smallFileByteLimit = 256 << 20

    /// The whole content of a small file; nil if there is none.
    func content(
        of path: String,
        byteLimit: Int64 = Int64(smallFileByteLimit)
    ) throws(DiskError) -> [UInt8]? {
        do throws(DiskError) {
            let file = try disk.open(path, .read)
            defer { file.close() }
            return try Self.content(of: file, byteLimit: byteLimit)
        } catch .notFound {
            return nil
        }
    }

    /// The mark in a folder of this directory; nil for what is no folder, or bears none.
    func mark(inFolder folder: String) throws(DiskError) -> FolderMark? {
        guard try disk.kind(of: path(folder)) == .directory else { return nil }
        let mark = path("\(folder)/\(FolderMark.fileName)")
        guard try disk.byteCount(of: mark) != nil else { return nil }
        return try content(of: mark).flatMap { FolderMark($0) }
    }

    /// Whether a folder of this directory bears the mark of one of these topics; one that cannot be
    /// read does not.
    func isFolder(_ folder: String, ofAny topics: Set<UniqueID>) -> Bool {
        do throws(DiskError) {
            return try mark(inFolder: folder).map { topics.contains($0.topicID) } ?? false
        } catch { return false }
    }

    /// The same of a file that can be done without: nothing of one that cannot be read.
    func readableContent(of path: String) throws(DiskError) -> [UInt8]? {
        do throws(DiskError) { return try content(of: path) } catch {
            guard error.saysUnreadable else { throw error }
            return []
        }
    }

    static func content(
        of file: any DiskFile,
        byteLimit: Int64 = Int64(smallFileByteLimit)
    ) throws(DiskError) -> [UInt8] {
        let count = Int(clamping: min(try file.byteCount(), byteLimit))
        return try bytes(of: file, at: 0, count: count)
    }

    /// Up to `count` bytes from a position on.
    static func bytes(
        of file: any DiskFile,
        at position: Int64,
        count: Int
    ) throws(DiskError) -> [UInt8] {
        var failure: DiskError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(DiskError) {
                initialized = try file.read(
                    into: UnsafeMutableRawBufferPointer(buffer),
                    at: position
                )
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Makes the names in the folder durable. A failure is final, whatever the reason: names may
    /// count as flushed that the disk never got. One to begin with it is not (`.disk`).
    func flushNames() throws(LogStorageError) {
        do throws(DiskError) { try disk.syncDirectory(directory) } catch {
            if error.isUnopened { throw .disk(error) }
            throw .readOnly("the names in \(directory) could not be flushed: \(error)")
        }
    }

    static let temporarySuffix = ".tmp"

    /// Writes a file anew under another name, flushes it, and puts it in place in one step. The
    /// name is durable once the folder is flushed. Of several who replace a file at once each needs
    /// a `temporary` name of its own.
    func replace(
        _ path: String,
        with bytes: [UInt8],
        by temporary: String? = nil
    ) throws(DiskError) {
        let temporary = temporary ?? path + Self.temporarySuffix
        try removeIfPresent(temporary)
        let file = try disk.open(temporary, .create)
        defer { file.close() }
        do throws(DiskError) {
            try Self.write(bytes, to: file)
            try file.sync()
            try disk.rename(temporary, to: path)
        } catch {
            // It takes room that may be why it could not be written.
            try? removeIfPresent(temporary)
            throw error
        }
    }

    /// Writes a file that may be lost, unless it `isFlushed`: caches.
    func writeCache(
        _ path: String,
        _ bytes: [UInt8],
        isFlushed: Bool = false
    ) throws(DiskError) {
        let file: any DiskFile
        do throws(DiskError) {
            file = try disk.open(path, .readWrite)
        } catch .notFound {
            file = try disk.open(path, .create)
        }
        defer { file.close() }
        try Self.write(bytes, to: file)
        try file.truncate(to: Int64(bytes.count))
        if isFlushed { try file.sync() }
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

    /// Removes every file of a segment.
    func removeSegment(_ base: Offset) throws(DiskError) {
        for kind in SegmentFile.allCases { try removeIfPresent(path(base, kind)) }
    }

    /// Writes the index files of a segment, for bytes up to its end, and flushes them. Those of a
    /// closed one are believed as they lie there: each is put in place in one step.
    func writeIndexes(of segment: Segment, isClosed: Bool) throws(DiskError) {
        let base = segment.baseOffset
        if let index = segment.index {
            try writeIndex(path(base, .index), index.encodedOffsets(base: base), isClosed)
            try writeIndex(path(base, .timeIndex), index.encodedTimes(base: base), isClosed)
        }
        let aborted = segment.aborted.flatMap(\.encoded)
        try writeIndex(path(base, .transactionIndex), aborted, isClosed)
    }

    private func writeIndex(
        _ path: String,
        _ bytes: [UInt8],
        _ isClosed: Bool
    ) throws(DiskError) {
        if isClosed {
            try replace(path, with: bytes)
        } else {
            try writeCache(path, bytes, isFlushed: true)
        }
    }
}
