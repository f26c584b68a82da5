extension KeyedStream {
    /// No, one or several records for each record, with other keys and values.
    @inlinable
    public func flatMap<NewKey, NewValue, Results: Sequence>(
        _ transform: @escaping @Sendable (Key, Value) throws -> Results
    ) -> RekeyedStream<NewKey, NewValue> where Results.Element == (NewKey, NewValue) {
        RekeyedStream(
            node: StreamNode(kind: .stateless("flatMap"), from: node) { sink, _, site in
                { key, value in
                    guard let results = try site.attempt({ try transform(key, value) }) else {
                        return
                    }
                    for (newKey, newValue) in results { try sink(newKey, newValue) }
                }
            }
        )
    }

    /// No, one or several records for each record, under the same key.
    ///
    ///     lines.flatMapValues { line -> [Substring] in line.split(separator: " ") }
    @inlinable
    public func flatMapValues<Results: Sequence>(
        _ transform: @escaping @Sendable (Value) throws -> Results
    ) -> KeyedStream<Key, Results.Element, Placement> {
        KeyedStream<Key, Results.Element, Placement>(
            node: StreamNode(kind: .stateless("flatMapValues"), from: node) { sink, _, site in
                { key, value in
                    guard let results = try site.attempt({ try transform(value) }) else { return }
                    for newValue in results { try sink(key, newValue) }
                }
            }
        )
    }

    /// `flatMapValues` for a transformation that looks at the key too.
    @inlinable
    public func flatMapValuesWithKey<Results: Sequence>(
        _ transform: @escaping @Sendable (Key, Value) throws -> Results
    ) -> KeyedStream<Key, Results.Element, Placement> {
        KeyedStream<Key, Results.Element, Placement>(
            node: StreamNode(kind: .stateless("flatMapValues"), from: node) { sink, _, site in
                { key, value in
                    guard let results = try site.attempt({ try transform(key, value) }) else {
                        return
                    }
                    for newValue in results { try sink(key, newValue) }
                }
            }
        )
    }
}
