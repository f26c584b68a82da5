import Bytes
import DirectoryAccess
import LogModel
import LogStorage
import StreamsRuntime

/// Counts what lies in partitions of dead letters, and goes on where it was.
struct DeadLetterCounter {
    /// Of one partition.
    struct Count: Equatable, Sendable {
        /// The records as far as they are counted, without those of aborted transactions.
        var records: Int64 = 0
        /// Offsets that are not counted yet.
        var uncounted: Int64 = 0
        /// When the first one was made.
        var oldest: Timestamp?
        /// The offsets that are counted.
        var offsets: Range<Int64>
    }

    private struct Progress {
        var start: Offset
        var next: Offset
        var count: Int64 = 0
        var oldest: Timestamp?
    }

    private var progress: [TopicIDPartition: Progress] = [:]
    /// Fetches of one partition in one round.
    private static let fetchLimit = 16

    /// Counts on.
    mutating func count(
        _ partition: TopicIDPartition,
        _ bounds: LogBounds,
        _ reader: RecordReader
    ) -> Count {
        let end = bounds.lastStableOffset
        var at = progress[partition] ?? Progress(start: bounds.logStart, next: bounds.logStart)
        // What was deleted is counted no more, and nobody has noted how much that was.
        if at.start != bounds.logStart || at.next > end {
            at = Progress(start: bounds.logStart, next: bounds.logStart)
        }
        for _ in 0..<Self.fetchLimit where at.next < end {
            guard let (bytes, aborted) = reader.read(partition.name, from: at.next) else { break }
            let before = at.next
            Self.count(bytes, aborted, &at)
            if at.oldest == nil {
                at.oldest = FirstRecordTime.find(in: bytes, from: before, hiding: aborted).time
            }
            guard at.next > before else { break }
        }
        progress[partition] = at
        return Count(
            records: at.count,
            uncounted: max(0, at.next.distance(to: end)),
            oldest: at.oldest,
            offsets: at.start.rawValue..<at.next.rawValue
        )
    }

    private static func count(
        _ bytes: UnsafeRawBufferPointer,
        _ aborted: AbortedFilter,
        _ at: inout Progress
    ) {
        var filter = aborted
        var batches = RecordBatchSequence(bytes)
        while let batch = try? batches.next() {
            // A start may lie in the middle of a batch.
            let gone = max(0, batch.baseOffset.distance(to: at.start))
            if batch.attributes.isControl {
                guard (try? filter.noteControl(of: batch)) != nil else { return }
            } else if !filter.hides(batch) {
                at.count &+= max(0, Int64(batch.recordCount) - gone)
            }
            at.next = max(at.next, batch.nextOffset)
        }
    }
}

/// The dead letters of one topic that something was done about, as its audit topic tells it, which
/// is read on where it was.
struct SettledLetters {
    private var settled: [PartitionIndex: OffsetSet] = [:]
    /// Of the audit topic that was read.
    private var audit: TopicIDPartition?
    private var next = Offset.zero
    /// Fetches in one round.
    private static let fetchLimit = 16

    /// Whether all was read that is decided now. `ends` are those of the dead letters' partitions:
    /// nothing behind them can be settled yet, whatever a record says.
    mutating func follow(
        _ partition: TopicIDPartition,
        _ bounds: LogBounds,
        of topic: UniqueID,
        ends: [PartitionIndex: Int64],
        _ reader: RecordReader
    ) -> Bool {
        if audit != partition || next > bounds.lastStableOffset {
            settled = [:]
            next = .zero
            audit = partition
        }
        next = max(next, bounds.logStart)
        for _ in 0..<Self.fetchLimit where next < bounds.lastStableOffset {
            guard let (bytes, aborted) = reader.read(partition.name, from: next) else { break }
            let before = next
            note(bytes, aborted, topic, ends)
            guard next > before else { break }
        }
        return next >= bounds.lastStableOffset
    }

    /// How many of these offsets are settled.
    func count(in offsets: Range<Int64>, of partition: PartitionIndex) -> Int64 {
        settled[partition]?.count(in: offsets) ?? 0
    }

    private mutating func note(
        _ bytes: UnsafeRawBufferPointer,
        _ aborted: AbortedFilter,
        _ topic: UniqueID,
        _ ends: [PartitionIndex: Int64]
    ) {
        var filter = aborted
        var decompressor = RecordDecompressor()
        var batches = RecordBatchSequence(bytes)
        while let batch = try? batches.next() {
            if batch.attributes.isControl {
                guard (try? filter.noteControl(of: batch)) != nil else { return }
            } else if !filter.hides(batch) {
                guard (try? batch.verifyChecksum()) != nil,
                    var records = try? decompressor.records(
                        of: batch,
                        byteLimit: BatchLimit.recordByteCount
                    )
                else { return }
                while let record = try? records.next() {
                    if batch.offset(of: record) >= next { note(record, topic, ends) }
                }
            }
            next = max(next, batch.nextOffset)
        }
    }

    /// A topic that was deleted and made again has other letters at the same offsets.
    private mutating func note(
        _ record: RecordView,
        _ topic: UniqueID,
        _ ends: [PartitionIndex: Int64]
    ) {
        guard let noted = AuditRecord(record), (noted.cause.topicID ?? topic) == topic,
            let end = ends[noted.partition]
        else { return }
        for range in noted.offsets.ranges where range.lowerBound < end {
            settled[noted.partition, default: OffsetSet()].insert(
                range.lowerBound..<min(end, range.upperBound == .max ? end : range.upperBound + 1)
            )
        }
    }
}

/// A set of offsets.
struct OffsetSet: Equatable {
    /// Ascending, none empty, none touching the next.
    private(set) var ranges: [Range<Int64>] = []

    mutating func insert(_ range: Range<Int64>) {
        guard !range.isEmpty else { return }
        let first = index { $0.upperBound >= range.lowerBound }
        let end = index { $0.lowerBound > range.upperBound }
        var union = range
        if first < end {
            union =
                min(
                    range.lowerBound,
                    ranges[first].lowerBound
                )..<max(range.upperBound, ranges[end - 1].upperBound)
        }
        ranges.replaceSubrange(first..<end, with: [union])
    }

    /// How many there are in a range.
    func count(in range: Range<Int64>) -> Int64 {
        ranges.reduce(0) { $0 + Int64($1.clamped(to: range).count) }
    }

    /// The first place from which on all ranges are so.
    private func index(where isSo: (Range<Int64>) -> Bool) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if isSo(ranges[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
