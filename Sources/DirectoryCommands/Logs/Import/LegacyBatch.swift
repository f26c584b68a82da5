import LogModel

/// Makes a record batch of messages of the formats before it, each with its own offset and time.
struct LegacyBatch: ~Copyable {
    private var builder = RecordBatchBuilder(capacity: 64 << 10)
    private var base: (offset: Offset, timestamp: Timestamp)?
    private var last = Offset(-1)
    private var largest = Timestamp.none

    /// Batches about as large as producers make them.
    private static let byteLimit = 128 << 10

    var isEmpty: Bool { builder.isEmpty }
    var isFull: Bool { builder.byteCount >= Self.byteLimit }

    /// Whether a message of this offset can stand in the batch: deltas have four bytes, and offsets
    /// ascend.
    func canHold(_ offset: Offset) -> Bool {
        guard let base else { return true }
        return offset > last && base.offset.distance(to: offset) <= Int64(Int32.max)
    }

    /// Appends a message whose offset the batch can hold.
    mutating func append(_ record: StoredMessage) {
        let base = self.base ?? (record.offset, record.timestamp)
        self.base = base
        last = record.offset
        largest = max(largest, record.timestamp)
        builder.append(
            copying: RecordView(
                attributes: 0,
                timestampDelta: record.timestamp.rawValue &- base.timestamp.rawValue,
                offsetDelta: Int32(clamping: base.offset.distance(to: record.offset)),
                key: record.key,
                value: record.value,
                headers: record.noHeaders
            )
        )
    }

    /// Seals what was appended; valid until the next change.
    mutating func seal() -> UnsafeMutableRawBufferPointer {
        let base = base ?? (.zero, .none)
        return builder.seal(
            as: RecordBatchHeader(
                baseOffset: base.offset,
                leaderEpoch: LeaderEpoch(0),
                attributes: BatchAttributes(),
                lastOffsetDelta: Int32(clamping: base.offset.distance(to: last)),
                baseTimestamp: base.timestamp,
                maxTimestamp: largest,
                producerID: .none,
                producerEpoch: .none,
                baseSequence: .none,
                recordCount: builder.recordCount
            )
        )
    }

    /// Forgets the messages.
    mutating func reset() {
        builder.reset()
        base = nil
        last = Offset(-1)
        largest = .none
    }
}

/// A message as it goes into a batch, lent.
struct StoredMessage {
    var offset: Offset
    var timestamp: Timestamp
    var key: UnsafeRawBufferPointer?
    var value: UnsafeRawBufferPointer?
    /// The header block without a header: one zero byte.
    var noHeaders: UnsafeRawBufferPointer
}
