public import LogModel

/// A grouped stream cut in sessions: what `count`, `reduce` and `aggregate` keep by key and
/// session.
///
/// A record joins every session of its key within the gap: sessions that a late record connects
/// become one, their old results are retracted by tombstones. A session takes records until stream
/// time is behind its end, the gap and the grace; later ones are dropped and counted, as are
/// records with a null key.
public struct SessionStream<KeySerde: Serde, Value> {
    @usableFromInline let node: StreamNode<KeySerde.Value, Value>
    @usableFromInline let key: KeySerde
    @usableFromInline let windows: SessionWindows

    @inlinable
    init(node: StreamNode<KeySerde.Value, Value>, key: KeySerde, windows: SessionWindows) {
        self.node = node
        self.key = key
        self.windows = windows
    }
}

extension GroupedStream {
    /// Cuts the stream in sessions.
    ///
    ///     .windowed(by: .session(gap: .seconds(1_800)))
    @inlinable
    public func windowed(by windows: SessionWindows) -> SessionStream<KeySerde, Value> {
        SessionStream(node: node, key: key, windows: windows)
    }
}

extension SessionStream {
    /// How many records each session has.
    @inlinable
    public func count(
        store: String,
        emit: Emission = .onUpdate,
        retention: Duration? = nil
    ) -> Table<Windowed<KeySerde.Value>, Int64> {
        aggregating(
            "count",
            store,
            .int64,
            SessionRule(windows, emit, retention),
            initial: nil,
            merge: { left, right -> Int64? in (left ?? 0) + right },
            update: { old, _ -> Int64? in (old ?? 0) + 1 }
        )
    }

    /// Combines the values of each session two by two.
    @inlinable
    public func reduce<ValueSerde: Serde>(
        store: String,
        value: ValueSerde,
        emit: Emission = .onUpdate,
        retention: Duration? = nil,
        _ combine: @escaping @Sendable (Value, Value) throws -> Value
    ) -> Table<Windowed<KeySerde.Value>, Value> where ValueSerde.Value == Value {
        aggregating(
            "reduce",
            store,
            value,
            SessionRule(windows, emit, retention),
            initial: nil,
            merge: { left, right -> Value? in
                guard let left else { return right }
                return try combine(left, right)
            },
            update: { old, new -> Value? in
                guard let old else { return new }
                return try combine(old, new)
            }
        )
    }

    /// Folds the values of each session into an aggregate that starts as `initial`; `merge` makes
    /// one of the aggregates of two sessions that become one.
    @inlinable
    public func aggregate<AggregateSerde: Serde>(
        store: String,
        initial: AggregateSerde.Value,
        value: AggregateSerde,
        emit: Emission = .onUpdate,
        retention: Duration? = nil,
        merge:
            @escaping @Sendable (AggregateSerde.Value, AggregateSerde.Value) throws ->
            AggregateSerde.Value,
        _ update: @escaping @Sendable (inout AggregateSerde.Value, Value) throws -> Void
    ) -> Table<Windowed<KeySerde.Value>, AggregateSerde.Value>
    where AggregateSerde.Value: Sendable {
        aggregating(
            "aggregate",
            store,
            value,
            SessionRule(windows, emit, retention),
            initial: initial,
            merge: { left, right -> AggregateSerde.Value? in try merge(left ?? initial, right) },
            update: { old, new -> AggregateSerde.Value? in
                var aggregate = old ?? initial
                try update(&aggregate, new)
                return aggregate
            }
        )
    }

    @inlinable
    func aggregating<AggregateSerde: Serde>(
        _ word: String,
        _ store: String,
        _ value: AggregateSerde,
        _ rule: SessionRule,
        initial: AggregateSerde.Value?,
        merge:
            @escaping (AggregateSerde.Value?, AggregateSerde.Value) throws ->
            AggregateSerde.Value?,
        update: @escaping (AggregateSerde.Value?, Value) throws -> AggregateSerde.Value?
    ) -> Table<Windowed<KeySerde.Value>, AggregateSerde.Value> {
        let keySerde = key
        let node = StreamNode<Windowed<KeySerde.Value>, Change<AggregateSerde.Value>>(
            kind: .stateful(
                "\(word) by session",
                stores: [.sessions(store, keySerde, value)]
            ),
            from: node
        ) { sink, task in
            let aggregation = SessionAggregation(
                task,
                store,
                key: keySerde,
                value: value,
                rule: rule,
                sink: sink
            )
            return { key, value in
                try aggregation.receive(key, initial: initial, merge: merge) { old in
                    try update(old, value)
                }
            }
        }
        return Table(
            node: node,
            view: .sessions(store, key: keySerde, value: value),
            closesAfter: Timestamp(windows.grace).advanced(byMilliseconds: windows.gap).rawValue
        )
    }
}
