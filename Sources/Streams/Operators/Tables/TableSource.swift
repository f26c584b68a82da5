extension StreamJob {
    /// A topic of changes as a table: the latest value of each key, kept in a store. A null value
    /// removes the key; records with a null key are dropped and counted.
    ///
    ///     let customers = table(Topics.customers, store: "customers", history: .seconds(3600))
    ///
    /// With a history the table also keeps what it has replaced: a record behind the newest one of
    /// its key takes its place among the earlier ones, and joins of streams look rows up as they
    /// were at the time of the stream's record. A record older than the history, seen from the
    /// newest one of the table, is dropped and counted.
    ///
    /// - Parameters:
    ///   - store: names the store and its changelog; mandatory.
    ///   - history: how long a replaced value is kept after its end; nil for the newest ones only.
    ///   - timestamps: the times of the changes, where they are not the records' own timestamps.
    @inlinable
    public func table<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>,
        store: String,
        history: Duration? = nil,
        timestamps: TimestampExtractor<KeySerde.Value, ValueSerde.Value?>? = nil
    ) -> Table<KeySerde.Value, ValueSerde.Value> {
        let nullable = OptionalSerde(topic.value)
        let source: StreamNode<KeySerde.Value, ValueSerde.Value?> = .source(
            kind: .source(topic: topic.name, key: KeySerde.name, value: ValueSerde.name),
            key: topic.key,
            value: nullable,
            dropsNullKeys: true,
            timestamps: timestamps
        )
        return Stream(node: source).materialized(
            store: store,
            key: topic.key,
            value: topic.value,
            history: history,
            expiry: nil
        ).withParts([source])
    }

    /// A topic of changes as a table whose rows end when they are not updated.
    ///
    ///     let sensors = table(Topics.readings, store: "sensors", expiry: .after(.seconds(3600)))
    ///
    /// A row that has ended is removed as by a null value. A record that is older than rows live,
    /// seen from stream time, begins none: it is dropped and counted.
    ///
    /// - Parameters:
    ///   - store: names the store and its changelog; mandatory.
    ///   - expiry: when rows end.
    ///   - timestamps: the times of the changes, where they are not the records' own timestamps.
    @inlinable
    public func table<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>,
        store: String,
        expiry: Expiry,
        timestamps: TimestampExtractor<KeySerde.Value, ValueSerde.Value?>? = nil
    ) -> Table<KeySerde.Value, ValueSerde.Value> {
        let source: StreamNode<KeySerde.Value, ValueSerde.Value?> = .source(
            kind: .source(topic: topic.name, key: KeySerde.name, value: ValueSerde.name),
            key: topic.key,
            value: OptionalSerde(topic.value),
            dropsNullKeys: true,
            timestamps: timestamps
        )
        return Stream(node: source).materialized(
            store: store,
            key: topic.key,
            value: topic.value,
            history: nil,
            expiry: expiry
        ).withParts([source])
    }
}

extension Table {
    /// The table that consists of these operators too.
    @inlinable
    func withParts(_ parts: [AnyNode]) -> Self {
        node.parts = parts
        return self
    }
}

extension KeyedStream where Placement == ByKey {
    /// The stream read as changes of a table: the latest value of each key, kept in a store, and
    /// those before it where the table has a history (see `table`).
    @inlinable
    public func toTable<KeySerde: Serde, ValueSerde: Serde>(
        store: String,
        key: KeySerde,
        value: ValueSerde,
        history: Duration? = nil
    ) -> Table<Key, ValueSerde.Value>
    where KeySerde.Value == Key, Value == ValueSerde.Value? {
        materialized(store: store, key: key, value: value, history: history, expiry: nil)
    }

    /// The stream read as changes of a table whose rows end when they are not updated (see
    /// `table`).
    @inlinable
    public func toTable<KeySerde: Serde, ValueSerde: Serde>(
        store: String,
        key: KeySerde,
        value: ValueSerde,
        expiry: Expiry
    ) -> Table<Key, ValueSerde.Value>
    where KeySerde.Value == Key, Value == ValueSerde.Value? {
        materialized(store: store, key: key, value: value, history: nil, expiry: expiry)
    }

    /// The newest value of each key as a table: no record of the stream removes a row.
    @inlinable
    public func toTable<KeySerde: Serde, ValueSerde: Serde>(
        store: String,
        key: KeySerde,
        value: ValueSerde,
        history: Duration? = nil
    ) -> Table<Key, Value> where KeySerde.Value == Key, Value == ValueSerde.Value {
        // A serde may have a value of its own for null.
        mapValues(to: Value?.self) { (new: Value) -> Value? in value.isNull(new) ? nil : new }
            .toTable(store: store, key: key, value: value, history: history)
    }

    /// The same with rows that end when they are not updated (see `table`).
    @inlinable
    public func toTable<KeySerde: Serde, ValueSerde: Serde>(
        store: String,
        key: KeySerde,
        value: ValueSerde,
        expiry: Expiry
    ) -> Table<Key, Value> where KeySerde.Value == Key, Value == ValueSerde.Value {
        // A serde may have a value of its own for null.
        mapValues(to: Value?.self) { (new: Value) -> Value? in value.isNull(new) ? nil : new }
            .toTable(store: store, key: key, value: value, expiry: expiry)
    }

    @inlinable
    func materialized<KeySerde: Serde, ValueSerde: Serde>(
        store: String,
        key keySerde: KeySerde,
        value: ValueSerde,
        history: Duration?,
        expiry: Expiry?
    ) -> Table<Key, ValueSerde.Value>
    where KeySerde.Value == Key, Value == ValueSerde.Value? {
        if let history {
            let rows = VersionedRows(store, key: keySerde, value: value, history: history)
            return rows.table("table", from: node) { $0 }
        }
        let table = StreamNode<Key, Change<ValueSerde.Value>>(
            kind: .stateful(
                "table",
                stores: [StoreSpecification(store, key: keySerde, value: value, expiry: expiry)]
            ),
            parents: [node]
        )
        let stream = node
        table.attach = { [unowned table] in
            stream.feed(table) { task in
                let sink = table.bindConsumers(task)
                let sendsOldValues = table.sendsOldValues
                let writer = StoreWriter(
                    task: task,
                    store: store,
                    key: keySerde,
                    value: value,
                    expiry: expiry
                ) { key, old in try sink(key, Change(old: sendsOldValues ? old : nil, new: nil)) }
                let record = task.record
                let counters = task.counters
                return { key, newValue in
                    if keySerde.isNull(key) {
                        counters.pointee.drop(.nullKey)
                        return
                    }
                    let slot = try writer.find(key)
                    if newValue != nil, writer.isTooLate(slot) {
                        return counters.pointee.drop(.late)
                    }
                    let old = sendsOldValues ? try writer.read(slot) : nil
                    try writer.write(newValue, at: slot, timestamp: record.pointee.timestamp)
                    try sink(key, Change(old: old, new: newValue))
                }
            }
        }
        return Table(node: table, view: .store(store, key: keySerde, value: value, expiry: expiry))
    }
}
