public import LogModel
public import StateStores

/// One operator's way to its store by typed keys and values.
@usableFromInline
struct StoreWriter<KeySerde: Serde, ValueSerde: Serde> {
    @usableFromInline let key: KeySerde
    @usableFromInline let value: ValueSerde
    @usableFromInline let handle: StoreHandle
    @usableFromInline let keySink: UnsafeMutablePointer<ByteSink>
    @usableFromInline let valueSink: UnsafeMutablePointer<ByteSink>

    @inlinable
    init(task: TaskBinding, store name: String, key: KeySerde, value: ValueSerde) {
        self.key = key
        self.value = value
        handle = StoreHandle(task: task, store: name)
        keySink = task.keySink
        valueSink = task.valueSink
    }

    /// The place of a key in the store. The key's bytes stay in the task's key sink until the
    /// next record or key is encoded.
    @inlinable @inline(__always)
    func find(_ newKey: KeySerde.Value) throws -> KeyValueTable.Slot {
        keySink.pointee.removeAll()
        try key.encode(newKey, into: &keySink.pointee)
        return try handle.slot(keySink.pointee.bytes)
    }

    /// The value at a place, nil where there is none.
    @inlinable @inline(__always)
    func read(_ slot: KeyValueTable.Slot) throws -> ValueSerde.Value? {
        guard let bytes = handle.bytes(slot) else { return nil }
        return try value.decode(bytes)
    }

    /// The row of a key, nil where there is none.
    @inlinable
    func row(_ wanted: KeySerde.Value) throws -> TableRow<ValueSerde.Value>? {
        if key.isNull(wanted) { return nil }
        let slot = try find(wanted)
        guard let found = try read(slot) else { return nil }
        return TableRow(value: found, timestamp: handle.timestamp(slot))
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
        try handle.put(
            slot,
            key: keySink.pointee.bytes,
            value: bytes,
            timestamp: timestamp
        )
    }
}

extension TableView {
    /// The rows of a store.
    @inlinable
    static func store<KeySerde: Serde, ValueSerde: Serde>(
        _ name: String,
        key: KeySerde,
        value: ValueSerde
    ) -> TableView<Key, Value> where KeySerde.Value == Key, ValueSerde.Value == Value {
        TableView { task in
            let writer = StoreWriter(task: task, store: name, key: key, value: value)
            return { key in try writer.row(key) }
        }
    }
}
