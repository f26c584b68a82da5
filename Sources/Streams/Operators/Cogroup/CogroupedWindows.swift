public import LogModel

/// Several grouped streams cut in tumbling or hopping windows. Lateness is judged by each stream's
/// own time; with emission on close by the time that they share.
public struct CogroupedWindows<KeySerde: Serde, AggregateSerde: Serde> {
    @usableFromInline let stream: CogroupedStream<KeySerde, AggregateSerde>
    @usableFromInline let windows: TimeWindows

    @inlinable
    init(stream: CogroupedStream<KeySerde, AggregateSerde>, windows: TimeWindows) {
        self.stream = stream
        self.windows = windows
    }
}

/// Several grouped streams cut in sliding windows. Lateness is judged by each stream's own time;
/// with emission on close by the time that they share.
public struct CogroupedSlidingWindows<KeySerde: Serde, AggregateSerde: Serde> {
    @usableFromInline let stream: CogroupedStream<KeySerde, AggregateSerde>
    @usableFromInline let windows: SlidingWindows

    @inlinable
    init(stream: CogroupedStream<KeySerde, AggregateSerde>, windows: SlidingWindows) {
        self.stream = stream
        self.windows = windows
    }
}

/// Several grouped streams cut in sessions. Lateness is judged by each stream's own time; with
/// emission on close by the time that they share.
public struct CogroupedSessions<KeySerde: Serde, AggregateSerde: Serde> {
    @usableFromInline let stream: CogroupedStream<KeySerde, AggregateSerde>
    @usableFromInline let windows: SessionWindows

    @inlinable
    init(stream: CogroupedStream<KeySerde, AggregateSerde>, windows: SessionWindows) {
        self.stream = stream
        self.windows = windows
    }
}

extension CogroupedStream {
    /// Cuts the streams in windows of one size.
    @inlinable
    public func windowed(by windows: TimeWindows) -> CogroupedWindows<KeySerde, AggregateSerde> {
        CogroupedWindows(stream: self, windows: windows)
    }

    /// Cuts the streams in windows around their records.
    @inlinable
    public func windowed(
        by windows: SlidingWindows
    ) -> CogroupedSlidingWindows<KeySerde, AggregateSerde> {
        CogroupedSlidingWindows(stream: self, windows: windows)
    }

    /// Cuts the streams in sessions.
    @inlinable
    public func windowed(by windows: SessionWindows) -> CogroupedSessions<KeySerde, AggregateSerde>
    {
        CogroupedSessions(stream: self, windows: windows)
    }
}

extension CogroupedWindows where AggregateSerde.Value: Sendable {
    /// Folds the records of all streams into an aggregate of each key and window.
    @inlinable
    public func aggregate(
        store: String,
        initial: AggregateSerde.Value,
        emit: Emission = .onUpdate,
        retention: Duration? = nil
    ) -> Table<Windowed<KeySerde.Value>, AggregateSerde.Value> {
        let (key, value) = (stream.key, stream.value)
        let rule = TimeWindowRule(windows, emit, retention)
        let count = stream.inputs.count
        let node: StreamNode<Windowed<KeySerde.Value>, Change<AggregateSerde.Value>> = stream.node(
            .stateful("cogroup by window", stores: [rule.specification(store, key, value)])
        ) { task, sink in
            let aggregation = TimeWindowAggregation(
                task,
                store,
                key: key,
                value: value,
                rule: rule,
                inputCount: count,
                sink: sink
            )
            return { index in
                { key, _, update in
                    try aggregation.receive(key, input: index) { old in
                        var new = old ?? initial
                        try update(&new)
                        return new
                    }
                }
            }
        }
        return Table(
            node: node,
            view: .timeWindows(store, key: key, value: value),
            closesAfter: windows.closesAfter
        )
    }
}

extension CogroupedSlidingWindows where AggregateSerde.Value: Sendable {
    /// Folds the records of all streams into an aggregate of each key and window.
    @inlinable
    public func aggregate(
        store: String,
        initial: AggregateSerde.Value,
        emit: Emission = .onUpdate,
        retention: Duration? = nil
    ) -> Table<Windowed<KeySerde.Value>, AggregateSerde.Value> {
        let (key, value) = (stream.key, stream.value)
        let rule = SlidingRule(windows, emit, retention)
        let count = stream.inputs.count
        let node: StreamNode<Windowed<KeySerde.Value>, Change<AggregateSerde.Value>> = stream.node(
            .stateful("cogroup by sliding window", stores: [rule.specification(store, key, value)])
        ) { task, sink in
            let aggregation = SlidingAggregation(
                task,
                store,
                key: key,
                value: value,
                rule: rule,
                initial: initial,
                inputCount: count,
                sink: sink
            )
            return { index in
                { key, isNull, update in
                    try aggregation.receive(key, input: index, isNull: isNull) { old in
                        var new = old ?? initial
                        try update(&new)
                        return new
                    }
                }
            }
        }
        return Table(
            node: node,
            view: .slidingWindows(store, key: key, value: value),
            closesAfter: windows.grace
        )
    }
}

extension CogroupedSessions where AggregateSerde.Value: Sendable {
    /// Folds the records of all streams into an aggregate of each session; `merge` makes one of the
    /// aggregates of two sessions that become one.
    @inlinable
    public func aggregate(
        store: String,
        initial: AggregateSerde.Value,
        emit: Emission = .onUpdate,
        retention: Duration? = nil,
        merge:
            @escaping @Sendable (AggregateSerde.Value, AggregateSerde.Value) throws ->
            AggregateSerde.Value
    ) -> Table<Windowed<KeySerde.Value>, AggregateSerde.Value> {
        let (key, value) = (stream.key, stream.value)
        let rule = SessionRule(windows, emit, retention)
        let count = stream.inputs.count
        let node: StreamNode<Windowed<KeySerde.Value>, Change<AggregateSerde.Value>> = stream.node(
            .stateful(
                "cogroup by session",
                stores: [.sessions(store, key, value)]
            )
        ) { task, sink in
            let aggregation = SessionAggregation(
                task,
                store,
                key: key,
                value: value,
                rule: rule,
                inputCount: count,
                sink: sink
            )
            return { index in
                { key, _, update in
                    try aggregation.receive(
                        key,
                        input: index,
                        initial: initial,
                        merge: { left, right in try merge(left ?? initial, right) },
                        update: { old in
                            var new = old ?? initial
                            try update(&new)
                            return new
                        }
                    )
                }
            }
        }
        return Table(
            node: node,
            view: .sessions(store, key: key, value: value),
            closesAfter: Timestamp(windows.grace).advanced(byMilliseconds: windows.gap).rawValue
        )
    }
}
