public import LogModel

/// A table whose rows are gathered by another key: what `count`, `reduce` and `aggregate` keep up
/// to date, each change taking away what it replaces.
public struct GroupedTable<KeySerde: Serde, ValueSerde: Serde> {
    @usableFromInline let node: StreamNode<KeySerde.Value, Change<ValueSerde.Value>>
    @usableFromInline let key: KeySerde
    @usableFromInline let value: ValueSerde

    @inlinable
    init(
        node: StreamNode<KeySerde.Value, Change<ValueSerde.Value>>,
        key: KeySerde,
        value: ValueSerde
    ) {
        self.node = node
        self.key = key
        self.value = value
    }
}

extension Table {
    /// Gathers the rows under the key and value that `mapping` makes of each, through a repartition
    /// topic, `<job>-<via>-repartition`. A row whose new key or value is null is left out. The
    /// policy for errors of the aggregation (`onError`) is that of `mapping` too.
    @inlinable
    public func groupBy<KeySerde: Serde, ValueSerde: Serde>(
        via name: String,
        key: KeySerde,
        value: ValueSerde,
        partitions: Int32? = nil,
        _ mapping: @escaping @Sendable (Key, Value) throws -> (KeySerde.Value, ValueSerde.Value)
    ) -> GroupedTable<KeySerde, ValueSerde> {
        let upstream = node
        let mapped = StreamNode<KeySerde.Value, Change<ValueSerde.Value>>(
            kind: .stateless("groupBy"),
            parents: [upstream]
        )
        mapped.attach = { [unowned mapped] in
            upstream.requestOldValues()
            upstream.feed(mapped) { task in
                let sink = mapped.bindConsumers(task)
                let first = task.keySink
                let second = task.valueSink
                let site = ErrorSite(task.errors, node: mapped.number)
                return { rowKey, change in
                    // An older version of a row says nothing of what is gathered now.
                    guard change.isLatest else { return }
                    // A row that was left out when it came has nothing to take back; one that is
                    // left out now takes back what it replaces.
                    let old = change.old.flatMap { try? mapping(rowKey, $0) }
                        .flatMap { key.isNull($0.0) || value.isNull($0.1) ? nil : $0 }
                    let new =
                        try change.new.flatMap { row in
                            try site.attempt { try mapping(rowKey, row) }
                        }
                        .flatMap { key.isNull($0.0) || value.isNull($0.1) ? nil : $0 }
                    guard let old else {
                        if let new { try sink(new.0, Change(old: nil, new: new.1)) }
                        return
                    }
                    guard let new else { return try sink(old.0, Change(old: old.1, new: nil)) }
                    first.pointee.removeAll()
                    second.pointee.removeAll()
                    try key.encode(old.0, into: &first.pointee)
                    try key.encode(new.0, into: &second.pointee)
                    if first.pointee.bytes.elementsEqual(second.pointee.bytes) {
                        return try sink(new.0, Change(old: old.1, new: new.1))
                    }
                    try sink(old.0, Change(old: old.1, new: nil))
                    try sink(new.0, Change(old: nil, new: new.1))
                }
            }
        }
        let stream = RekeyedStream(node: mapped)
            .repartition(name, key: key, value: ChangeSerde(value), partitions: partitions)
        stream.node.partsOfNext = [mapped]
        if let write = stream.node.upstreamSink { stream.node.partsOfNext.append(write) }
        return GroupedTable(node: stream.node, key: key, value: value)
    }
}

extension GroupedTable {
    /// How many rows each key has; 0 where the last one left.
    @inlinable
    public func count(store: String) -> Table<KeySerde.Value, Int64> {
        aggregating("count", store: store, value: .int64) { old, change in
            var count = old ?? 0
            if change.old != nil, old != nil { count -= 1 }
            if change.new != nil { count += 1 }
            return count
        }
    }

    /// Combines the values of each key: `add` takes a value in, `subtract` takes one out. The first
    /// value of a key stands for itself.
    @inlinable
    public func reduce(
        store: String,
        add: @escaping @Sendable (ValueSerde.Value, ValueSerde.Value) throws -> ValueSerde.Value,
        subtract:
            @escaping @Sendable (ValueSerde.Value, ValueSerde.Value) throws ->
            ValueSerde.Value
    ) -> Table<KeySerde.Value, ValueSerde.Value> {
        aggregating("reduce", store: store, value: value) { old, change in
            var result = old
            if let removed = change.old, let current = result {
                result = try subtract(current, removed)
            }
            if let added = change.new { result = try result.map { try add($0, added) } ?? added }
            return result
        }
    }

    /// Folds the values of each key into an aggregate that starts as `initial`: `add` takes a value
    /// in, `subtract` takes one out.
    @inlinable
    public func aggregate<AggregateSerde: Serde>(
        store: String,
        initial: AggregateSerde.Value,
        value: AggregateSerde,
        add: @escaping @Sendable (inout AggregateSerde.Value, ValueSerde.Value) throws -> Void,
        subtract: @escaping @Sendable (inout AggregateSerde.Value, ValueSerde.Value) throws -> Void
    ) -> Table<KeySerde.Value, AggregateSerde.Value> where AggregateSerde.Value: Sendable {
        aggregating("aggregate", store: store, value: value) { old, change in
            var result = old
            if let removed = change.old, var current = result {
                try subtract(&current, removed)
                result = value.isNull(current) ? nil : current
            }
            if let added = change.new {
                var current = result ?? initial
                try add(&current, added)
                result = current
            }
            return result
        }
    }

    /// The one aggregation of changes below all: an aggregate keeps the largest timestamp.
    @inlinable
    func aggregating<AggregateSerde: Serde>(
        _ word: String,
        store: String,
        value: AggregateSerde,
        _ update:
            @escaping @Sendable (
                AggregateSerde.Value?, Change<ValueSerde.Value>
            ) throws -> AggregateSerde.Value?
    ) -> Table<KeySerde.Value, AggregateSerde.Value> {
        let keySerde = key
        let node = StreamNode<KeySerde.Value, Change<AggregateSerde.Value>>(
            kind: .stateful(word, stores: [StoreSpecification(store, key: keySerde, value: value)]),
            from: node
        ) { sink, task in
            let writer = StoreWriter(task: task, store: store, key: keySerde, value: value)
            let record = task.record
            return { key, change in
                let slot = try writer.find(key)
                let old = try writer.read(slot)
                let ownTime = record.pointee.timestamp
                let time = old == nil ? ownTime : max(ownTime, writer.handle.timestamp(slot))
                let new = try update(old, change)
                try writer.write(new, at: slot, timestamp: time)
                record.pointee.timestamp = time
                try sink(key, Change(old: old, new: new.flatMap { value.isNull($0) ? nil : $0 }))
                record.pointee.timestamp = ownTime
            }
        }
        return Table(node: node, view: .store(store, key: keySerde, value: value))
    }
}
