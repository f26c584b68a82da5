public import LogModel

/// A key or value that its serde refuses. The task's error policy decides what follows.
public struct DecodeFailure: Error, CustomStringConvertible {
    /// "key" or "value".
    public let part: String
    /// The serde.
    public let serde: String
    /// What the serde said.
    public let reason: String
    let cause: any Error

    @usableFromInline
    init(part: String, serde: String, error: any Error) {
        self.part = part
        self.serde = serde
        reason = String(describing: error)
        cause = error
    }

    /// One sentence.
    public var description: String { "cannot read the \(part) as \(serde): \(reason)" }
}

/// Reads raw records with the serdes of a source.
@usableFromInline
struct RecordDecoder<KeySerde: Serde, ValueSerde: Serde> {
    @usableFromInline let key: KeySerde
    @usableFromInline let value: ValueSerde

    @inlinable
    init(key: KeySerde, value: ValueSerde) {
        self.key = key
        self.value = value
    }

    @inlinable @inline(__always)
    func decodeKey(_ bytes: UnsafeRawBufferPointer?) throws -> KeySerde.Value {
        do { return try key.decodeNullable(bytes) } catch {
            throw DecodeFailure(part: "key", serde: KeySerde.name, error: error)
        }
    }

    @inlinable @inline(__always)
    func decodeValue(_ bytes: UnsafeRawBufferPointer?) throws -> ValueSerde.Value {
        do { return try value.decodeNullable(bytes) } catch {
            throw DecodeFailure(part: "value", serde: ValueSerde.name, error: error)
        }
    }
}

extension StreamNode {
    /// A source node: decodes raw records of a topic for the consumers. A table's source drops
    /// (and counts) records whose key is null before any serde sees them.
    @inlinable
    static func source<KeySerde: Serde, ValueSerde: Serde>(
        kind: OperatorKind,
        key: KeySerde,
        value: ValueSerde,
        dropsNullKeys: Bool = false,
        timestamps: TimestampExtractor<Key, Value>? = nil
    ) -> StreamNode<Key, Value> where KeySerde.Value == Key, ValueSerde.Value == Value {
        let node = StreamNode<Key, Value>(kind: kind, parents: [])
        let decoder = RecordDecoder(key: key, value: value)
        if let timestamps {
            node.bindSource = { [unowned node] task in
                node.bind(kind, decoder, timestamps, dropsNullKeys, to: task)
            }
            node.bindTime = { task in
                let partitionTime = task.partitionTime(of: kind)
                let record = task.record
                return { rawKey, rawValue, time in
                    if dropsNullKeys, rawKey == nil { return time }
                    let (key, value) = (
                        try decoder.decodeKey(rawKey), try decoder.decodeValue(rawValue)
                    )
                    let times = RecordTimes(
                        record: time,
                        partition: partitionTime.pointee,
                        wall: record.pointee.wallTime
                    )
                    return try timestamps.extract(key, value, times)
                }
            }
            return node
        }
        node.bindSource = { [unowned node] task in
            let sink = node.bindConsumers(task)
            let counters = task.counters
            let record = task.record
            let partitionTime = task.partitionTime(of: kind)
            let expiry = task.expiry
            return { rawKey, rawValue in
                if dropsNullKeys, rawKey == nil {
                    record.pointee.noteTime(partitionTime)
                    counters.pointee.drop(.nullKey)
                    return
                }
                let decodedKey = try decoder.decodeKey(rawKey)
                let decodedValue = try decoder.decodeValue(rawValue)
                let before = partitionTime.pointee
                record.pointee.noteTime(partitionTime)
                if record.pointee.isRowDue { try expiry.makeWay(partitionTime, was: before) }
                try sink(decodedKey, decodedValue)
            }
        }
        return node
    }

    /// A source whose records have the times that an extractor tells.
    @inlinable
    func bind<KeySerde: Serde, ValueSerde: Serde>(
        _ kind: OperatorKind,
        _ decoder: RecordDecoder<KeySerde, ValueSerde>,
        _ timestamps: TimestampExtractor<Key, Value>,
        _ dropsNullKeys: Bool,
        to task: TaskBinding
    ) -> RawSink where KeySerde.Value == Key, ValueSerde.Value == Value {
        let sink = bindConsumers(task)
        let counters = task.counters
        let record = task.record
        let partitionTime = task.partitionTime(of: kind)
        let expiry = task.expiry
        return { rawKey, rawValue in
            if dropsNullKeys, rawKey == nil {
                counters.pointee.drop(.nullKey)
                return
            }
            let decodedKey = try decoder.decodeKey(rawKey)
            let decodedValue = try decoder.decodeValue(rawValue)
            let times = RecordTimes(
                record: record.pointee.timestamp,
                partition: partitionTime.pointee,
                wall: record.pointee.wallTime
            )
            let time = try timestamps.extract(decodedKey, decodedValue, times)
            guard time.rawValue >= 0 else {
                counters.pointee.drop(.negativeTimestamp)
                return
            }
            record.pointee.timestamp = time
            record.pointee.noteTime(partitionTime)
            if record.pointee.isRowDue { try expiry.makeWay(partitionTime, was: times.partition) }
            try sink(decodedKey, decodedValue)
        }
    }
}
