package import Bytes
package import LogClient
package import LogModel

/// A batch of records that a read_committed reader may see.
package struct VisibleBatch {
    package var records: RecordIterator
    package let baseOffset: Int64
    package let baseTimestamp: Int64
    /// Set for log-append time: every record has it.
    package let sharedTimestamp: Timestamp?
    package let nextOffset: Offset
    package let byteCount: Int
}

extension VisibleBatch {
    /// The next record; one that cannot be read is told with its place.
    mutating func next(of reader: borrowing CommittedReader) throws -> RecordView? {
        do throws(RecordBatchError) { return try records.next() } catch {
            throw reader.corrupt(error)
        }
    }

    /// The same of a queue's batch.
    mutating func next(of queue: borrowing PartitionQueue) throws -> RecordView? {
        do throws(RecordBatchError) { return try records.next() } catch {
            throw queue.corrupt(error)
        }
    }
}

/// Reads one partition as a read_committed Kafka client does: fetches whole batches, checks each
/// once, and leaves out control records and aborted transactions, which still advance `position`.
package struct CommittedReader: ~Copyable {
    package let partition: TopicPartition
    /// The next offset that was not given out or passed over.
    package private(set) var position: Offset
    /// The topic that the position is of; nil for whichever has the name.
    package private(set) var topicID: UniqueID?
    /// Whether records were missing among those met since the last `seek`: compaction, or a
    /// transaction that compaction knew to be aborted, took them away.
    package private(set) var hasGap = false
    /// Where the next batch begins if nothing is missing.
    private var expected: Offset
    private let buffer: FetchBuffer
    private var batches = RecordBatchSequence(UnsafeRawBufferPointer(start: nil, count: 0))
    private var decompressor = RecordDecompressor()
    /// The most that one batch may grow to: 64 MiB.
    private static let decompressedByteLimit = BatchLimit.recordByteCount
    private var aborted = AbortedFilter()

    package init(
        partition: TopicPartition,
        of topicID: UniqueID? = nil,
        position: Offset,
        fetchByteCount: Int
    ) {
        self.partition = partition
        self.topicID = topicID
        self.position = position
        expected = position
        buffer = FetchBuffer(byteCount: fetchByteCount)
    }

    /// Goes to another offset, of another topic of the name where `topicID` says so, and drops what
    /// was fetched.
    package mutating func seek(to offset: Offset, of topicID: UniqueID?) {
        position = offset
        expected = offset
        hasGap = false
        self.topicID = topicID
        batches = RecordBatchSequence(UnsafeRawBufferPointer(start: nil, count: 0))
        aborted = AbortedFilter()
    }

    /// Fetches from the position on; false if there is nothing that committed readers may see.
    /// Batches fetched before and not taken are dropped.
    package mutating func fetch(from client: any LogClient) throws -> Bool {
        let result = try client.fetch(
            partition,
            of: topicID,
            from: position,
            isolation: .readCommitted,
            into: buffer
        )
        guard result.byteCount > 0 else {
            batches = RecordBatchSequence(UnsafeRawBufferPointer(start: nil, count: 0))
            aborted = AbortedFilter()
            buffer.release()
            return false
        }
        let bytes = UnsafeRawBufferPointer(buffer.bytes)
        batches = RecordBatchSequence(UnsafeRawBufferPointer(rebasing: bytes[..<result.byteCount]))
        expected = position
        aborted = AbortedFilter(result.abortedTransactions)
        return true
    }

    /// The next visible batch of what was fetched; its bytes are valid until the next call.
    /// `position` stands behind what was passed over; the caller reports the batch with `finish`.
    package mutating func nextBatch() throws -> VisibleBatch? {
        while let batch = try nextChecked() {
            // A fetch begins with the whole batch that holds the offset asked for.
            guard batch.nextOffset > position else { continue }
            noteGap(before: batch)
            if batch.attributes.isControl {
                do { try aborted.noteControl(of: batch) } catch { throw corrupt(error) }
            } else if !aborted.hides(batch) {
                return try visible(batch)
            }
            position = batch.nextOffset
        }
        return nil
    }

    /// A batch that lost records keeps its offsets and has a smaller count.
    private mutating func noteGap(before batch: RecordBatchView) {
        let offsetCount = Int64(batch.lastOffsetDelta) + 1
        if batch.baseOffset > expected || Int64(batch.recordCount) != offsetCount { hasGap = true }
        expected = batch.nextOffset
    }

    /// Notes that everything below `offset` was given out.
    @inline(__always)
    package mutating func finish(upTo offset: Offset) { position = offset }

    private mutating func visible(_ batch: RecordBatchView) throws -> VisibleBatch {
        let records: RecordIterator
        do {
            records = try decompressor.records(of: batch, byteLimit: Self.decompressedByteLimit)
        } catch { throw corrupt(error) }
        return VisibleBatch(
            records: records,
            baseOffset: batch.baseOffset.rawValue,
            baseTimestamp: batch.baseTimestamp.rawValue,
            sharedTimestamp: batch.attributes.isLogAppendTime ? batch.maxTimestamp : nil,
            nextOffset: batch.nextOffset,
            byteCount: batch.byteCount
        )
    }

    /// What cannot be read, with its place.
    func corrupt(_ error: RecordBatchError) -> LogClientError {
        .corrupt("\(partition) at or after offset \(position.rawValue): \(error)")
    }

    private mutating func nextChecked() throws -> RecordBatchView? {
        do throws(RecordBatchError) {
            guard let batch = try batches.next() else { return nil }
            try batch.verifyChecksum()
            return batch
        } catch {
            throw corrupt(error)
        }
    }
}
