import Bytes

/// Checks what a client sends before it is appended, record by record and through compression, so
/// that nothing enters the log that a reader could not read. The rules and their order are Kafka's;
/// where it accepts what its own reader fails on, or answers UNKNOWN_SERVER_ERROR, this refuses
/// with CORRUPT_MESSAGE or INVALID_RECORD (`docs/internals/deviations.md`).
///
/// Rules that need state (sequence numbers, transactions, fencing) are the log's own.
public enum ProduceValidator {
    /// The one good batch that `bytes`, the records field of a produce request, holds. A torn
    /// batch behind it is left out.
    public static func validate(
        _ bytes: UnsafeRawBufferPointer,
        rules: ProduceRules,
        decompressor: inout RecordDecompressor
    ) throws(ProduceRefusal) -> RecordBatchView {
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
            batch = try RecordBatchView(entry)
        } catch {
            throw ProduceRefusal(.corruptMessage, "the batch is damaged: \(error)")
        }
        try validate(batch, rules: rules, decompressor: &decompressor)
        return batch
    }

    /// Checks one batch as a client may send it.
    public static func validate(
        _ batch: RecordBatchView,
        rules: ProduceRules,
        decompressor: inout RecordDecompressor
    ) throws(ProduceRefusal) {
        try validateHeader(batch, rules: rules)
        let refused: ProduceRefusal?
        do throws(RecordBatchError) {
            var records = try decompressor.records(
                of: batch,
                byteLimit: rules.decompressedByteLimit
            )
            refused = try firstRefusal(&records, of: batch, rules: rules)
        } catch {
            throw refusal(for: error)
        }
        if let refused { throw refused }
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

    /// Walks every record to the end, as malformed ones outweigh refused ones.
    private static func firstRefusal(
        _ records: inout RecordIterator,
        of batch: RecordBatchView,
        rules: ProduceRules
    ) throws(RecordBatchError) -> ProduceRefusal? {
        let latest = batch.attributes.isLogAppendTime ? nil : rules.latestTimestamp
        var refused: ProduceRefusal?
        var index: Int32 = 0
        while let record = try records.next() {
            if refused == nil {
                if rules.requiresKeys, record.key == nil {
                    refused = ProduceRefusal(
                        .invalidRecord,
                        "records of a compacted topic need a key",
                        recordIndex: index
                    )
                } else if let latest, batch.timestamp(of: record) > latest {
                    refused = ProduceRefusal(
                        .invalidTimestamp,
                        "the timestamp lies too far ahead",
                        recordIndex: index
                    )
                }
            }
            index += 1
        }
        return refused
    }

    private static func refusal(for error: RecordBatchError) -> ProduceRefusal {
        switch error {
        case .unknownCodec(let number):
            ProduceRefusal(.corruptMessage, "no codec has the number \(number)")
        case .damagedCompression(let codec):
            ProduceRefusal(.corruptMessage, "the \(codec) block is damaged or too large")
        case .malformedRecord, .trailingBytes, .impossibleRecordCount:
            ProduceRefusal(.invalidRecord, "the records are malformed: \(error)")
        case .truncated, .impossibleLength, .unsupportedMagic, .checksumMismatch:
            ProduceRefusal(.corruptMessage, "the batch is damaged: \(error)")
        }
    }
}
