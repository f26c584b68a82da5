public import LogModel
public import StateStores

/// One operator's way to its store by typed keys and values.
///
/// The rows of a store whose rows end lie as `ExpiringRows` has them.
///
/// A class, for a closure copies the structs that it has with every call.
@usableFromInline
final class StoreWriter<KeySerde: Serde, ValueSerde: Serde> {
    @usableFromInline let key: KeySerde
    @usableFromInline let value: ValueSerde
    @usableFromInline let handle: StoreHandle
    @usableFromInline let keySink: UnsafeMutablePointer<ByteSink>
    @usableFromInline let valueSink: UnsafeMutablePointer<ByteSink>
    /// Whether the store's rows end.
    @usableFromInline let isExpiring: Bool
    /// What changes rows that end; nil for a reader, and where they do not.
    @usableFromInline let rows: ExpiringRows?

    /// A way to a store; without `removal` to read it only, if its rows end.
    ///
    /// - Parameter removal: takes the rows that have ended, with their last values.
    @inlinable
    init(
        task: TaskBinding,
        store name: String,
        key: KeySerde,
        value: ValueSerde,
        expiry: Expiry? = nil,
        removal: ((KeySerde.Value, ValueSerde.Value) throws -> Void)? = nil
    ) {
        self.key = key
        self.value = value
        handle = StoreHandle(task: task, store: name)
        keySink = task.keySink
        valueSink = task.valueSink
        isExpiring = expiry != nil
        if let expiry, let removal {
            rows = StoreWriter.rows(of: handle, name, key, value, expiry, removal)
        } else {
            rows = nil
        }
    }

    @usableFromInline
    static func rows(
        of handle: StoreHandle,
        _ store: String,
        _ key: KeySerde,
        _ value: ValueSerde,
        _ expiry: Expiry,
        _ removal: @escaping (KeySerde.Value, ValueSerde.Value) throws -> Void
    ) -> ExpiringRows {
        let record = handle.task.record
        return ExpiringRows(handle, expiry) { keyBytes, valueBytes, end in
            let row: (KeySerde.Value, ValueSerde.Value)
            do { row = (try key.decode(keyBytes), try value.decode(valueBytes)) } catch {
                throw UnreadableRow.refused(store, error)
            }
            record.pointee.timestamp = end
            try removal(row.0, row.1)
        }
    }

    /// The place of a key in the store. The key's bytes stay in the task's key sink until the
    /// next record or key is encoded.
    @inlinable @inline(__always)
    func find(_ newKey: KeySerde.Value) throws -> KeyValueTable.Slot {
        keySink.pointee.removeAll()
        if isExpiring { keySink.pointee.append(KeySpace.entry) }
        try key.encode(newKey, into: &keySink.pointee)
        return try handle.slot(keySink.pointee.bytes)
    }

    /// The value at a place, nil where there is none.
    @inlinable @inline(__always)
    func read(_ slot: KeyValueTable.Slot) throws -> ValueSerde.Value? {
        guard let bytes = handle.bytes(slot) else { return nil }
        return try value.decode(isExpiring ? ExpiringRows.value(of: bytes) : bytes)
    }

    /// Whether the record in hand would begin a row that has ended already.
    @inlinable @inline(__always)
    func isTooLate(_ slot: KeyValueTable.Slot) -> Bool {
        guard isExpiring, let rows else { return false }
        return handle.bytes(slot) == nil && rows.isEnded(handle.task.record.pointee.timestamp)
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
        if isExpiring, let rows { return try write(newValue, to: rows, at: slot, timestamp) }
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

    @inlinable
    func write(
        _ newValue: ValueSerde.Value?,
        to rows: ExpiringRows,
        at slot: KeyValueTable.Slot,
        _ timestamp: Timestamp
    ) throws {
        var bytes: UnsafeMutablePointer<ByteSink>?
        if let newValue, !value.isNull(newValue) {
            valueSink.pointee.removeAll()
            // Room for the twin's time.
            valueSink.pointee.append(time: 0)
            try value.encode(newValue, into: &valueSink.pointee)
            bytes = valueSink
        }
        try rows.put(slot, key: keySink.pointee.bytes, value: bytes, timestamp: timestamp)
    }
}

extension TableView {
    /// The rows of a store.
    @inlinable
    static func store<KeySerde: Serde, ValueSerde: Serde>(
        _ name: String,
        key: KeySerde,
        value: ValueSerde,
        expiry: Expiry? = nil
    ) -> TableView<Key, Value> where KeySerde.Value == Key, ValueSerde.Value == Value {
        TableView { task in
            let writer = StoreWriter(
                task: task,
                store: name,
                key: key,
                value: value,
                expiry: expiry
            )
            return { key in try writer.row(key) }
        }
    }
}
