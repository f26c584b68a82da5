/// A stream whose records are gathered by key: what `count`, `reduce` and `aggregate` work on.
public struct GroupedStream<KeySerde: Serde, Value> {
    @usableFromInline let node: StreamNode<KeySerde.Value, Value>
    @usableFromInline let key: KeySerde
    /// Tells a nil value of an optional type; aggregations drop such records.
    @usableFromInline let isNullValue: (@Sendable (Value) -> Bool)?

    @inlinable
    init(
        node: StreamNode<KeySerde.Value, Value>,
        key: KeySerde,
        isNullValue: (@Sendable (Value) -> Bool)?
    ) {
        self.node = node
        self.key = key
        self.isNullValue = isNullValue
    }
}

extension KeyedStream where Placement == ByKey {
    /// Gathers the records by the key they have. Records with a null key or a null value are
    /// dropped (and counted) by the aggregation.
    @inlinable
    public func groupByKey<KeySerde: Serde>(key: KeySerde) -> GroupedStream<KeySerde, Value>
    where KeySerde.Value == Key {
        GroupedStream(node: node, key: key, isNullValue: nilTest(of: Value.self))
    }

    /// `groupByKey` with the serde that the key has by default.
    @inlinable
    public func groupByKey() -> GroupedStream<Key.DefaultSerdeType, Value>
    where Key: DefaultSerde { groupByKey(key: Key.defaultSerde) }
}

extension KeyedStream where Placement == KeyChanged {
    /// Not without a repartition.
    @available(
        *,
        unavailable,
        message: "the key changed since the last topic: add .repartition(…) before groupByKey"
    )
    public func groupByKey() -> GroupedStream<UTF8Serde, Value> { preconditionFailure() }
}

extension KeyedStream {
    /// Gathers the records by a key computed from the value. They go through a repartition topic,
    /// `<job>-<via>-repartition`; a record whose new key is null is left out. The policy for errors
    /// of the aggregation (`onError`) is that of `newKey` too.
    ///
    ///     words.groupBy({ $0 }, via: "by-word", key: .utf8)
    @inlinable
    public func groupBy<KeySerde: Serde, ValueSerde: Serde>(
        _ newKey: @escaping @Sendable (Value) throws -> KeySerde.Value,
        via name: String,
        key: KeySerde,
        value: ValueSerde,
        partitions: Int32? = nil
    ) -> GroupedStream<KeySerde, Value> where ValueSerde.Value == Value {
        let rekeyed = selectKey(newKey).filterWithKey { newKey, _ in !key.isNull(newKey) }
        let stream = rekeyed.repartition(name, key: key, value: value, partitions: partitions)
        stream.node.partsOfNext = rekeyed.node.parents + [rekeyed.node]
        if let write = stream.node.upstreamSink { stream.node.partsOfNext.append(write) }
        return GroupedStream(
            node: stream.node,
            key: key,
            isNullValue: { newValue in value.isNull(newValue) }
        )
    }

    /// `groupBy` with the serde that the value has by default.
    @inlinable
    public func groupBy<KeySerde: Serde>(
        _ newKey: @escaping @Sendable (Value) throws -> KeySerde.Value,
        via name: String,
        key: KeySerde,
        partitions: Int32? = nil
    ) -> GroupedStream<KeySerde, Value> where Value: DefaultSerde {
        groupBy(newKey, via: name, key: key, value: Value.defaultSerde, partitions: partitions)
    }
}
