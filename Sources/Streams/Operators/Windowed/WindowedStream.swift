import LogModel

/// A grouped stream cut in tumbling or hopping windows: what `count`, `reduce` and `aggregate` keep
/// by key and window.
///
/// A window takes records until stream time, the largest timestamp so far, reaches its end and the
/// grace behind it. Later ones are dropped and counted. Records with a null key are dropped too;
/// null values are not (Kafka Streams' rule for windows).
public struct WindowedStream<KeySerde: Serde, Value> {
    @usableFromInline let node: StreamNode<KeySerde.Value, Value>
    @usableFromInline let key: KeySerde
    @usableFromInline let windows: TimeWindows

    @inlinable
    init(node: StreamNode<KeySerde.Value, Value>, key: KeySerde, windows: TimeWindows) {
        self.node = node
        self.key = key
        self.windows = windows
    }
}

extension GroupedStream {
    /// Cuts the stream in windows of one size.
    ///
    ///     .windowed(by: .tumbling(.seconds(60), grace: .seconds(10)))
    @inlinable
    public func windowed(by windows: TimeWindows) -> WindowedStream<KeySerde, Value> {
        WindowedStream(node: node, key: key, windows: windows)
    }
}

extension WindowedStream {
    /// How many records each key has had in each window.
    ///
    /// - Parameters:
    ///   - store: names the store and its changelog; mandatory.
    ///   - retention: how long the store keeps a window, in stream time; at least its size and
    ///     grace, which is the default.
    @inlinable
    public func count(
        store: String,
        emit: Emission = .onUpdate,
        retention: Duration? = nil
    ) -> Table<Windowed<KeySerde.Value>, Int64> {
        aggregating("count", store, .int64, emit, retention) { old, _ -> Int64? in (old ?? 0) + 1 }
    }

    /// Combines the values of each key and window two by two.
    @inlinable
    public func reduce<ValueSerde: Serde>(
        store: String,
        value: ValueSerde,
        emit: Emission = .onUpdate,
        retention: Duration? = nil,
        _ combine: @escaping @Sendable (Value, Value) throws -> Value
    ) -> Table<Windowed<KeySerde.Value>, Value> where ValueSerde.Value == Value {
        aggregating("reduce", store, value, emit, retention) { old, new -> Value? in
            guard let old else { return new }
            return try combine(old, new)
        }
    }

    /// Folds the values of each key and window into an aggregate that starts as `initial`.
    ///
    ///     .aggregate(store: "revenue", initial: Revenue(), value: .json(), emit: .onClose) {
    ///         $0.orders += 1
    ///         $0.cents += $1.total
    ///     }
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
        aggregating("aggregate", store, value, emit, retention) {
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
        _ emit: Emission,
        _ retention: Duration?,
        _ update:
            @escaping @Sendable (AggregateSerde.Value?, Value) throws ->
            AggregateSerde.Value?
    ) -> Table<Windowed<KeySerde.Value>, AggregateSerde.Value> {
        let keySerde = key
        let rule = TimeWindowRule(windows, emit, retention)
        let node = StreamNode<Windowed<KeySerde.Value>, Change<AggregateSerde.Value>>(
            kind: .stateful(
                "\(word) by window",
                stores: [rule.specification(store, keySerde, value)]
            ),
            from: node
        ) { sink, task in
            let aggregation = TimeWindowAggregation(
                task,
                store,
                key: keySerde,
                value: value,
                rule: rule,
                sink: sink
            )
            return { key, value in
                try aggregation.receive(key) { old in try update(old, value) }
            }
        }
        return Table(
            node: node,
            view: .timeWindows(store, key: keySerde, value: value),
            closesAfter: windows.closesAfter
        )
    }
}

/// What windows there are, when their results go on, and how long they are kept.
@usableFromInline
struct TimeWindowRule: Sendable {
    @usableFromInline let windows: TimeWindows
    @usableFromInline let emission: Emission
    /// Windows that begin so many milliseconds before stream time, or earlier, are removed.
    @usableFromInline let retention: Int64

    @usableFromInline
    init(_ windows: TimeWindows, _ emission: Emission, _ retention: Duration?) {
        requireDeclared(
            windows.origin == nil || !emission.isOnClose,
            "an unlimited window never closes: it has no results on close"
        )
        self.windows = windows
        self.emission = emission
        let needed = Timestamp(windows.size).advanced(byMilliseconds: windows.grace).rawValue
        self.retention = max(needed, retention?.wholeMilliseconds ?? 0)
    }

    /// The store of an aggregation by these windows, of which it holds the starts.
    @inlinable
    func specification<KeySerde: Serde, ValueSerde: Serde>(
        _ store: String,
        _ key: KeySerde,
        _ value: ValueSerde
    ) -> StoreSpecification {
        let format = RecordFormat("window", key, value, windowSize: windows.size)
        return StoreSpecification(store, .window, format)
    }
}
