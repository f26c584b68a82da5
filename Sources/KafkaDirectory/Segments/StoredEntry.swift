package import LogModel

/// What stands in a segment file of Kafka's: a batch of today's format, or a message of the formats
/// before it.
package enum StoredEntry {
    /// Magic 2; valid as long as the scanner that found it stays where it is.
    case batch(RecordBatchView)
    /// Magic 0 or 1, possibly a wrapper around others.
    case message(LegacyMessage, byteCount: Int)

    package var byteCount: Int {
        switch self {
        case .batch(let batch): batch.byteCount
        case .message(_, let byteCount): byteCount
        }
    }

    /// The offset that it claims to begin at; of a wrapper, its last one.
    package var firstOffset: Offset {
        switch self {
        case .batch(let batch): batch.baseOffset
        case .message(let message, _): message.offset
        }
    }

    package var lastOffset: Offset {
        switch self {
        case .batch(let batch): batch.lastOffset
        case .message(let message, _): message.offset
        }
    }

    package var isControl: Bool {
        switch self {
        case .batch(let batch): batch.attributes.isControl
        case .message: false
        }
    }

    /// The largest decompressed block that is taken for records.
    private static let recordByteLimit = BatchLimit.recordByteCount

    /// Lends each record with its own offset and resolved timestamp.
    ///
    /// - Throws: where the records are not what the header says: malformed, not ascending, or
    ///   outside the offsets of the batch.
    package func forEachRecord(
        _ decompressor: inout RecordDecompressor,
        _ body: (StoredRecord) -> Void
    ) throws(RecordBatchError) {
        switch self {
        case .batch(let batch): try Self.walk(batch, &decompressor, body)
        case .message(let message, _):
            let messages = try message.unwrapped(
                decompressor: &decompressor,
                byteLimit: Self.recordByteLimit
            )
            var previous = Int64(-1)
            for (index, message) in messages.enumerated() {
                guard message.offset.rawValue > previous, message.offset <= lastOffset else {
                    throw .malformedRecord(index: Int32(clamping: index))
                }
                previous = message.offset.rawValue
                Self.lend(message, body)
            }
        }
    }

    private static func walk(
        _ batch: RecordBatchView,
        _ decompressor: inout RecordDecompressor,
        _ body: (StoredRecord) -> Void
    ) throws(RecordBatchError) {
        var records = try decompressor.records(of: batch, byteLimit: recordByteLimit)
        var previous = Int32(-1)
        var index = Int32(0)
        while let record = try records.next() {
            guard record.offsetDelta > previous, record.offsetDelta <= batch.lastOffsetDelta else {
                throw .malformedRecord(index: index)
            }
            previous = record.offsetDelta
            index &+= 1
            body(
                StoredRecord(
                    offset: batch.offset(of: record),
                    timestamp: batch.timestamp(of: record),
                    key: record.key,
                    value: record.value,
                    headers: record.headers
                )
            )
        }
    }

    private static func lend(_ message: LegacyMessage, _ body: (StoredRecord) -> Void) {
        withBytes(message.key) { key in
            withBytes(message.value) { value in
                body(
                    StoredRecord(
                        offset: message.offset,
                        timestamp: message.timestamp,
                        key: key,
                        value: value,
                        headers: nil
                    )
                )
            }
        }
    }

    private static func withBytes(
        _ bytes: [UInt8]?,
        _ body: (UnsafeRawBufferPointer?) -> Void
    ) {
        guard let bytes else { return body(nil) }
        bytes.withUnsafeBytes { body($0) }
    }
}

/// One record of any format, lent for the time of a call.
package struct StoredRecord {
    package var offset: Offset
    package var timestamp: Timestamp
    /// Null or the key's bytes.
    package var key: UnsafeRawBufferPointer?
    /// Null or the value's bytes.
    package var value: UnsafeRawBufferPointer?
    /// The header block as a `RecordView` has it; nil in the formats that have no headers.
    package var headers: UnsafeRawBufferPointer?
}
