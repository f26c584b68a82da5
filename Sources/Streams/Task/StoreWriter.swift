public import LogModel
public import StateStores

/// One operator's way to its store: encodes keys and values, and writes every change to the
/// changelog in the same transaction.
@usableFromInline
struct StoreWriter<KeySerde: Serde, ValueSerde: Serde> {
    @usableFromInline let key: KeySerde
    @usableFromInline let value: ValueSerde
    @usableFromInline let store: StateStore
    @usableFromInline let changelog: OutputBuffer.Target
    @usableFromInline let output: UnsafeMutablePointer<OutputBuffer>
    @usableFromInline let keySink: UnsafeMutablePointer<ByteSink>
    @usableFromInline let valueSink: UnsafeMutablePointer<ByteSink>
    @usableFromInline let partition: PartitionIndex
    /// Keeps the pointers alive.
    @usableFromInline let task: TaskBinding

    @inlinable
    init(task: TaskBinding, store name: String, key: KeySerde, value: ValueSerde) {
        (store, changelog) = task.store(named: name)
        self.key = key
        self.value = value
        self.task = task
        output = task.output
        keySink = task.keySink
        valueSink = task.valueSink
        partition = task.partition
    }

    /// The place of a key in the store. The key's bytes stay in the task's key sink until the
    /// next record or key is encoded.
    @inlinable @inline(__always)
    func find(_ newKey: KeySerde.Value) throws -> KeyValueTable.Slot {
        keySink.pointee.removeAll()
        try key.encode(newKey, into: &keySink.pointee)
        return try store.slot(for: keySink.pointee.bytes)
    }

    /// The value at a place, nil where there is none.
    @inlinable @inline(__always)
    func read(_ slot: KeyValueTable.Slot) throws -> ValueSerde.Value? {
        guard let bytes = store.table.pointee.value(slot) else { return nil }
        return try value.decode(bytes)
    }

    /// Changes the value at the place that `find` returned last, and writes the change to the
    /// changelog; nil removes the key.
    @inlinable @inline(__always)
    func write(
        _ newValue: ValueSerde.Value?,
        at slot: KeyValueTable.Slot,
        timestamp: Timestamp
    ) throws {
        var bytes: UnsafeRawBufferPointer?
        if let newValue, !value.isNull(newValue) {
            valueSink.pointee.removeAll()
            try value.encode(newValue, into: &valueSink.pointee)
            bytes = valueSink.pointee.bytes
        }
        store.table.pointee.put(slot, value: bytes, timestamp: timestamp)
        try output.pointee.append(
            to: changelog,
            partition: partition,
            timestamp: timestamp,
            key: keySink.pointee.bytes,
            value: bytes,
            headers: nil
        )
    }
}
