import LogClient
import LogModel
import StreamsRuntime
import Terminal

/// Counts the records that a reader of committed records sees, by reading all of them: offsets are
/// taken by the ends of transactions as well, and compaction leaves gaps.
struct RecordCounter: ~Copyable {
    private let log: any CommandLog
    private let buffer = FetchBuffer(byteCount: 1 << 20)
    private var decompressor = RecordDecompressor()

    init(_ log: any CommandLog) { self.log = log }

    /// The records of a partition that is read from its start to what is its end now.
    ///
    /// - Throws: `DamageFound` where some of it cannot be read.
    mutating func count(of partition: TopicPartition) throws -> Int {
        let bounds = try log.bounds(of: partition)
        var position = bounds.logStart
        var count = 0
        while position < bounds.lastStableOffset {
            let result: FetchResult
            do throws(FetchFailure) {
                result = try log.fetch(
                    partition,
                    from: position,
                    isolation: .readCommitted,
                    into: buffer
                )
            } catch {
                switch error {
                case .damaged(var failure), .leaderless(var failure), .gone(var failure):
                    failure.what = "the records of \(partition) are not counted"
                    throw DamageFound(failure: failure)
                case .failed(let failure): throw failure
                case .outOfRange(let now):
                    // Retention was quicker; what it took is not there to be counted.
                    guard position < now.logStart else { return count }
                    position = now.logStart
                    continue
                }
            }
            guard result.byteCount > 0 else { break }
            let bytes = UnsafeRawBufferPointer(
                rebasing: UnsafeRawBufferPointer(buffer.bytes)[..<result.byteCount]
            )
            do {
                count += try self.count(
                    bytes,
                    AbortedFilter(result.abortedTransactions),
                    from: &position
                )
            } catch let error as RecordBatchError {
                throw DamageFound(
                    failure: CommandFailure(
                        "the records of \(partition) are not counted",
                        place: "\(log.place)",
                        reason: "a batch at or after offset \(position.rawValue) is damaged: "
                            + "\(error)",
                        next: log.verification(of: partition.topic)
                    )
                )
            }
        }
        return count
    }

    private mutating func count(
        _ bytes: UnsafeRawBufferPointer,
        _ aborted: consuming AbortedFilter,
        from position: inout Offset
    ) throws -> Int {
        var aborted = aborted
        var batches = RecordBatchSequence(bytes)
        var count = 0
        while let batch = try batches.next() {
            guard batch.nextOffset > position else { continue }
            try batch.verifyChecksum()
            if batch.attributes.isControl {
                try aborted.noteControl(of: batch)
            } else if !aborted.hides(batch) {
                count += try self.count(batch, from: position)
            }
            position = batch.nextOffset
        }
        return count
    }

    /// Of a batch that begins before the log start, only what is left counts.
    private mutating func count(_ batch: RecordBatchView, from position: Offset) throws -> Int {
        guard batch.baseOffset < position else { return Int(batch.recordCount) }
        var records = try decompressor.records(of: batch, byteLimit: BatchLimit.recordByteCount)
        var count = 0
        while let record = try records.next() {
            if batch.offset(of: record) >= position { count += 1 }
        }
        return count
    }
}
