import Bytes

/// Checks what a client sends before it is appended, record by record and through compression, so
/// that nothing enters the log that a reader could not read. The rules and their order are Kafka's;
/// where it accepts what its own reader fails on, or answers UNKNOWN_SERVER_ERROR, this refuses
/// with CORRUPT_MESSAGE or INVALID_RECORD (`docs/internals/deviations.md`).
///
/// Rules that need state (sequence numbers, transactions, fencing) are the log's own.
public enum ProduceValidator {
    /// The one good batch that `bytes`, the records field of a produce request, holds. A torn
    /// batch behind it is left out. What the header claims of times, and the records of their
    /// offsets, is for the log to set right: see `ValidatedBatch`.
    public static func validate(
        _ bytes: UnsafeRawBufferPointer,
        rules: ProduceRules,
        decompressor: inout RecordDecompressor
    ) throws(ProduceRefusal) -> ValidatedBatch {
        guard let first = try entryByteCount(bytes) else {
            throw ProduceRefusal(.invalidRecord, "the request holds no whole batch")
        }
        let entry = UnsafeRawBufferPointer(rebasing: bytes[..<first])
        guard entry[RecordBatchLayout.magic] == RecordBatchLayout.magicValue else {
            throw ProduceRefusal(.invalidRecord, "only record batches v2 are accepted")
        }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[first...])
        guard try entryByteCount(rest) == nil else {
            throw ProduceRefusal(.invalidRecord, "a request holds one batch for a partition")
        }
        let batch: RecordBatchView
        do throws(RecordBatchError) {
            batch = try RecordBatchView(ofAnyOffsets: entry)
        } catch {
            throw refusal(for: error)
        }
        return try validate(batch, rules: rules, decompressor: &decompressor)
    }

    /// Checks one batch as a client may send it.
    public static func validate(
        _ batch: RecordBatchView,
        rules: ProduceRules,
        decompressor: inout RecordDecompressor
    ) throws(ProduceRefusal) -> ValidatedBatch {
        try validateHeader(batch, rules: rules)
        var check = RecordCheck(of: batch, rules: rules)
        do throws(RecordBatchError) {
            var records = try decompressor.records(
                of: batch,
                byteLimit: rules.decompressedByteLimit
            )
            // To the end, as malformed records outweigh refused ones.
            while let record = try records.next() { check.note(record) }
        } catch {
            throw refusal(for: error)
        }
        return try check.result()
    }

    /// Bytes of the entry at the start of `bytes`; nil at the end or in front of a torn entry.
    private static func entryByteCount(
        _ bytes: UnsafeRawBufferPointer
    ) throws(ProduceRefusal) -> Int? {
        guard bytes.count > RecordBatchLayout.magic, let base = bytes.baseAddress else {
            return nil
        }
        let length = Int(base.bigEndian(Int32.self, at: RecordBatchLayout.length))
        guard length >= RecordBatchLayout.minimumLength else {
            throw ProduceRefusal(.corruptMessage, "a batch cannot have the length \(length)")
        }
        let magic = bytes[RecordBatchLayout.magic]
        guard magic <= RecordBatchLayout.magicValue else {
            throw ProduceRefusal(.corruptMessage, "no record format has the magic \(magic)")
        }
        let byteCount = length + RecordBatchLayout.lengthPrefixByteCount
        return byteCount <= bytes.count ? byteCount : nil
    }

    private static func validateHeader(
        _ batch: RecordBatchView,
        rules: ProduceRules
    ) throws(ProduceRefusal) {
        guard batch.baseOffset == .zero else {
            throw ProduceRefusal(.invalidRecord, "the base offset of a client's batch must be 0")
        }
        guard batch.byteCount <= rules.batchByteLimit else {
            throw ProduceRefusal(
                .messageTooLarge,
                "the batch takes \(batch.byteCount) bytes, more than \(rules.batchByteLimit)"
            )
        }
        guard batch.computedChecksum == batch.storedChecksum else {
            throw ProduceRefusal(.corruptMessage, "the batch's CRC does not match its content")
        }
        let count = batch.recordCount
        guard count > 0, batch.lastOffsetDelta >= 0, batch.lastOffsetDelta == count - 1 else {
            throw ProduceRefusal(
                .invalidRecord,
                "\(count) records do not fill the offsets 0 to \(batch.lastOffsetDelta)"
            )
        }
        guard !batch.attributes.isControl else {
            throw ProduceRefusal(.invalidRecord, "clients may not write control records")
        }
        guard batch.producerID.rawValue < 0 || batch.baseSequence.rawValue >= 0 else {
            throw ProduceRefusal(
                .invalidRecord,
                "a batch with a producer id needs a sequence number"
            )
        }
    }

    private static func refusal(for error: RecordBatchError) -> ProduceRefusal {
        switch error {
        case .unknownCodec(let number):
            ProduceRefusal(.corruptMessage, "no codec has the number \(number)")
        case .damagedCompression(let codec):
            ProduceRefusal(.corruptMessage, "the \(codec) block is damaged or too large")
        case .malformedRecord, .trailingBytes, .impossibleRecordCount, .compressedRecords:
            ProduceRefusal(.invalidRecord, "the records are malformed: \(error)")
        case .impossibleOffsets:
            ProduceRefusal(.invalidRecord, "\(error)")
        case .tooLarge:
            ProduceRefusal(.messageTooLarge, "\(error)")
        case .truncated, .impossibleLength, .unsupportedMagic, .checksumMismatch:
            ProduceRefusal(.corruptMessage, "the batch is damaged: \(error)")
        }
    }
}

/// Looks at the records of a produced batch one after the other.
private struct RecordCheck {
    private let batch: RecordBatchView
    private let rules: ProduceRules
    private let claimsAppendTime: Bool
    private var index: Int32 = 0
    private var largestTimestamp = Timestamp.none
    private var hasDenseOffsets = true
    private var keyless: [Int32] = []
    private var mistimed: [Int32] = []

    init(of batch: RecordBatchView, rules: ProduceRules) {
        self.batch = batch
        self.rules = rules
        claimsAppendTime = batch.attributes.isLogAppendTime
    }

    mutating func note(_ record: RecordView) {
        let time = Timestamp(batch.baseTimestamp.rawValue &+ record.timestampDelta)
        largestTimestamp = max(largestTimestamp, time)
        if record.offsetDelta != index { hasDenseOffsets = false }
        if rules.requiresKeys, record.key == nil {
            if keyless.count < ProduceRefusal.recordIndexLimit { keyless.append(index) }
        } else if isMistimed(time), mistimed.count < ProduceRefusal.recordIndexLimit {
            mistimed.append(index)
        }
        index &+= 1
    }

    /// Whether a record's time is out of range, or its type is the log's to set. Kafka looks at a
    /// claimed append time as if it were the record's and lets it pass in time; the record's own
    /// time is what is kept, so that has to be in range as well.
    private func isMistimed(_ time: Timestamp) -> Bool {
        guard claimsAppendTime else { return !rules.usesLogAppendTime && isOutOfRange(time) }
        guard !rules.usesLogAppendTime, batch.maxTimestamp != .none else { return true }
        return isOutOfRange(batch.maxTimestamp) || isOutOfRange(time)
    }

    /// Later than allowed, or earlier than can be told from it. No time at all is always allowed.
    private func isOutOfRange(_ time: Timestamp) -> Bool {
        guard let latest = rules.latestTimestamp, time != .none else { return false }
        return time.rawValue &- latest.rawValue > 0
    }

    /// The batch, unless a record was refused.
    func result() throws(ProduceRefusal) -> ValidatedBatch {
        guard mistimed.isEmpty else {
            throw ProduceRefusal(
                .invalidTimestamp,
                claimsAppendTime
                    ? "the timestamps are marked as the log's, which a producer may not do"
                    : "the timestamp is out of range",
                recordIndexes: (keyless + mistimed).sorted()
            )
        }
        guard keyless.isEmpty else {
            throw ProduceRefusal(
                .invalidRecord,
                "records of a compacted topic need a key",
                recordIndexes: keyless
            )
        }
        guard hasDenseOffsets || batch.attributes.codecNumber == 0 else {
            throw ProduceRefusal(
                .invalidRecord,
                "the records of a compressed batch are not numbered 0, 1, 2 and so on"
            )
        }
        return ValidatedBatch(
            batch: batch,
            largestTimestamp: largestTimestamp,
            hasDenseOffsets: hasDenseOffsets
        )
    }
}
