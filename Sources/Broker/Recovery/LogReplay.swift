import LogModel
import LogStorage

/// Reads a partition from its start to its end: what a coordinator's replay needs.
struct LogReplay: ~Copyable {
    private static let firstByteCount = 1 << 20
    /// Coordinators write no larger batches, whatever their compression.
    private static let blockByteLimit = BatchLimit.recordByteCount

    /// What the log holds, in its order.
    enum Item {
        /// A record with its offset; the producer's id if its batch lies in a transaction.
        case record(RecordView, at: Offset, producerID: ProducerID)
        case marker(EndTransactionMarker, at: Offset, producerID: ProducerID)
    }

    private var buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: firstByteCount,
        alignment: 16
    )
    private var decompressor = RecordDecompressor()

    deinit { buffer.deallocate() }

    /// Calls `body` with every record and marker, until it answers with an error.
    mutating func run(
        over partition: Partition,
        _ body: (Item) -> BrokerError?
    ) throws(BrokerError) {
        let bounds = try storing(partition.name.description) { () throws(LogStorageError) in
            try partition.log.bounds
        }
        var position = bounds.logStart
        while position < bounds.highWatermark {
            let byteCount = try read(partition, from: position)
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<byteCount])
            var batches = RecordBatchSequence(bytes)
            let begin = position
            var failure: BrokerError?
            do throws(RecordBatchError) {
                while failure == nil, let batch = try batches.next() {
                    failure = try replay(batch, body)
                    position = batch.nextOffset
                }
            } catch {
                failure = .corrupt("\(partition.name) at offset \(position.rawValue): \(error)")
            }
            if let failure { throw failure }
            guard position > begin else {
                throw .corrupt(
                    "\(partition.name): nothing can be read at offset \(position.rawValue), in "
                        + "front of its end \(bounds.highWatermark.rawValue)"
                )
            }
        }
    }

    /// Hands over what one batch holds.
    private mutating func replay(
        _ batch: RecordBatchView,
        _ body: (Item) -> BrokerError?
    ) throws(RecordBatchError) -> BrokerError? {
        if batch.attributes.isControl {
            guard let marker = try EndTransactionMarker(batch) else { return nil }
            return body(.marker(marker, at: batch.lastOffset, producerID: batch.producerID))
        }
        let producerID = batch.attributes.isTransactional ? batch.producerID : ProducerID.none
        var records = try decompressor.records(of: batch, byteLimit: Self.blockByteLimit)
        while let record = try records.next() {
            let at = batch.baseOffset.advanced(by: Int64(record.offsetDelta))
            if let failure = body(.record(record, at: at, producerID: producerID)) {
                return failure
            }
        }
        return nil
    }

    /// Reads whole batches into the buffer, which grows for a first one that does not fit.
    private mutating func read(
        _ partition: Partition,
        from position: Offset
    ) throws(BrokerError) -> Int {
        while true {
            let failure: BrokerError
            do throws(LogStorageError) {
                return try partition.log.read(
                    from: position,
                    maxByteCount: buffer.count,
                    isolation: .readUncommitted,
                    into: buffer
                ).byteCount
            } catch {
                failure = BrokerError(error, in: partition.name.description)
            }
            guard case .bufferTooSmall(let needed) = failure else { throw failure }
            buffer.deallocate()
            buffer = .allocate(byteCount: needed, alignment: 16)
        }
    }
}
