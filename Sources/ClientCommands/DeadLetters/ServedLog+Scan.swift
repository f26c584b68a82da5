import DirectoryAccess
import KafkaClient
import LogModel
import StreamsRuntime
import Terminal

/// A signal came before it was known what there is to do: nothing was done.
struct ScanStopped: Error {}

/// Reading stretches of partitions, batch by batch.
extension ServedLog {
    /// What one fetch of a scan brings.
    private static let scanByteLimit: Int32 = 4 << 20

    /// Calls `body` with each committed record of these offsets, in order, until it says that it
    /// has seen enough.
    ///
    /// - Parameter isStopped: asked before each fetch; true ends it.
    /// - Returns: where it ended: at the end of the offsets, where there are no more records now,
    ///   or behind the record that was enough.
    @discardableResult
    func scan(
        _ partition: TopicPartition,
        _ offsets: Range<Int64>,
        isStopped: () -> Bool = { false },
        _ body: (RecordView, RecordBatchView) throws -> Bool
    ) throws -> Int64 {
        var position = offsets.lowerBound
        var decompressor = RecordDecompressor()
        let what = "\(partition) is not read on"
        while position < offsets.upperBound, !isStopped() {
            let from = Offset(position)
            let answers = try asking(what) { cluster throws(KafkaClientError) in
                try cluster.fetch(
                    [partition: from],
                    isolation: .readCommitted,
                    byteLimit: Self.scanByteLimit,
                    wait: .zero
                )
            }
            guard let answer = answers[partition] else {
                throw CommandFailure(what, place: "\(place)", reason: "the answer leaves it out")
            }
            if answer.code == .offsetOutOfRange {
                // Retention was quicker.
                guard let start = try logStart(of: partition), start > position else {
                    return position
                }
                position = start
                continue
            }
            guard answer.code == .none else {
                throw failure(what, .refused(answer.code, about: "\(partition)", ""))
            }
            let before = position
            let isEnough = try answer.records.withUnsafeBytes { bytes in
                try walk(
                    bytes,
                    AbortedFilter(answer.abortedTransactions),
                    partition,
                    &position,
                    before: offsets.upperBound,
                    &decompressor,
                    body
                )
            }
            if isEnough || position == before { return position }
        }
        return position
    }

    /// The batches of an answer; true where `body` has seen enough.
    private func walk(
        _ bytes: UnsafeRawBufferPointer,
        _ filter: AbortedFilter,
        _ partition: TopicPartition,
        _ position: inout Int64,
        before end: Int64,
        _ decompressor: inout RecordDecompressor,
        _ body: (RecordView, RecordBatchView) throws -> Bool
    ) throws -> Bool {
        var filter = filter
        var batches = RecordBatchSequence(bytes)
        do {
            while position < end, let batch = try batches.next() {
                try batch.verifyChecksum()
                guard batch.nextOffset.rawValue > position else { continue }
                if batch.attributes.isControl {
                    try filter.noteControl(of: batch)
                } else if !filter.hides(batch) {
                    var records = try decompressor.records(
                        of: batch,
                        byteLimit: BatchLimit.recordByteCount
                    )
                    while let record = try records.next() {
                        let offset = batch.offset(of: record).rawValue
                        guard offset >= position else { continue }
                        guard offset < end else { break }
                        position = offset + 1
                        if try !body(record, batch) { return true }
                    }
                }
                position = max(position, batch.nextOffset.rawValue)
            }
        } catch let error as RecordBatchError {
            throw CommandFailure(
                "a batch is damaged",
                place: "\(partition) at or after offset \(position)",
                reason: "\(error)",
                next: place.directory == nil ? nil : place.next("log verify")
            )
        }
        return false
    }

    private func logStart(of partition: TopicPartition) throws -> Int64? {
        try asking("the start of \(partition) is not told") { cluster throws(KafkaClientError) in
            try cluster.offset(.earliest, of: partition, isolation: .readUncommitted)
        }?.rawValue
    }
}
