public import LogModel

/// The rows of a table that has a history, by typed keys and values: what a task binds of it.
@usableFromInline
struct VersionedRows<KeySerde: Serde, ValueSerde: Serde> {
    @usableFromInline typealias Key = KeySerde.Value
    @usableFromInline typealias Value = ValueSerde.Value

    @usableFromInline let store: String
    @usableFromInline let key: KeySerde
    @usableFromInline let value: ValueSerde
    /// In milliseconds.
    @usableFromInline let history: Int64
    /// Stands for the store's one instance in a task.
    @usableFromInline let owner: AnyNode

    @usableFromInline
    init(_ store: String, key: KeySerde, value: ValueSerde, history: Duration) {
        self.store = store
        self.key = key
        self.value = value
        self.history = history.wholeMilliseconds
        requireDeclared(self.history >= 0, "\(store): a history is not negative")
        owner = AnyNode(kind: .stateless("history"), parents: [])
    }

    @inlinable
    func bind(_ task: TaskBinding) -> VersionedRowsInTask<KeySerde, ValueSerde> {
        task.shared(of: owner) {
            VersionedRowsInTask(
                task,
                StoreHandle(task: task, store: store),
                key: key,
                value: value,
                history: history
            )
        }
    }

    /// A table whose rows are kept here: what `newValue` makes of the records of a node.
    @inlinable
    func table<Input>(
        _ word: String,
        from upstream: StreamNode<Key, Input>,
        _ newValue: @escaping (Input) -> Value?
    ) -> Table<Key, Value> {
        let rows = self
        let node = StreamNode<Key, Change<Value>>(
            kind: .stateful(
                word,
                stores: [
                    StoreSpecification(store, .versioned, RecordFormat("versioned", key, value))
                ]
            ),
            parents: [upstream]
        )
        node.attach = { [unowned node] in
            upstream.feed(node) { task in
                let sink = node.bindConsumers(task)
                let sendsOldValues = node.sendsOldValues
                let rows = rows.bind(task)
                return { key, input in
                    let new = newValue(input)
                    if let change = try rows.put(key, new, wantsOld: sendsOldValues) {
                        try sink(key, change)
                    }
                }
            }
        }
        return Table(
            node: node,
            view: TableView(
                bind: { task in
                    let rows = rows.bind(task)
                    return { key in try rows.row(key) }
                },
                bindAsOf: { task in
                    let rows = rows.bind(task)
                    return { key, time in try rows.row(key, asOf: time) }
                }
            )
        )
    }
}

/// The rows of a table that has a history, in one task.
@usableFromInline
final class VersionedRowsInTask<KeySerde: Serde, ValueSerde: Serde> {
    @usableFromInline let store: VersionedStore
    @usableFromInline let keys: EscapedKeys<KeySerde>
    @usableFromInline let value: ValueSerde
    @usableFromInline let valueSink: UnsafeMutablePointer<ByteSink>
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    @usableFromInline let counters: UnsafeMutablePointer<TaskCounters>

    @inlinable
    init(
        _ task: TaskBinding,
        _ handle: StoreHandle,
        key: KeySerde,
        value: ValueSerde,
        history: Int64
    ) {
        store = VersionedStore(handle, history: history)
        keys = EscapedKeys(key)
        self.value = value
        valueSink = task.valueSink
        record = task.record
        counters = task.counters
    }

    /// Puts the record's value as a version of its time. Nil where nothing was put: without a key,
    /// or older than the history; both are counted.
    @inlinable
    func put(
        _ key: KeySerde.Value,
        _ newValue: ValueSerde.Value?,
        wantsOld: Bool
    ) throws -> Change<ValueSerde.Value>? {
        if keys.serde.isNull(key) {
            counters.pointee.drop(.nullKey)
            return nil
        }
        let escaped = try keys.bytes(of: key)
        let old = wantsOld ? try store.latest(escaped).map { try value.decode($0.bytes) } : nil
        var bytes: UnsafeRawBufferPointer?
        if let newValue, !value.isNull(newValue) {
            valueSink.pointee.removeAll()
            try value.encode(newValue, into: &valueSink.pointee)
            bytes = valueSink.pointee.bytes
        }
        switch try store.put(escaped, bytes, at: record.pointee.timestamp.rawValue) {
        case .tooOld:
            counters.pointee.drop(.late)
            return nil
        case .superseded: return Change(old: old, new: newValue, isLatest: false)
        case .latest: return Change(old: old, new: newValue)
        }
    }

    /// The row of a key as it is now.
    @inlinable
    func row(_ key: KeySerde.Value) throws -> TableRow<ValueSerde.Value>? {
        if keys.serde.isNull(key) { return nil }
        return try row(of: store.latest(try keys.bytes(of: key)))
    }

    /// The row of a key as it was at a time.
    @inlinable
    func row(
        _ key: KeySerde.Value,
        asOf time: Timestamp
    ) throws -> TableRow<ValueSerde.Value>? {
        if keys.serde.isNull(key) { return nil }
        return try row(of: store.version(try keys.bytes(of: key), asOf: time.rawValue))
    }

    @inlinable
    func row(of version: StoredVersion?) throws -> TableRow<ValueSerde.Value>? {
        guard let version else { return nil }
        return TableRow(value: try value.decode(version.bytes), timestamp: version.start)
    }
}
