extension StreamJob {
    /// A topic of changes as a table: the latest value of each key, kept in a store. A null value
    /// removes the key; records with a null key are dropped and counted.
    ///
    /// - Parameter store: names the store and its changelog; mandatory.
    @inlinable
    public func table<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>,
        store: String
    ) -> Table<KeySerde.Value, ValueSerde.Value> {
        let nullable = OptionalSerde(topic.value)
        let source: StreamNode<KeySerde.Value, ValueSerde.Value?> = .source(
            kind: .source(topic: topic.name, key: KeySerde.name, value: ValueSerde.name),
            key: topic.key,
            value: nullable,
            dropsNullKeys: true
        )
        return Stream(node: source).materialized(
            store: store,
            key: topic.key,
            value: topic.value
        )
    }
}

extension KeyedStream where Placement == ByKey {
    /// The stream read as changes of a table: the latest value of each key, kept in a store.
    @inlinable
    public func toTable<KeySerde: Serde, ValueSerde: Serde>(
        store: String,
        key: KeySerde,
        value: ValueSerde
    ) -> Table<Key, ValueSerde.Value>
    where KeySerde.Value == Key, Value == ValueSerde.Value? {
        materialized(store: store, key: key, value: value)
    }

    @inlinable
    func materialized<KeySerde: Serde, ValueSerde: Serde>(
        store: String,
        key keySerde: KeySerde,
        value: ValueSerde
    ) -> Table<Key, ValueSerde.Value>
    where KeySerde.Value == Key, Value == ValueSerde.Value? {
        let table = StreamNode<Key, Change<ValueSerde.Value>>(
            kind: .stateful("table", stores: [StoreSpecification(store)]),
            parents: [node]
        )
        let stream = node
        table.attach = { [unowned table] in
            stream.feed(table) { task in
                let sink = table.bindConsumers(task)
                let sendsOldValues = table.sendsOldValues
                let writer = StoreWriter(task: task, store: store, key: keySerde, value: value)
                let record = task.record
                let counters = task.counters
                return { key, newValue in
                    if keySerde.isNull(key) {
                        counters.pointee.drop(.nullKey)
                        return
                    }
                    let slot = try writer.find(key)
                    let old = sendsOldValues ? try writer.read(slot) : nil
                    try writer.write(newValue, at: slot, timestamp: record.pointee.timestamp)
                    try sink(key, Change(old: old, new: newValue))
                }
            }
        }
        return Table(node: table, view: .store(store, key: keySerde, value: value))
    }
}
