/// The stateless operators for closures that read or set timestamp and headers.
extension KeyedStream {
    /// `map` for a transformation that reads or sets timestamp and headers.
    @inlinable
    public func mapWithRecord<NewKey, NewValue>(
        _ transform: @escaping @Sendable (Key, Value, CurrentRecord) throws -> (NewKey, NewValue)
    ) -> RekeyedStream<NewKey, NewValue> {
        RekeyedStream(
            node: StreamNode(kind: .stateless("map"), from: node) { sink, task, site in
                let record = CurrentRecord(task)
                return { key, value in
                    try record.lend(site, { try transform(key, value, record) }) {
                        try sink($0.0, $0.1)
                    }
                }
            }
        )
    }

    /// `mapValues` for a transformation that reads or sets timestamp and headers.
    @inlinable
    public func mapValuesWithRecord<NewValue>(
        _ transform: @escaping @Sendable (Key, Value, CurrentRecord) throws -> NewValue
    ) -> KeyedStream<Key, NewValue, Placement> {
        KeyedStream<Key, NewValue, Placement>(
            node: StreamNode(kind: .stateless("mapValues"), from: node) { sink, task, site in
                let record = CurrentRecord(task)
                return { key, value in
                    try record.lend(site, { try transform(key, value, record) }) {
                        try sink(key, $0)
                    }
                }
            }
        )
    }

    /// `flatMap` for a transformation that reads or sets timestamp and headers; all of its results
    /// have them.
    @inlinable
    public func flatMapWithRecord<NewKey, NewValue, Results: Sequence>(
        _ transform: @escaping @Sendable (Key, Value, CurrentRecord) throws -> Results
    ) -> RekeyedStream<NewKey, NewValue> where Results.Element == (NewKey, NewValue) {
        RekeyedStream(
            node: StreamNode(kind: .stateless("flatMap"), from: node) { sink, task, site in
                let record = CurrentRecord(task)
                return { key, value in
                    try record.lend(site, { try transform(key, value, record) }) {
                        for (newKey, newValue) in $0 { try sink(newKey, newValue) }
                    }
                }
            }
        )
    }

    /// `flatMapValues` for a transformation that reads or sets timestamp and headers; all of its
    /// results have them.
    @inlinable
    public func flatMapValuesWithRecord<Results: Sequence>(
        _ transform: @escaping @Sendable (Key, Value, CurrentRecord) throws -> Results
    ) -> KeyedStream<Key, Results.Element, Placement> {
        KeyedStream<Key, Results.Element, Placement>(
            node: StreamNode(kind: .stateless("flatMapValues"), from: node) { sink, task, site in
                let record = CurrentRecord(task)
                return { key, value in
                    try record.lend(site, { try transform(key, value, record) }) {
                        for newValue in $0 { try sink(key, newValue) }
                    }
                }
            }
        )
    }

    /// `filter` for a test that reads timestamp and headers, or sets those that go on.
    @inlinable
    public func filterWithRecord(
        _ isIncluded: @escaping @Sendable (Key, Value, CurrentRecord) throws -> Bool
    ) -> Self {
        Self(
            node: StreamNode(kind: .stateless("filter"), from: node) { sink, task, site in
                let record = CurrentRecord(task)
                return { key, value in
                    try record.lend(site, { try isIncluded(key, value, record) }) {
                        if $0 { try sink(key, value) }
                    }
                }
            }
        )
    }

    /// `selectKey` for a key that depends on timestamp and headers.
    @inlinable
    public func selectKeyWithRecord<NewKey>(
        _ newKey: @escaping @Sendable (Key, Value, CurrentRecord) throws -> NewKey
    ) -> RekeyedStream<NewKey, Value> {
        RekeyedStream(
            node: StreamNode(kind: .stateless("selectKey"), from: node) { sink, task, site in
                let record = CurrentRecord(task)
                return { key, value in
                    try record.lend(site, { try newKey(key, value, record) }) {
                        try sink($0, value)
                    }
                }
            }
        )
    }

    /// `peek` with timestamp and headers; those that it sets go on.
    @inlinable
    public func peekWithRecord(
        _ look: @escaping @Sendable (Key, Value, CurrentRecord) throws -> Void
    ) -> Self {
        Self(
            node: StreamNode(kind: .stateless("peek"), from: node) { sink, task, site in
                let record = CurrentRecord(task)
                return { key, value in
                    try record.lend(site, { try look(key, value, record) }) {
                        try sink(key, value)
                    }
                }
            }
        )
    }
}
