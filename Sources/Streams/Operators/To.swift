public import LogModel

extension KeyedStream {
    /// Writes every record to a topic, in the transaction of its input. A record goes to the
    /// partition of its key (Kafka's murmur2); without a key it keeps the number of its partition.
    /// The topic is created, with as many partitions as the widest source, if it does not exist.
    @inlinable
    public func to<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>
    ) -> Statement where KeySerde.Value == Key, ValueSerde.Value == Value {
        Statement(
            node.writing(
                kind: .sink(topic: topic.name, key: KeySerde.name, value: ValueSerde.name),
                key: topic.key,
                value: topic.value
            ) { task in task.target(topic: topic.name) }
        )
    }
}

extension StreamNode {
    /// A node that encodes every record and appends it to the target that `target` finds; without
    /// those whose key and value are null, if they are to be left out.
    @inlinable
    func writing<KeySerde: Serde, ValueSerde: Serde>(
        kind: OperatorKind,
        key: KeySerde,
        value: ValueSerde,
        leavesOutEmpty: Bool = false,
        target: @escaping (TaskBinding) -> OutputBuffer.Target
    ) -> AnyNode where KeySerde.Value == Key, ValueSerde.Value == Value {
        StreamNode<Never, Never>(kind: kind, from: self) { _, task, site in
            let target = target(task)
            let writer = RecordWriter(task: task, target: target, key: key, value: value)
            // Not by `attempt`: its closure would be a function of its own.
            guard leavesOutEmpty else {
                return { key, value in
                    do { try writer.write(key, value) } catch { try site.settle(error) }
                }
            }
            return { newKey, newValue in
                if key.isNull(newKey), value.isNull(newValue) { return }
                do { try writer.write(newKey, newValue) } catch { try site.settle(error) }
            }
        }
    }
}

/// Encodes records of one sink and appends them to the thread's output.
///
/// A class, for a closure copies the structs that it has with every call.
@usableFromInline
final class RecordWriter<KeySerde: Serde, ValueSerde: Serde> {
    @usableFromInline let target: OutputBuffer.Target
    @usableFromInline let key: KeySerde
    @usableFromInline let value: ValueSerde
    @usableFromInline let output: UnsafeMutablePointer<OutputBuffer>
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    @usableFromInline let keySink: UnsafeMutablePointer<ByteSink>
    @usableFromInline let valueSink: UnsafeMutablePointer<ByteSink>
    /// Keeps the pointers alive.
    @usableFromInline let task: TaskBinding

    @inlinable
    init(task: TaskBinding, target: OutputBuffer.Target, key: KeySerde, value: ValueSerde) {
        self.target = target
        self.key = key
        self.value = value
        self.task = task
        output = task.output
        record = task.record
        keySink = task.keySink
        valueSink = task.valueSink
    }

    @inlinable @inline(__always)
    func write(_ newKey: KeySerde.Value, _ newValue: ValueSerde.Value) throws {
        var keyBytes: UnsafeRawBufferPointer?
        if !key.isNull(newKey) {
            keySink.pointee.removeAll()
            try key.encode(newKey, into: &keySink.pointee)
            keyBytes = keySink.pointee.bytes
        }
        var valueBytes: UnsafeRawBufferPointer?
        if !value.isNull(newValue) {
            valueSink.pointee.removeAll()
            try value.encode(newValue, into: &valueSink.pointee)
            valueBytes = valueSink.pointee.bytes
        }
        let context = record.pointee
        let partition = OutputBuffer.partition(
            of: keyBytes.map(key.partitionBytes),
            in: target,
            fallback: context.partition
        )
        try output.pointee.append(
            to: target,
            partition: partition,
            timestamp: context.timestamp,
            key: keyBytes,
            value: valueBytes,
            headers: context.headers
        )
    }
}
