/// What a partition asks of a batch that a client sends.
public struct ProduceRules: Equatable, Sendable {
    /// Bytes of a batch, header included; Kafka's `max.message.bytes`.
    public var batchByteLimit: Int
    /// Bytes that a compressed batch may hold once decompressed.
    public var decompressedByteLimit: Int
    /// Refuses records of a later time, nil for none; Kafka: an hour from now. For topics whose
    /// timestamps the producer sets.
    public var latestTimestamp: Timestamp?
    /// Whether records without a key are refused, as in compacted topics.
    public var requiresKeys: Bool

    public init(
        batchByteLimit: Int = 1_048_588,
        decompressedByteLimit: Int = 256 << 20,
        latestTimestamp: Timestamp? = nil,
        requiresKeys: Bool = false
    ) {
        self.batchByteLimit = batchByteLimit
        self.decompressedByteLimit = decompressedByteLimit
        self.latestTimestamp = latestTimestamp
        self.requiresKeys = requiresKeys
    }
}

/// Why a batch that a client sent is not appended.
public struct ProduceRefusal: Error, Equatable, Sendable {
    public var code: KafkaErrorCode
    /// For people; no part of the protocol.
    public var message: String
    /// The position of the offending record in its batch, where it is one record's fault.
    public var recordIndex: Int32?

    public init(_ code: KafkaErrorCode, _ message: String, recordIndex: Int32? = nil) {
        self.code = code
        self.message = message
        self.recordIndex = recordIndex
    }
}
