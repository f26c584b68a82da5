public import LogModel
public import StateStores

extension GroupedStream {
    /// How many records each key has had. Every update is a change of the table.
    ///
    /// - Parameters:
    ///   - store: names the store and its changelog; mandatory.
    ///   - expiry: when a key is forgotten that has no records any more; never if nil.
    @inlinable
    public func count(store: String, expiry: Expiry? = nil) -> Table<KeySerde.Value, Int64> {
        aggregating("count", store: store, value: .int64, expiry) { old, _ -> Int64 in
            (old ?? 0) + 1
        }
    }

    /// Combines the values of each key two by two; the first value of a key stands for itself.
    @inlinable
    public func reduce<ValueSerde: Serde>(
        store: String,
        value: ValueSerde,
        expiry: Expiry? = nil,
        _ combine: @escaping @Sendable (Value, Value) throws -> Value
    ) -> Table<KeySerde.Value, Value> where ValueSerde.Value == Value {
        aggregating("reduce", store: store, value: value, expiry) { old, new in
            guard let old else { return new }
            return try combine(old, new)
        }
    }

    /// `reduce` with the serde that the value has by default.
    @inlinable
    public func reduce(
        store: String,
        expiry: Expiry? = nil,
        _ combine: @escaping @Sendable (Value, Value) throws -> Value
    ) -> Table<KeySerde.Value, Value> where Value: DefaultSerde {
        reduce(store: store, value: Value.defaultSerde, expiry: expiry, combine)
    }

    /// Folds the values of each key into an aggregate that starts as `initial`.
    ///
    ///     .aggregate(store: "revenue", initial: Revenue(), value: .json(Revenue.self)) {
    ///         $0.orders += 1
    ///         $0.cents += $1.total
    ///     }
    @inlinable
    public func aggregate<AggregateSerde: Serde>(
        store: String,
        initial: AggregateSerde.Value,
        value: AggregateSerde,
        expiry: Expiry? = nil,
        _ update: @escaping @Sendable (inout AggregateSerde.Value, Value) throws -> Void
    ) -> Table<KeySerde.Value, AggregateSerde.Value> where AggregateSerde.Value: Sendable {
        aggregating("aggregate", store: store, value: value, expiry) { old, new in
            var aggregate = old ?? initial
            try update(&aggregate, new)
            return aggregate
        }
    }

    /// `aggregate` with the serde that the aggregate has by default.
    @inlinable
    public func aggregate<Aggregate: DefaultSerde & Sendable>(
        store: String,
        initial: Aggregate,
        expiry: Expiry? = nil,
        _ update: @escaping @Sendable (inout Aggregate, Value) throws -> Void
    ) -> Table<KeySerde.Value, Aggregate> {
        aggregate(
            store: store,
            initial: initial,
            value: Aggregate.defaultSerde,
            expiry: expiry,
            update
        )
    }

    /// The one aggregation below all: reads the old aggregate, writes the new one to the store and
    /// its changelog, and hands it on with the larger of both timestamps (Kafka Streams' rule).
    /// Records with a null key or value are dropped and counted, and those that would begin an
    /// aggregate that has ended already.
    @inlinable
    func aggregating<AggregateSerde: Serde>(
        _ word: String,
        store: String,
        value: AggregateSerde,
        _ expiry: Expiry?,
        _ update: @escaping @Sendable (AggregateSerde.Value?, Value) throws -> AggregateSerde.Value
    ) -> Table<KeySerde.Value, AggregateSerde.Value> {
        let keySerde = key
        let isNullValue = isNullValue
        let specification = StoreSpecification(store, key: keySerde, value: value, expiry: expiry)
        return Table(
            node: StreamNode(
                kind: .stateful(word, stores: [specification]),
                from: node
            ) { sink, task, site in
                let writer = StoreWriter(
                    task: task,
                    store: store,
                    key: keySerde,
                    value: value,
                    expiry: expiry
                ) { key, old in try sink(key, Change(old: old, new: nil)) }
                let aggregation = KeyAggregation(task, writer, isNullValue, update, sink)
                return { key, newValue in
                    do { try aggregation.take(key, newValue) } catch { try site.settle(error) }
                }
            },
            view: .store(store, key: keySerde, value: value, expiry: expiry)
        )
    }
}

/// An aggregation by key in one task.
///
/// A class, for a closure copies the structs that it has with every call.
@usableFromInline
final class KeyAggregation<KeySerde: Serde, Value, AggregateSerde: Serde> {
    @usableFromInline typealias Aggregate = AggregateSerde.Value
    @usableFromInline let writer: StoreWriter<KeySerde, AggregateSerde>
    @usableFromInline let isNullValue: ((Value) -> Bool)?
    @usableFromInline let update: (Aggregate?, Value) throws -> Aggregate
    @usableFromInline let sink: StreamNode<KeySerde.Value, Change<Aggregate>>.Sink
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    @usableFromInline let counters: UnsafeMutablePointer<TaskCounters>

    @inlinable
    init(
        _ task: TaskBinding,
        _ writer: StoreWriter<KeySerde, AggregateSerde>,
        _ isNullValue: ((Value) -> Bool)?,
        _ update: @escaping (Aggregate?, Value) throws -> Aggregate,
        _ sink: @escaping StreamNode<KeySerde.Value, Change<Aggregate>>.Sink
    ) {
        self.writer = writer
        self.isNullValue = isNullValue
        self.update = update
        self.sink = sink
        record = task.record
        counters = task.counters
    }

    /// Takes a record into the aggregate of its key.
    @inlinable @inline(__always)
    func take(_ key: KeySerde.Value, _ newValue: Value) throws {
        if writer.key.isNull(key) || isNullValue?(newValue) == true {
            counters.pointee.drop(writer.key.isNull(key) ? .nullKey : .nullValue)
            return
        }
        let slot = try writer.find(key)
        if writer.isTooLate(slot) { return counters.pointee.drop(.late) }
        let old = try writer.read(slot)
        let ownTime = record.pointee.timestamp
        var time = ownTime
        if old != nil { time = max(time, writer.handle.timestamp(slot)) }
        let new = try update(old, newValue)
        try writer.write(new, at: slot, timestamp: time)
        record.pointee.timestamp = time
        try sink(key, Change(old: old, new: writer.value.isNull(new) ? nil : new))
        record.pointee.timestamp = ownTime
    }
}
