extension KeyedStream {
    /// One record for each record, with another key and value. Headers and timestamp stay.
    ///
    ///     clicks.map { _, click in (click.userID, click.page) }
    @inlinable
    public func map<NewKey, NewValue>(
        _ transform: @escaping @Sendable (Key, Value) throws -> (NewKey, NewValue)
    ) -> RekeyedStream<NewKey, NewValue> {
        RekeyedStream(
            node: StreamNode(kind: .stateless("map"), from: node) { sink, _ in
                { key, value in
                    let (newKey, newValue) = try transform(key, value)
                    try sink(newKey, newValue)
                }
            }
        )
    }

    /// One record for each record, with another value; the key stays.
    ///
    ///     lines.mapValues { line -> Int in line.count }
    @inlinable
    public func mapValues<NewValue>(
        _ transform: @escaping @Sendable (Value) throws -> NewValue
    ) -> KeyedStream<Key, NewValue, Placement> {
        KeyedStream<Key, NewValue, Placement>(
            node: StreamNode(kind: .stateless("mapValues"), from: node) { sink, _ in
                { key, value in try sink(key, try transform(value)) }
            }
        )
    }

    /// `mapValues` with the type of the result named, which keeps the type checker fast.
    @inlinable
    public func mapValues<NewValue>(
        to type: NewValue.Type,
        _ transform: @escaping @Sendable (Value) throws -> NewValue
    ) -> KeyedStream<Key, NewValue, Placement> { mapValues(transform) }

    /// `mapValues` for a transformation that looks at the key too.
    @inlinable
    public func mapValuesWithKey<NewValue>(
        _ transform: @escaping @Sendable (Key, Value) throws -> NewValue
    ) -> KeyedStream<Key, NewValue, Placement> {
        KeyedStream<Key, NewValue, Placement>(
            node: StreamNode(kind: .stateless("mapValues"), from: node) { sink, _ in
                { key, value in try sink(key, try transform(key, value)) }
            }
        )
    }

    /// The same records under a key computed from the value.
    ///
    ///     orders.selectKey(\.customerID)
    @inlinable
    public func selectKey<NewKey>(
        _ key: @escaping @Sendable (Value) throws -> NewKey
    ) -> RekeyedStream<NewKey, Value> {
        RekeyedStream(
            node: StreamNode(kind: .stateless("selectKey"), from: node) { sink, _ in
                { _, value in try sink(try key(value), value) }
            }
        )
    }

    /// `selectKey` for a key that depends on the old key too.
    @inlinable
    public func selectKeyWithKey<NewKey>(
        _ newKey: @escaping @Sendable (Key, Value) throws -> NewKey
    ) -> RekeyedStream<NewKey, Value> {
        RekeyedStream(
            node: StreamNode(kind: .stateless("selectKey"), from: node) { sink, _ in
                { key, value in try sink(try newKey(key, value), value) }
            }
        )
    }
}
