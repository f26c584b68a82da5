extension KeyedStream {
    /// One record for each record, with another key and value. Headers and timestamp stay.
    ///
    ///     clicks.map { _, click in (click.userID, click.page) }
    @inlinable
    public func map<NewKey, NewValue>(
        _ transform: @escaping @Sendable (Key, Value) throws -> (NewKey, NewValue)
    ) -> RekeyedStream<NewKey, NewValue> {
        RekeyedStream(
            node: StreamNode(kind: .stateless("map"), from: node) { sink, _, site in
                { key, value in
                    guard let result = try site.attempt({ try transform(key, value) }) else {
                        return
                    }
                    try sink(result.0, result.1)
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
            node: StreamNode(kind: .stateless("mapValues"), from: node) { sink, _, site in
                { key, value in
                    guard let new = try site.attempt({ try transform(value) }) else { return }
                    try sink(key, new)
                }
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
            node: StreamNode(kind: .stateless("mapValues"), from: node) { sink, _, site in
                { key, value in
                    guard let new = try site.attempt({ try transform(key, value) }) else { return }
                    try sink(key, new)
                }
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
            node: StreamNode(kind: .stateless("selectKey"), from: node) { sink, _, site in
                { _, value in
                    guard let new = try site.attempt({ try key(value) }) else { return }
                    try sink(new, value)
                }
            }
        )
    }

    /// `selectKey` for a key that depends on the old key too.
    @inlinable
    public func selectKeyWithKey<NewKey>(
        _ newKey: @escaping @Sendable (Key, Value) throws -> NewKey
    ) -> RekeyedStream<NewKey, Value> {
        RekeyedStream(
            node: StreamNode(kind: .stateless("selectKey"), from: node) { sink, _, site in
                { key, value in
                    guard let new = try site.attempt({ try newKey(key, value) }) else { return }
                    try sink(new, value)
                }
            }
        )
    }
}
