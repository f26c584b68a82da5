import LogModel
import MillraceTestKit

@testable import LogStorage

/// What lies in a partition's folder, read from its first byte to its last as a recovery would,
/// with every check that a segment allows.
struct ScannedLog {
    struct Batch: Equatable {
        var base: Int64
        var last: Int64
        var recordCount: Int32
        var producerID: Int64
        var isControl: Bool
        var hasHorizon: Bool
        var deleteHorizon: Int64?
        var isTransactional: Bool
        var records: [CompactedTopic.Record]
    }

    private(set) var bases: [Offset] = []
    private(set) var batches: [Batch] = []
    private(set) var producers = ProducerTable()
    /// What the transaction index files say.
    private(set) var storedAborted: [AbortedEntry] = []
    /// What the batches say.
    private(set) var rebuiltAborted: [AbortedEntry] = []

    /// Reads a folder in which no cleaning is half done.
    init(_ files: PartitionFiles) throws {
        let compacted = try CompactedSegments(in: files)
        let names = try files.disk.list(files.directory)
        let strange = names.filter { name in CleanerSuffix.all.contains { name.hasSuffix($0) } }
        guard strange.isEmpty, compacted.pending == nil else {
            throw CompactionFailure("left behind: \(strange)")
        }
        bases = names.compactMap { SegmentName.offset(in: $0, .log) }.sorted()
        for (index, base) in bases.enumerated() {
            let next = index + 1 < bases.count ? bases[index + 1] : nil
            try scan(base, next, compacted.entry(at: base), files)
        }
    }

    private mutating func scan(
        _ base: Offset,
        _ next: Offset?,
        _ entry: CompactedSegments.Entry?,
        _ files: PartitionFiles
    ) throws {
        let file = try files.disk.open(files.path(base, .log), .read)
        defer { file.close() }
        var check = SegmentContentCheck(base: base, entry: entry)
        var rebuilt: [AbortedEntry] = []
        var scanner = SegmentScanner(file: file, from: 0, to: try file.byteCount())
        scan: while true {
            switch try scanner.next() {
            case .end: break scan
            case .bad(let error): throw CompactionFailure("segment \(base.rawValue): \(error)")
            case .batch(let batch):
                if let reason = check.note(batch) { throw CompactionFailure(reason) }
                if let aborted = try producers.follow(batch) { rebuilt.append(aborted) }
                batches.append(try Batch(batch))
                scanner.advance(by: batch.byteCount)
            }
        }
        if let reason = check.finish(end: next) { throw CompactionFailure(reason) }
        // The active segment's index is in memory only.
        let bytes = try files.content(of: files.path(base, .transactionIndex))
        guard let entries = bytes.map({ AbortedEntry.decode($0, base: base) }) ?? rebuilt else {
            throw CompactionFailure("the transaction index of \(base.rawValue)")
        }
        storedAborted += entries
        rebuiltAborted += rebuilt
        producers.noteDurable(below: Offset(.max))
    }

    /// Every record that lies there, control records aside.
    var records: [CompactedTopic.Record] {
        batches.lazy.filter { !$0.isControl }.flatMap(\.records)
    }

    /// What a client sees with read_committed that is told of these aborted transactions.
    func committed(
        upTo lastStableOffset: Offset,
        _ aborted: [AbortedEntry]
    ) -> [CompactedTopic.Record] {
        var starts = aborted.sorted { $0.firstOffset < $1.firstOffset }
        var hidden: Set<Int64> = []
        var result: [CompactedTopic.Record] = []
        for batch in batches where batch.base < lastStableOffset.rawValue {
            while let first = starts.first, first.firstOffset.rawValue <= batch.last {
                hidden.insert(first.producerID.rawValue)
                starts.removeFirst()
            }
            if batch.isControl {
                if batch.recordCount > 0 { hidden.remove(batch.producerID) }
            } else if !batch.isTransactional || !hidden.contains(batch.producerID) {
                result += batch.records
            }
        }
        return result
    }

    /// Offsets of the batches.
    var places: [[Int64]] { batches.map { [$0.base, $0.last] } }
}

extension ScannedLog.Batch {
    init(_ batch: RecordBatchView) throws {
        base = batch.baseOffset.rawValue
        last = batch.lastOffset.rawValue
        recordCount = batch.recordCount
        producerID = batch.producerID.rawValue
        isControl = batch.attributes.isControl
        isTransactional = batch.attributes.isTransactional
        hasHorizon = batch.attributes.hasDeleteHorizon
        deleteHorizon = batch.deleteHorizon?.rawValue
        records = []
        var decompressor = RecordDecompressor()
        var iterator = try decompressor.records(of: batch, byteLimit: 1 << 24)
        while let record = try iterator.next() {
            records.append(
                CompactedTopic.Record(
                    offset: batch.offset(of: record).rawValue,
                    key: record.key.map { String(decoding: $0, as: UTF8.self) },
                    value: record.value.map { String(decoding: $0, as: UTF8.self) },
                    timestamp: batch.timestamp(of: record).rawValue
                )
            )
        }
    }
}
