/// What a partition asks of a batch that a client sends.
public struct ProduceRules: Equatable, Sendable {
    /// Bytes of a batch, header included; Kafka's `max.message.bytes`.
    public var batchByteLimit: Int
    /// Bytes that a compressed batch may hold once decompressed.
    public var decompressedByteLimit: Int
    /// Refuses records of a later time, nil for none; Kafka: an hour from now. Counts only where
    /// the producer sets the timestamps.
    public var latestTimestamp: Timestamp?
    /// Whether the log sets the timestamps, as `message.timestamp.type` says.
    public var usesLogAppendTime: Bool
    /// Whether records without a key are refused, as in compacted topics.
    public var requiresKeys: Bool

    public init(
        batchByteLimit: Int = BatchLimit.defaultByteCount,
        decompressedByteLimit: Int = BatchLimit.recordByteCount,
        latestTimestamp: Timestamp? = nil,
        usesLogAppendTime: Bool = false,
        requiresKeys: Bool = false
    ) {
        self.batchByteLimit = batchByteLimit
        self.decompressedByteLimit = decompressedByteLimit
        self.latestTimestamp = latestTimestamp
        self.usesLogAppendTime = usesLogAppendTime
        self.requiresKeys = requiresKeys
    }
}

/// Why a batch that a client sent is not appended.
public struct ProduceRefusal: Error, Equatable, Sendable {
    public var code: KafkaErrorCode
    /// For people; no part of the protocol.
    public var message: String
    /// The positions of the offending records in their batch, where it is the fault of records:
    /// all of them in order, up to `recordIndexLimit`.
    public var recordIndexes: [Int32]

    /// More records than this are not named.
    public static let recordIndexLimit = 1000

    public init(_ code: KafkaErrorCode, _ message: String, recordIndexes: [Int32] = []) {
        self.code = code
        self.message = message
        self.recordIndexes = recordIndexes
    }

    /// The first of the offending records.
    public var recordIndex: Int32? { recordIndexes.first }
}

/// A batch that may be appended, with what its header only claims.
public struct ValidatedBatch {
    public var batch: RecordBatchView
    /// The largest timestamp of its records as they say themselves, -1 if all are lower: the max
    /// timestamp that the batch is to have in a topic whose timestamps the producer sets.
    public var largestTimestamp: Timestamp
    /// Whether record n has the offset delta n. Where not, the batch has to be numbered anew before
    /// it is stored, see `RecordBatchRewriter.renumber`; only uncompressed ones pass like that.
    public var hasDenseOffsets: Bool

    /// How the log is to stamp the batch's time.
    public func time(appendTime: Timestamp?) -> RecordBatchStamp.Time {
        appendTime.map { .appended($0) } ?? .created(largest: largestTimestamp)
    }
}
