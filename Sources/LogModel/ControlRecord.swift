import Bytes

/// What a control record's key says it is.
public struct ControlRecordType: RawRepresentable, Hashable, Sendable {
    public var rawValue: Int16
    public init(rawValue: Int16) { self.rawValue = rawValue }

    public static let abort = Self(rawValue: 0)
    public static let commit = Self(rawValue: 1)
    public static let leaderChange = Self(rawValue: 2)
    public static let snapshotHeader = Self(rawValue: 3)
    public static let snapshotFooter = Self(rawValue: 4)
    public static let kraftVersion = Self(rawValue: 5)
    public static let kraftVoters = Self(rawValue: 6)

    /// The type in a control record's key; nil for a key that is too short. Later versions only
    /// append to the key, so its version does not matter.
    ///
    ///     version  2 bytes, 0
    ///     type     2 bytes
    public init?(key: UnsafeRawBufferPointer?) {
        guard let key, key.count >= 4, let base = key.baseAddress else { return nil }
        let version: Int16 = base.bigEndian(at: 0)
        guard version >= 0 else { return nil }
        self.init(rawValue: base.bigEndian(at: 2))
    }

    /// The end of a transaction that this type stands for; nil for other control records.
    public var transactionResult: TransactionResult? { TransactionResult(rawValue: rawValue) }
}

/// The record that ends a transaction in a partition: the only one of its control batch.
///
///     key    version (2 bytes, 0), type (2 bytes: 0 abort, 1 commit)
///     value  version (2 bytes, 0), coordinator epoch (4 bytes)
public struct EndTransactionMarker: Hashable, Sendable {
    public var result: TransactionResult
    public var coordinatorEpoch: Int32

    public init(result: TransactionResult, coordinatorEpoch: Int32) {
        self.result = result
        self.coordinatorEpoch = coordinatorEpoch
    }

    /// The marker that key and value of a control record hold; nil for other control records.
    public init?(key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?) {
        guard let result = ControlRecordType(key: key)?.transactionResult, let value,
            value.count >= 6, let base = value.baseAddress, base.bigEndian(Int16.self, at: 0) >= 0
        else { return nil }
        self.init(result: result, coordinatorEpoch: base.bigEndian(at: 2))
    }

    /// The marker in a batch; nil if the batch is no control batch or holds another control record.
    public init?(_ batch: RecordBatchView) throws(RecordBatchError) {
        guard batch.attributes.isControl, batch.recordCount > 0 else { return nil }
        guard try batch.codec() == .none else { return nil }
        var records = try batch.records()
        guard let record = try records.next() else { return nil }
        self.init(key: record.key, value: record.value)
    }

    /// The record's key.
    public var key: [UInt8] {
        [0, 0] + withUnsafeBytes(of: result.rawValue.bigEndian) { Array($0) }
    }

    /// The record's value.
    public var value: [UInt8] {
        [0, 0] + withUnsafeBytes(of: coordinatorEpoch.bigEndian) { Array($0) }
    }

    /// Appends the marker to a builder and seals it as a control batch.
    ///
    /// - Precondition: the builder is empty.
    public func seal(
        in builder: inout RecordBatchBuilder,
        timestamp: Timestamp,
        producerID: ProducerID,
        producerEpoch: ProducerEpoch,
        baseOffset: Offset = .zero,
        leaderEpoch: LeaderEpoch = LeaderEpoch(0)
    ) -> UnsafeMutableRawBufferPointer {
        precondition(builder.isEmpty, "a marker has a batch of its own")
        key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                builder.append(timestamp: timestamp, key: key, value: value)
            }
        }
        return builder.seal(
            attributes: BatchAttributes(isTransactional: true, isControl: true),
            producerID: producerID,
            producerEpoch: producerEpoch,
            baseOffset: baseOffset,
            leaderEpoch: leaderEpoch
        )
    }
}
