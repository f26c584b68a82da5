public import LogModel

/// A grouped stream cut in sliding windows: what `count`, `reduce` and `aggregate` keep by key and
/// window.
///
/// A window holds records of a key that lie at most a difference apart, both ends included. It
/// takes records until stream time is behind its end and the grace; later ones are dropped and
/// counted, as are records with a null key or a null value.
public struct SlidingStream<KeySerde: Serde, Value> {
    @usableFromInline let node: StreamNode<KeySerde.Value, Value>
    @usableFromInline let key: KeySerde
    @usableFromInline let windows: SlidingWindows

    @inlinable
    init(node: StreamNode<KeySerde.Value, Value>, key: KeySerde, windows: SlidingWindows) {
        self.node = node
        self.key = key
        self.windows = windows
    }
}

extension GroupedStream {
    /// Cuts the stream in windows around its records.
    ///
    ///     .windowed(by: .sliding(.seconds(60)))
    @inlinable
    public func windowed(by windows: SlidingWindows) -> SlidingStream<KeySerde, Value> {
        SlidingStream(node: node, key: key, windows: windows)
    }
}

extension SlidingStream {
    /// How many records each window has.
    @inlinable
    public func count(
        store: String,
        emit: Emission = .onUpdate,
        retention: Duration? = nil
    ) -> Table<Windowed<KeySerde.Value>, Int64> {
        let rule = SlidingRule(windows, emit, retention)
        return aggregating("count", store, .int64, rule, initial: nil) { old, _ -> Int64? in
            (old ?? 0) + 1
        }
    }

    /// Combines the values of each window two by two.
    @inlinable
    public func reduce<ValueSerde: Serde>(
        store: String,
        value: ValueSerde,
        emit: Emission = .onUpdate,
        retention: Duration? = nil,
        _ combine: @escaping @Sendable (Value, Value) throws -> Value
    ) -> Table<Windowed<KeySerde.Value>, Value> where ValueSerde.Value == Value {
        let rule = SlidingRule(windows, emit, retention)
        return aggregating("reduce", store, value, rule, initial: nil) { old, new -> Value? in
            guard let old else { return new }
            return try combine(old, new)
        }
    }

    /// Folds the values of each window into an aggregate that starts as `initial`.
    @inlinable
    public func aggregate<AggregateSerde: Serde>(
        store: String,
        initial: AggregateSerde.Value,
        value: AggregateSerde,
        emit: Emission = .onUpdate,
        retention: Duration? = nil,
        _ update: @escaping @Sendable (inout AggregateSerde.Value, Value) throws -> Void
    ) -> Table<Windowed<KeySerde.Value>, AggregateSerde.Value>
    where AggregateSerde.Value: Sendable {
        let rule = SlidingRule(windows, emit, retention)
        return aggregating("aggregate", store, value, rule, initial: initial) {
            old,
            new -> AggregateSerde.Value? in
            var aggregate = old ?? initial
            try update(&aggregate, new)
            return aggregate
        }
    }

    @inlinable
    func aggregating<AggregateSerde: Serde>(
        _ word: String,
        _ store: String,
        _ value: AggregateSerde,
        _ rule: SlidingRule,
        initial: AggregateSerde.Value?,
        _ update: @escaping (AggregateSerde.Value?, Value) throws -> AggregateSerde.Value?
    ) -> Table<Windowed<KeySerde.Value>, AggregateSerde.Value> {
        let keySerde = key
        let node = StreamNode<Windowed<KeySerde.Value>, Change<AggregateSerde.Value>>(
            kind: .stateful(
                "\(word) by sliding window",
                stores: [rule.specification(store, keySerde, value)]
            ),
            from: node
        ) { sink, task in
            let aggregation = SlidingAggregation(
                task,
                store,
                key: keySerde,
                value: value,
                rule: rule,
                initial: initial,
                sink: sink
            )
            let isNull = nilTest(of: Value.self)
            return { key, value in
                try aggregation.receive(key, isNull: isNull?(value) == true) { old in
                    try update(old, value)
                }
            }
        }
        return Table(
            node: node,
            view: .slidingWindows(store, key: keySerde, value: value),
            closesAfter: windows.grace
        )
    }
}

extension TableView {
    /// The rows of a store of sliding windows.
    @inlinable
    static func slidingWindows<KeySerde: Serde, ValueSerde: Serde>(
        _ store: String,
        key: KeySerde,
        value: ValueSerde
    ) -> TableView<Key, Value>
    where Key == Windowed<KeySerde.Value>, ValueSerde.Value == Value {
        TableView { task in
            let store = TimedStore(StoreHandle(task: task, store: store))
            let keys = EscapedKeys(key)
            return { wanted in
                try store.value(
                    escapedKey: try keys.bytes(of: wanted.key),
                    time: wanted.window.start.rawValue,
                    second: 0
                ).map { TableRow(value: try value.decode($0.bytes), timestamp: $0.timestamp) }
            }
        }
    }
}
