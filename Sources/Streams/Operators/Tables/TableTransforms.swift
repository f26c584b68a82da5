extension Table {
    /// The rows whose value passes the test; a row that no longer passes is removed.
    @inlinable
    public func filter(
        _ isIncluded: @escaping @Sendable (Value) throws -> Bool
    ) -> Table<Key, Value> {
        filterWithKey { _, value -> Bool in try isIncluded(value) }
    }

    /// The rows whose value does not pass the test.
    @inlinable
    public func filterNot(
        _ isExcluded: @escaping @Sendable (Value) throws -> Bool
    ) -> Table<Key, Value> {
        filterWithKey { _, value -> Bool in try !isExcluded(value) }
    }

    /// The rows that pass a test of key and value.
    @inlinable
    public func filterWithKey(
        _ isIncluded: @escaping @Sendable (Key, Value) throws -> Bool
    ) -> Table<Key, Value> {
        // A removal passes only where the row was there: that needs the value before. In a table
        // with a history that value is not the one that is replaced, and behind a foreign-key join
        // nobody knows it: there all removals pass.
        let knowsOld = view.bindAsOf == nil && node.hasRows
        return transforming(
            "filter",
            alwaysNeedsOld: knowsOld,
            passesEmpty: !knowsOld
        ) { key, value in
            try isIncluded(key, value) ? value : nil
        }
    }

    /// The same rows with other values; removals stay removals.
    ///
    ///     customers.mapValues(to: String.self) { customer in customer.tier }
    @inlinable
    public func mapValues<NewValue>(
        _ transform: @escaping @Sendable (Value) throws -> NewValue
    ) -> Table<Key, NewValue> {
        mapValuesWithKey { _, value -> NewValue in try transform(value) }
    }

    /// `mapValues` with the type of the result named, which keeps the type checker fast.
    @inlinable
    public func mapValues<NewValue>(
        to type: NewValue.Type,
        _ transform: @escaping @Sendable (Value) throws -> NewValue
    ) -> Table<Key, NewValue> { mapValues(transform) }

    /// `mapValues` for a transformation that looks at the key too.
    @inlinable
    public func mapValuesWithKey<NewValue>(
        _ transform: @escaping @Sendable (Key, Value) throws -> NewValue
    ) -> Table<Key, NewValue> {
        transforming("mapValues", alwaysNeedsOld: false, passesEmpty: true) { key, value in
            try transform(key, value)
        }
    }

    /// Keeps the rows in a store of their own: what `filter` or `mapValues` computes is then looked
    /// up instead of computed again.
    ///
    /// - Parameters:
    ///   - store: names the store and its changelog; mandatory.
    ///   - history: how long what is replaced is kept (see `table`); nil for not at all: then the
    ///     table behind has no history, whatever this one has.
    @inlinable
    public func materialized<KeySerde: Serde, ValueSerde: Serde>(
        store: String,
        key keySerde: KeySerde,
        value: ValueSerde,
        history: Duration? = nil
    ) -> Table<Key, Value> where KeySerde.Value == Key, ValueSerde.Value == Value {
        if let history {
            let rows = VersionedRows(store, key: keySerde, value: value, history: history)
            return rows.table("materialized", from: node) { change in change.new }
        }
        return keeping(store, keySerde, value, nil)
    }

    /// Keeps the rows in a store of their own, where they end when they are not updated: for what
    /// is behind this table alone. The table itself keeps its rows.
    ///
    /// - Parameters:
    ///   - store: names the store and its changelog; mandatory.
    ///   - expiry: when rows end (see `table`).
    @inlinable
    public func materialized<KeySerde: Serde, ValueSerde: Serde>(
        store: String,
        key keySerde: KeySerde,
        value: ValueSerde,
        expiry: Expiry
    ) -> Table<Key, Value> where KeySerde.Value == Key, ValueSerde.Value == Value {
        keeping(store, keySerde, value, expiry)
    }

    /// The operator below `materialized`.
    @inlinable
    func keeping<KeySerde: Serde, ValueSerde: Serde>(
        _ store: String,
        _ keySerde: KeySerde,
        _ value: ValueSerde,
        _ expiry: Expiry?
    ) -> Table<Key, Value> where KeySerde.Value == Key, ValueSerde.Value == Value {
        let upstream = node
        let kept = StreamNode<Key, Change<Value>>(
            kind: .stateful(
                "materialized",
                stores: [StoreSpecification(store, key: keySerde, value: value, expiry: expiry)]
            ),
            parents: [upstream]
        )
        kept.attach = { [unowned kept] in
            upstream.feed(kept) { task in
                let sink = kept.bindConsumers(task)
                let sendsOldValues = kept.sendsOldValues
                let (record, counters) = (task.record, task.counters)
                let writer = StoreWriter(
                    task: task,
                    store: store,
                    key: keySerde,
                    value: value,
                    expiry: expiry
                ) { key, old in try sink(key, Change(old: sendsOldValues ? old : nil, new: nil)) }
                return { key, change in
                    let slot = try writer.find(key)
                    if change.new != nil, writer.isTooLate(slot) {
                        return counters.pointee.drop(.late)
                    }
                    let old = sendsOldValues ? try writer.read(slot) : nil
                    try writer.write(change.new, at: slot, timestamp: record.pointee.timestamp)
                    try sink(key, Change(old: old, new: change.new))
                }
            }
        }
        return Table(
            node: kept,
            view: .store(store, key: keySerde, value: value, expiry: expiry),
            closesAfter: closesAfter
        )
    }

    /// The operator below `filter` and `mapValues`: each row is replaced by what `transform` makes
    /// of it, or removed for nil, or where a policy for errors leaves it out. A change from nothing
    /// to nothing is dropped unless `passesEmpty`.
    @inlinable
    func transforming<NewValue>(
        _ word: String,
        alwaysNeedsOld: Bool,
        passesEmpty: Bool,
        _ transform: @escaping @Sendable (Key, Value) throws -> NewValue?
    ) -> Table<Key, NewValue> {
        let upstream = node
        let result = StreamNode<Key, Change<NewValue>>(kind: .stateless(word), parents: [upstream])
        result.oldValueSources = [upstream]
        result.attach = { [unowned result] in
            if alwaysNeedsOld { upstream.requestOldValues() }
            upstream.feed(result) { task in
                let sink = result.bindConsumers(task)
                let needsOld = alwaysNeedsOld || result.sendsOldValues
                let site = ErrorSite(task.errors, node: result.number)
                return { key, change in
                    let new = try change.new.flatMap { row in
                        try site.attempt { try transform(key, row) } ?? nil
                    }
                    // One that was left out when it came has nothing to take back.
                    let old =
                        needsOld ? change.old.flatMap { row in try? transform(key, row) } : nil
                    if !passesEmpty, old == nil, new == nil { return }
                    try sink(key, Change(old: old, new: new, isLatest: change.isLatest))
                }
            }
        }
        return Table<Key, NewValue>(
            node: result,
            view: view.mapped(transform),
            closesAfter: closesAfter
        )
    }
}
