import LogModel
import MillraceTestKit

@testable import LogStorage

/// A compacted partition's folder on a simulated disk, filled batch by batch: segments, their
/// transaction indexes and the producers' table, as a log keeps them. It remembers every record
/// that was ever appended.
struct CompactedTopic {
    struct Record: Equatable {
        var offset: Int64
        var key: String?
        var value: String?
        var timestamp: Int64
    }

    /// What became of a record's transaction.
    enum Outcome: Equatable {
        case none
        case open
        case committed
        case aborted
    }

    struct Segment {
        var base: Offset
        var byteCount: Int64 = 0
        var index = SegmentIndex()
        var firstTimestamp: Timestamp?
        var aborted: [AbortedEntry] = []

        mutating func note(_ batch: RecordBatchView, interval: Int64) {
            if firstTimestamp == nil { firstTimestamp = batch.maxTimestamp }
            index.note(batch, at: byteCount, interval: interval)
            byteCount += Int64(batch.byteCount)
        }
    }

    static let directory = "/data/t-0"

    private(set) var disk: SimulatedDisk
    var files: PartitionFiles { PartitionFiles(disk: disk, directory: Self.directory) }
    var options = CleaningOptions()
    private(set) var segments: [Segment] = []
    private(set) var producers = ProducerTable()
    private(set) var logEnd = Offset.zero
    var compacted = CompactedSegments()
    /// Every record that was appended, and what became of it.
    private(set) var history: [(record: Record, producer: Int64, outcome: Outcome)] = []
    /// The last round's.
    private(set) var statistics = CleaningStatistics()

    init(segmentByteLimit: Int64 = 1 << 20) throws {
        disk = SimulatedDisk()
        try disk.createDirectory("/data")
        try disk.createDirectory(Self.directory)
        try disk.syncDirectory("/")
        try disk.syncDirectory("/data")
        options.segmentByteLimit = segmentByteLimit
        options.minimumDirtyRatio = 0
        options.indexIntervalByteCount = 256
        try roll()
    }

    /// A folder with these segments of somebody else's, as they were appended.
    init(segments contents: [(base: Offset, bytes: [UInt8])], segmentByteLimit: Int64) throws {
        try self.init(segmentByteLimit: segmentByteLimit)
        try disk.remove(files.path(.zero, .log))
        segments = []
        for (base, bytes) in contents {
            logEnd = base
            try roll()
            try bytes.withUnsafeBytes { bytes in
                var batches = RecordBatchSequence(bytes)
                // The limit is not ours to keep: the segments are given.
                options.segmentByteLimit = .max
                while let batch = try batches.next() { _ = try write(batch.bytes) }
            }
        }
        options.segmentByteLimit = segmentByteLimit
    }

    /// The same topic as it lies on another disk, where a crash left it.
    init(_ topic: CompactedTopic, on disk: SimulatedDisk) throws {
        self = topic
        self.disk = disk
        compacted = try CompactedSegments(in: files)
        segments = []
        let bases = try disk.list(Self.directory)
            .compactMap { SegmentName.offset(in: $0, .log) }.sorted()
        for base in bases {
            var segment = Segment(base: base)
            let bytes = try files.content(of: files.path(base, .log)) ?? []
            try bytes.withUnsafeBytes { bytes in
                var batches = RecordBatchSequence(bytes)
                while let batch = try batches.next() {
                    segment.note(batch, interval: options.indexIntervalByteCount)
                }
            }
            let aborted = try files.content(of: files.path(base, .transactionIndex))
            segment.aborted =
                aborted.flatMap { AbortedEntry.decode($0, base: base) }
                ?? topic.segments.last?.aborted ?? []
            segments.append(segment)
        }
    }

    // MARK: Appending

    /// Begins a segment at the end.
    mutating func roll() throws {
        if let last = segments.last {
            guard last.base < logEnd else { return }
            segments[segments.count - 1].index.finish()
            try write(segments[segments.count - 1].aborted.flatMap(\.encoded), .transactionIndex)
        }
        segments.append(Segment(base: logEnd))
        let file = try disk.open(files.path(logEnd, .log), .create)
        try file.sync()
        file.close()
        try disk.syncDirectory(Self.directory)
    }

    private func write(_ bytes: [UInt8], _ suffix: SegmentFile) throws {
        try files.writeCache(
            files.path(segments[segments.count - 1].base, suffix),
            bytes,
            isFlushed: true
        )
    }

    /// Appends one batch of keys with values; nil is a tombstone.
    @discardableResult
    mutating func append(
        _ pairs: [(String?, String?)],
        from producer: KeyedProducer? = nil,
        codec: CompressionCodec = .none,
        at time: Int64 = 1_000
    ) throws -> Int64 {
        var builder = RecordBatchBuilder()
        for (index, pair) in pairs.enumerated() {
            let key = pair.0.map { Array($0.utf8) }
            let value = pair.1.map { Array($0.utf8) }
            let timestamp = time + Int64(index)
            Self.withBytes(key) { key in
                Self.withBytes(value) { value in
                    builder.append(timestamp: Timestamp(timestamp), key: key, value: value)
                }
            }
            history.append(
                (
                    Record(
                        offset: logEnd.rawValue + Int64(index),
                        key: pair.0,
                        value: pair.1,
                        timestamp: timestamp
                    ),
                    producer?.id ?? -1,
                    producer?.isTransactional == true ? .open : .none
                )
            )
        }
        var compressor = RecordCompressor()
        let sealed = try builder.seal(
            with: &compressor,
            attributes: BatchAttributes(
                codec: codec,
                isTransactional: producer?.isTransactional ?? false
            ),
            producerID: ProducerID(producer?.id ?? -1),
            producerEpoch: ProducerEpoch(producer?.epoch ?? -1),
            baseSequence: SequenceNumber(producer?.sequence ?? -1),
            baseOffset: logEnd
        )
        producer?.sequence += Int32(pairs.count)
        return try write(UnsafeRawBufferPointer(sealed))
    }

    /// Appends the marker that ends a producer's transaction.
    @discardableResult
    mutating func end(
        _ producer: KeyedProducer,
        _ result: TransactionResult,
        at time: Int64 = 1_000
    ) throws -> Int64 {
        var builder = RecordBatchBuilder()
        let sealed = EndTransactionMarker(result: result, coordinatorEpoch: 0).seal(
            in: &builder,
            timestamp: Timestamp(time),
            producerID: ProducerID(producer.id),
            producerEpoch: ProducerEpoch(producer.epoch),
            baseOffset: logEnd
        )
        for index in history.indices
        where history[index].producer == producer.id && history[index].outcome == .open {
            history[index].outcome = result == .commit ? .committed : .aborted
        }
        return try write(UnsafeRawBufferPointer(sealed))
    }

    /// Appends a control batch that is no marker.
    mutating func appendLeaderChange() throws {
        var builder = RecordBatchBuilder()
        Self.withBytes([0, 0, 0, 2]) { key in
            Self.withBytes([0, 0]) { builder.append(timestamp: Timestamp(1), key: key, value: $0) }
        }
        let sealed = builder.seal(
            attributes: BatchAttributes(isControl: true),
            baseOffset: logEnd
        )
        _ = try write(UnsafeRawBufferPointer(sealed))
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer) throws -> Int64 {
        let last = segments[segments.count - 1]
        if last.byteCount > 0, last.byteCount + Int64(bytes.count) > options.segmentByteLimit {
            try roll()
        }
        var segment = segments[segments.count - 1]
        let batch = try RecordBatchView(bytes)
        let file = try disk.open(files.path(segment.base, .log), .readWrite)
        defer { file.close() }
        try file.write(bytes, at: segment.byteCount)
        try file.sync()
        segment.note(batch, interval: options.indexIntervalByteCount)
        if let aborted = try producers.follow(batch) { segment.aborted.append(aborted) }
        segments[segments.count - 1] = segment
        logEnd = batch.nextOffset
        producers.noteDurable(below: logEnd)
        return batch.baseOffset.rawValue
    }

    private static func withBytes(
        _ bytes: [UInt8]?,
        _ body: (UnsafeRawBufferPointer?) -> Void
    ) {
        guard let bytes else { return body(nil) }
        bytes.withUnsafeBytes { body($0) }
    }

    // MARK: Cleaning

    var lastStableOffset: Offset { producers.firstUnstableOffset ?? logEnd }

    var cleanable: CleanableLog {
        let ends = segments.dropFirst().map(\.base) + [logEnd]
        return CleanableLog(
            segments: zip(segments, ends).map { segment, end in
                CleanableSegment(
                    baseOffset: segment.base,
                    nextBase: end,
                    byteCount: segment.byteCount,
                    firstTimestamp: segment.firstTimestamp,
                    largestTimestamp: segment.index.largestTimestamp
                )
            },
            logStart: segments[0].base,
            firstDirtyOffset: compacted.firstDirtyOffset,
            lastStableOffset: lastStableOffset,
            highWatermark: logEnd,
            recoveryPoint: logEnd
        )
    }

    func round(now: Int64) -> CleaningRound? {
        CleaningPlan(for: cleanable, options: options, now: Timestamp(now)).map { plan in
            CleaningRound(
                plan: plan,
                options: options,
                compacted: compacted,
                aborted: segments.flatMap(\.aborted),
                producers: producers.entries.mapValues {
                    LastProducerRecord(
                        lastDataOffset: $0.batches.last?.lastOffset,
                        epoch: $0.epoch
                    )
                },
                epochs: [EpochStart(epoch: LeaderEpoch(0), offset: .zero)],
                now: Timestamp(now)
            )
        }
    }

    /// Cleans once; the plan, nil if there was nothing to clean.
    ///
    /// - Parameter groupLimit: After so many groups the round is given up.
    @discardableResult
    mutating func clean(now: Int64 = 10_000, groupLimit: Int = .max) throws -> CleaningPlan? {
        guard let round = round(now: now) else { return nil }
        let swap = SegmentSwap(files: files)
        var cleaner = SegmentCleaner(files: files, round: round)
        var groupCount = 0
        while true {
            switch try cleaner.next(throttle: { _ in true }) {
            case .cleaned(let group) where groupCount == groupLimit:
                try swap.discard(group)
                statistics = cleaner.statistics
                return round.plan
            case .cleaned(let group):
                groupCount += 1
                try swap.swap(group, &compacted)
                replace(group)
                try swap.removeReplaced(by: group)
                group.file.close()
            case .finished(let offset):
                try swap.finishRound(at: offset, first: segments[0].base, &compacted)
                statistics = cleaner.statistics
                return round.plan
            case .stopped:
                throw CompactionFailure("stopped without being told to")
            }
        }
    }

    mutating func replace(_ group: CleanedGroup) {
        let place = segments.firstIndex { $0.base == group.base } ?? 0
        segments.removeAll { group.oldBases.contains($0.base) }
        var segment = Segment(base: group.base)
        segment.byteCount = group.byteCount
        segment.index = group.index
        segment.firstTimestamp = group.firstTimestamp
        segment.aborted = group.aborted
        segments.insert(segment, at: place)
    }
}

/// A producer that numbers its records.
final class KeyedProducer {
    let id: Int64
    var epoch: Int16 = 0
    let isTransactional: Bool
    var sequence: Int32 = 0

    init(_ id: Int64, isTransactional: Bool = false) {
        self.id = id
        self.isTransactional = isTransactional
    }

    /// As after an end of transaction in which the epoch rises.
    func bump() {
        epoch += 1
        sequence = 0
    }
}

struct CompactionFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
