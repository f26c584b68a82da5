public import JSON
public import Serdes

// What a `Codable` type without another default has: JSON. The attribute lets a type's own default
// win, so text stays UTF-8 and an Int64 its 8 bytes; where only one of key and value has an own
// default, the more special of two overloads does.

extension GroupedStream where Value: Codable & Sendable {
    /// `reduce` with the value as JSON.
    @inlinable @_disfavoredOverload
    public func reduce(
        store: String,
        _ combine: @escaping @Sendable (Value, Value) throws -> Value
    ) -> Table<KeySerde.Value, Value> {
        reduce(store: store, value: JSONSerde<Value>(), combine)
    }
}

extension GroupedStream {
    /// `aggregate` with the aggregate as JSON.
    @inlinable @_disfavoredOverload
    public func aggregate<Aggregate: Codable & Sendable>(
        store: String,
        initial: Aggregate,
        _ update: @escaping @Sendable (inout Aggregate, Value) throws -> Void
    ) -> Table<KeySerde.Value, Aggregate> {
        aggregate(store: store, initial: initial, value: JSONSerde<Aggregate>(), update)
    }
}

extension KeyedStream where Placement == ByKey, Key: Codable & Sendable {
    /// `groupByKey` with the key as JSON.
    @inlinable @_disfavoredOverload
    public func groupByKey() -> GroupedStream<JSONSerde<Key>, Value> {
        groupByKey(key: JSONSerde<Key>())
    }
}

extension KeyedStream where Value: Codable & Sendable {
    /// `groupBy` with the value as JSON.
    @inlinable @_disfavoredOverload
    public func groupBy<KeySerde: Serde>(
        _ newKey: @escaping @Sendable (Value) throws -> KeySerde.Value,
        via name: String,
        key: KeySerde,
        partitions: Int32? = nil
    ) -> GroupedStream<KeySerde, Value> {
        groupBy(newKey, via: name, key: key, value: JSONSerde<Value>(), partitions: partitions)
    }

    /// `groupBy` with the serde that the key has by default, and the value as JSON.
    @inlinable @_disfavoredOverload
    public func groupBy<NewKey: DefaultSerde & Codable & Sendable>(
        _ newKey: @escaping @Sendable (Value) throws -> NewKey,
        via name: String,
        partitions: Int32? = nil
    ) -> GroupedStream<NewKey.DefaultSerdeType, Value> {
        groupBy(
            newKey,
            via: name,
            key: NewKey.defaultSerde,
            value: JSONSerde<Value>(),
            partitions: partitions
        )
    }

    /// `groupBy` with key and value as JSON.
    @inlinable @_disfavoredOverload
    public func groupBy<NewKey: Codable & Sendable>(
        _ newKey: @escaping @Sendable (Value) throws -> NewKey,
        via name: String,
        partitions: Int32? = nil
    ) -> GroupedStream<JSONSerde<NewKey>, Value> {
        groupBy(
            newKey,
            via: name,
            key: JSONSerde<NewKey>(),
            value: JSONSerde<Value>(),
            partitions: partitions
        )
    }

    /// `repartition` with the value as JSON.
    @inlinable @_disfavoredOverload
    public func repartition<KeySerde: Serde>(
        _ name: String,
        key: KeySerde,
        partitions: Int32? = nil
    ) -> Stream<Key, Value> where KeySerde.Value == Key {
        repartition(name, key: key, value: JSONSerde<Value>(), partitions: partitions)
    }

    /// `repartition` with the serde that the key has by default, and the value as JSON.
    @inlinable @_disfavoredOverload
    public func repartition(_ name: String, partitions: Int32? = nil) -> Stream<Key, Value>
    where Key: DefaultSerde & Codable & Sendable {
        repartition(
            name,
            key: Key.defaultSerde,
            value: JSONSerde<Value>(),
            partitions: partitions
        )
    }

    /// `repartition` with key and value as JSON.
    @inlinable @_disfavoredOverload
    public func repartition(_ name: String, partitions: Int32? = nil) -> Stream<Key, Value>
    where Key: Codable & Sendable {
        repartition(
            name,
            key: JSONSerde<Key>(),
            value: JSONSerde<Value>(),
            partitions: partitions
        )
    }
}

extension KeyedStream where Value: DefaultSerde {
    /// `groupBy` with the serdes that key and value have by default.
    @inlinable
    public func groupBy<NewKey: DefaultSerde>(
        _ newKey: @escaping @Sendable (Value) throws -> NewKey,
        via name: String,
        partitions: Int32? = nil
    ) -> GroupedStream<NewKey.DefaultSerdeType, Value> {
        groupBy(
            newKey,
            via: name,
            key: NewKey.defaultSerde,
            value: Value.defaultSerde,
            partitions: partitions
        )
    }
}

extension KeyedStream where Value: DefaultSerde & Codable & Sendable {
    /// `groupBy` with the key as JSON, and the serde that the value has by default.
    @inlinable @_disfavoredOverload
    public func groupBy<NewKey: Codable & Sendable>(
        _ newKey: @escaping @Sendable (Value) throws -> NewKey,
        via name: String,
        partitions: Int32? = nil
    ) -> GroupedStream<JSONSerde<NewKey>, Value> {
        groupBy(
            newKey,
            via: name,
            key: JSONSerde<NewKey>(),
            value: Value.defaultSerde,
            partitions: partitions
        )
    }

    /// `repartition` with the key as JSON, and the serde that the value has by default.
    @inlinable @_disfavoredOverload
    public func repartition(_ name: String, partitions: Int32? = nil) -> Stream<Key, Value>
    where Key: Codable & Sendable {
        repartition(
            name,
            key: JSONSerde<Key>(),
            value: Value.defaultSerde,
            partitions: partitions
        )
    }
}
