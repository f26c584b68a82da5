import LogModel
import Threads

/// One segment of a log: the file of batches and what is known of it. A value; the log's lock
/// guards it, the file in it may be read by anybody who holds it.
struct Segment: Sendable {
    let baseOffset: Offset
    let file: PooledFile
    /// Bytes of whole batches.
    var byteCount: Int64 = 0
    /// The index; nil for a closed segment, whose index is read from its files when needed.
    var index: SegmentIndex? = SegmentIndex()
    /// The largest timestamp of its records; -1 for none.
    var largestTimestamp = Timestamp.none
    var aborted: [AbortedEntry] = []
    /// The timestamp of the first batch, which rolling by time counts from.
    var firstTimestamp: Timestamp?
    /// When it was begun, by the clock; of the last one that was found at a start, when its file
    /// had last been written by then. Nil for others that were found.
    var beginTime: Timestamp?
    /// The transaction index file on disk holds these entries.
    var transactionFileIsCurrent = true
    /// Up to which byte of the segment the index files on disk reach.
    var indexedByteCount: Int64 = 0
    /// The index has a last time entry, since the segment was closed, that its file does not have.
    var lacksLastTime = false

    init(baseOffset: Offset, file: PooledFile) {
        self.baseOffset = baseOffset
        self.file = file
    }

    /// The index files on disk do not say all.
    var needsIndexFiles: Bool {
        indexedByteCount < byteCount || !transactionFileIsCurrent || lacksLastTime
    }

    /// Closes it: the index gets its last time entry.
    mutating func finishIndex() {
        if index?.finish() == true { lacksLastTime = true }
    }

    /// Takes note of a batch written at the end.
    mutating func note(_ batch: RecordBatchView, interval: Int64) {
        if firstTimestamp == nil { firstTimestamp = batch.maxTimestamp }
        index?.note(batch, at: byteCount, interval: interval)
        largestTimestamp = max(largestTimestamp, batch.maxTimestamp)
        byteCount += Int64(batch.byteCount)
    }
}

/// The files that belong to a segment, by their endings.
package enum SegmentFile: String, CaseIterable, Sendable {
    case log = ".log"
    case index = ".index"
    case timeIndex = ".timeindex"
    case transactionIndex = ".txnindex"
    case snapshot = ".snapshot"

    /// Those beside the batches that only the segment itself needs.
    static let indexes: [SegmentFile] = [.index, .timeIndex, .transactionIndex]
}

/// Indexes of closed segments that were read lately: a few, however many segments there are.
final class IndexCache: Sendable {
    private let limit: Int
    private let entries = Lock<[(file: PooledFile, index: SegmentIndex)]>([])

    init(limit: Int) { self.limit = limit }

    func index(of file: PooledFile) -> SegmentIndex? {
        entries.withLock { entries in
            guard let place = entries.firstIndex(where: { $0.file === file }) else { return nil }
            let entry = entries.remove(at: place)
            entries.append(entry)
            return entry.index
        }
    }

    func put(_ index: SegmentIndex, of file: PooledFile) {
        entries.withLock { entries in
            entries.removeAll { $0.file === file }
            entries.append((file, index))
            if entries.count > limit { entries.removeFirst() }
        }
    }

    func remove(_ file: PooledFile) {
        entries.withLock { entries in entries.removeAll { $0.file === file } }
    }
}
