/// Writes batches again with fewer records, as the log cleaner needs them.
///
/// What a batch says of its place and its producer stays as it was, so that offsets, sequence
/// numbers and transactions read the same afterwards: base offset, last offset delta, leader epoch,
/// producer fields, transactional and control bit, timestamp type and codec. Base and max timestamp
/// become those of the records that are left. A batch that loses all of its records is still a
/// batch, of count 0; whether that one is kept is the caller's to decide.
///
/// Make one per owner and keep it: its memory is used again.
package struct RecordBatchRewriter: ~Copyable {
    /// What became of a batch.
    package struct Outcome {
        /// The batch to store: the given one itself where nothing had to change. Valid until the
        /// rewriter is next used, and as long as the given one.
        package var bytes: UnsafeRawBufferPointer
        /// Whether `bytes` are those of the given batch.
        package var isUnchanged: Bool
        /// Records that the given batch held.
        package var recordCount: Int32
        /// Records that are left.
        package var retainedCount: Int32
        /// The last of the records that are left, nil without any.
        package var lastRetainedOffset: Offset?
    }

    /// When the tombstones and markers that stay in a batch may go.
    package enum HorizonRule: Sendable {
        /// A batch keeps the horizon it has, or has none.
        case keep
        /// A batch without a horizon that keeps a tombstone gets this one.
        case forTombstones(Timestamp)
        /// A batch without a horizon gets this one: it holds the marker of a transaction of which
        /// nothing else is left.
        case always(Timestamp)
    }

    private var builder = RecordBatchBuilder()
    private var compressor = RecordCompressor()
    private var decompressor = RecordDecompressor()
    /// Whether each record of the batch at hand stays.
    private var isRetained: [Bool] = []

    package init() {}

    /// The batch with only those records that `retains` keeps; it is asked once for each, in order.
    /// The caller has verified the batch's checksum.
    package mutating func rewrite(
        _ batch: RecordBatchView,
        horizon rule: HorizonRule = .keep,
        byteLimit: Int = BatchLimit.recordByteCount,
        retains: (RecordView) -> Bool
    ) throws(RecordBatchError) -> Outcome {
        let records = try decompressor.records(of: batch, byteLimit: byteLimit)
        let survey = try takeSurvey(of: records, in: batch, retains)
        let newHorizon = Self.newHorizon(of: batch, rule, survey)
        var outcome = Outcome(
            bytes: batch.bytes,
            isUnchanged: true,
            recordCount: batch.recordCount,
            retainedCount: survey.retainedCount,
            lastRetainedOffset: survey.lastRetainedOffset
        )
        guard survey.retainedCount < batch.recordCount || newHorizon != nil else { return outcome }
        outcome.isUnchanged = false
        outcome.bytes =
            survey.retainedCount == 0
            ? makeEmpty(batch)
            : try make(
                batch,
                of: records,
                survey,
                horizon: newHorizon ?? batch.deleteHorizon
            )
        return outcome
    }

    /// The batch with the same records, numbered 0, 1, 2 and so on, for a client that counts
    /// otherwise: offsets would else be given twice, or lie beyond the batch. With a codec its
    /// records are compressed by that one instead of by its own. What else its header says stays.
    /// Valid until the rewriter is next used.
    package mutating func renumber(
        _ batch: RecordBatchView,
        codec: CompressionCodec? = nil
    ) throws(RecordBatchError) -> UnsafeMutableRawBufferPointer {
        var records = try decompressor.records(of: batch, byteLimit: BatchLimit.recordByteCount)
        let own = try batch.codec()
        var index: Int32 = 0
        builder.reset()
        while var record = try records.next() {
            record.offsetDelta = index
            builder.append(copying: record)
            index += 1
        }
        var header = RecordBatchHeader(of: batch)
        header.attributes = BatchAttributes(
            codec: codec ?? own,
            isLogAppendTime: batch.attributes.isLogAppendTime,
            isTransactional: batch.attributes.isTransactional,
            isControl: batch.attributes.isControl
        )
        return try seal(header, codec ?? own)
    }

    /// More than this is not compressed as hard as it goes: nobody can stop that meanwhile.
    private static let hardByteLimit = 8 << 20

    /// What the builder holds, as a batch. One that becomes longer than `limit` is compressed again
    /// as hard as it goes: who wrote it did so, and a segment must not outgrow what it was.
    private mutating func seal(
        _ header: RecordBatchHeader,
        _ codec: CompressionCodec,
        atMost limit: Int = .max
    ) throws(RecordBatchError) -> UnsafeMutableRawBufferPointer {
        guard codec != .none else { return builder.seal(as: header) }
        let headerByteCount = RecordBatchLayout.headerByteCount
        var bytes = try compressor.compress(
            builder.recordBlock,
            codec: codec,
            headerByteCount: headerByteCount
        )
        let isShort = builder.recordBlock.count <= Self.hardByteLimit
        if bytes.count > limit, codec == .zstd, isShort {
            bytes = try compressor.compress(
                builder.recordBlock,
                codec: codec,
                headerByteCount: headerByteCount,
                isHard: true
            )
        }
        header.write(to: bytes)
        return bytes
    }

    /// What the first walk over a batch's records finds.
    private struct Survey {
        var retainedCount: Int32 = 0
        var firstTimestamp = Timestamp.none
        var maxTimestamp = Timestamp.none
        var hasTombstone = false
        var lastRetainedOffset: Offset?
    }

    private mutating func takeSurvey(
        of records: RecordIterator,
        in batch: RecordBatchView,
        _ retains: (RecordView) -> Bool
    ) throws(RecordBatchError) -> Survey {
        var records = records
        var survey = Survey()
        isRetained.removeAll(keepingCapacity: true)
        while let record = try records.next() {
            let stays = retains(record)
            isRetained.append(stays)
            guard stays else { continue }
            let time = batch.timestamp(of: record)
            if survey.retainedCount == 0 { survey.firstTimestamp = time }
            survey.maxTimestamp = max(survey.maxTimestamp, time)
            if record.value == nil { survey.hasTombstone = true }
            survey.lastRetainedOffset = batch.offset(of: record)
            survey.retainedCount += 1
        }
        return survey
    }

    private static func newHorizon(
        of batch: RecordBatchView,
        _ rule: HorizonRule,
        _ survey: Survey
    ) -> Timestamp? {
        guard batch.deleteHorizon == nil, survey.retainedCount > 0 else { return nil }
        return switch rule {
        case .keep: nil
        case .forTombstones(let time): survey.hasTombstone ? time : nil
        case .always(let time): time
        }
    }

    /// The header of a batch without records: the place and the producer are all that is left.
    private mutating func makeEmpty(_ batch: RecordBatchView) -> UnsafeRawBufferPointer {
        var header = RecordBatchHeader(of: batch)
        header.attributes = BatchAttributes(
            isLogAppendTime: batch.attributes.isLogAppendTime,
            isTransactional: batch.attributes.isTransactional,
            isControl: batch.attributes.isControl
        )
        header.baseTimestamp = .none
        header.recordCount = 0
        builder.reset()
        return UnsafeRawBufferPointer(builder.seal(as: header))
    }

    private mutating func make(
        _ batch: RecordBatchView,
        of records: RecordIterator,
        _ survey: Survey,
        horizon: Timestamp?
    ) throws(RecordBatchError) -> UnsafeRawBufferPointer {
        let codec = try batch.codec()
        var header = RecordBatchHeader(of: batch)
        header.attributes = BatchAttributes(
            codec: codec,
            isLogAppendTime: batch.attributes.isLogAppendTime,
            isTransactional: batch.attributes.isTransactional,
            isControl: batch.attributes.isControl,
            hasDeleteHorizon: horizon != nil
        )
        header.baseTimestamp = horizon ?? survey.firstTimestamp
        // A log append time is the batch's, whatever its records' deltas say.
        if !batch.attributes.isLogAppendTime { header.maxTimestamp = survey.maxTimestamp }
        header.recordCount = survey.retainedCount
        try copyRetained(records, of: batch, baseTimestamp: header.baseTimestamp)
        return UnsafeRawBufferPointer(try seal(header, codec, atMost: batch.byteCount))
    }

    /// Puts the records that stay into the builder; their times are told from `baseTimestamp`.
    private mutating func copyRetained(
        _ records: RecordIterator,
        of batch: RecordBatchView,
        baseTimestamp: Timestamp
    ) throws(RecordBatchError) {
        var records = records
        var index = 0
        builder.reset()
        while var record = try records.next() {
            if isRetained[index] {
                let time = batch.timestamp(of: record)
                record.timestampDelta = time.rawValue &- baseTimestamp.rawValue
                builder.append(copying: record)
            }
            index += 1
        }
    }
}
