public import LogModel

extension GroupedStream {
    /// The values of each key with the largest scores, of all that have come: the largest first, of
    /// equal ones the one that came first. A record that changes nothing hands nothing on. Records
    /// with a null key or value are dropped and counted.
    ///
    ///     bids.groupByKey().top(3, by: \.cents, store: "best-bids", value: .json(Bid.self))
    ///
    /// - Parameters:
    ///   - limit: how many values a key keeps, at least 1.
    ///   - store: names the store and its changelog; mandatory.
    ///   - expiry: when a key's values are forgotten that has no records any more; never if nil.
    @inlinable
    public func top<Score: TopScore, ValueSerde: Serde>(
        _ limit: Int,
        by score: @escaping @Sendable (Value) throws -> Score,
        store: String,
        value: ValueSerde,
        expiry: Expiry? = nil
    ) -> Table<KeySerde.Value, [Value]> where ValueSerde.Value == Value {
        let ranking = TopRanking(limit: limit, score)
        let (keySerde, isNullValue, list) = (key, isNullValue, ListSerde(of: value))
        let kind = OperatorKind.stateful(
            "top",
            stores: [StoreSpecification(store, key: keySerde, value: list, expiry: expiry)]
        )
        return Table(
            node: StreamNode(kind: kind, from: node) { sink, task in
                let writer = StoreWriter(
                    task: task,
                    store: store,
                    key: keySerde,
                    value: list,
                    expiry: expiry
                ) { key, old in try sink(key, Change(old: old, new: nil)) }
                let (record, counters) = (task.record, task.counters)
                return { key, newValue in
                    if keySerde.isNull(key) || isNullValue?(newValue) == true {
                        counters.pointee.drop(keySerde.isNull(key) ? .nullKey : .nullValue)
                        return
                    }
                    let slot = try writer.find(key)
                    if writer.isTooLate(slot) { return counters.pointee.drop(.late) }
                    let old = try writer.read(slot)
                    let taken = try ranking.taking(newValue, into: old ?? [])
                    let ownTime = record.pointee.timestamp
                    let time = old == nil ? ownTime : max(ownTime, writer.handle.timestamp(slot))
                    guard let new = taken else {
                        // The list is as it was, and lives on.
                        if writer.isExpiring { try writer.write(old, at: slot, timestamp: time) }
                        return
                    }
                    try writer.write(new, at: slot, timestamp: time)
                    record.pointee.timestamp = time
                    try sink(key, Change(old: old, new: new))
                    record.pointee.timestamp = ownTime
                }
            },
            view: .store(store, key: keySerde, value: list, expiry: expiry)
        )
    }

    /// `top` with the serde that the value has by default.
    @inlinable
    public func top<Score: TopScore>(
        _ limit: Int,
        by score: @escaping @Sendable (Value) throws -> Score,
        store: String,
        expiry: Expiry? = nil
    ) -> Table<KeySerde.Value, [Value]> where Value: DefaultSerde {
        top(limit, by: score, store: store, value: Value.defaultSerde, expiry: expiry)
    }
}

extension WindowedStream {
    /// The values of each key and window with the largest scores: the largest first, of equal ones
    /// the one that came first.
    ///
    ///     views.windowed(by: .tumbling(.seconds(60)))
    ///         .top(5, by: \.seconds, store: "longest", value: .json(View.self), emit: .onClose)
    @inlinable
    public func top<Score: TopScore, ValueSerde: Serde>(
        _ limit: Int,
        by score: @escaping @Sendable (Value) throws -> Score,
        store: String,
        value: ValueSerde,
        emit: Emission = .onUpdate,
        retention: Duration? = nil
    ) -> Table<Windowed<KeySerde.Value>, [Value]> where ValueSerde.Value == Value {
        let ranking = TopRanking(limit: limit, score)
        return aggregating("top", store, ListSerde(of: value), emit, retention) {
            old,
            new -> [Value]? in
            if value.isNull(new) { return old }
            return try ranking.taking(new, into: old ?? []) ?? old
        }
    }

    /// `top` with the serde that the value has by default.
    @inlinable
    public func top<Score: TopScore>(
        _ limit: Int,
        by score: @escaping @Sendable (Value) throws -> Score,
        store: String,
        emit: Emission = .onUpdate,
        retention: Duration? = nil
    ) -> Table<Windowed<KeySerde.Value>, [Value]> where Value: DefaultSerde {
        top(
            limit,
            by: score,
            store: store,
            value: Value.defaultSerde,
            emit: emit,
            retention: retention
        )
    }
}

/// Keeps values in the order of their scores, up to a number of them.
@usableFromInline
struct TopRanking<Value, Score: TopScore>: Sendable {
    private let limit: Int
    private let score: @Sendable (Value) throws -> Score

    @usableFromInline
    init(limit: Int, _ score: @escaping @Sendable (Value) throws -> Score) {
        requireDeclared(limit > 0, "the top of nothing")
        self.limit = limit
        self.score = score
    }

    /// The values with a new one among them; nil if it has no place there.
    @usableFromInline
    func taking(_ new: Value, into values: [Value]) throws -> [Value]? {
        let bits = try bits(of: new)
        var (low, high) = (0, values.count)
        while low < high {
            let middle = (low + high) / 2
            if try self.bits(of: values[middle]) >= bits { low = middle + 1 } else { high = middle }
        }
        guard low < limit else { return nil }
        var result = values
        result.insert(new, at: low)
        if result.count > limit { result.removeLast(result.count - limit) }
        return result
    }

    @usableFromInline
    func bits(of value: Value) throws -> UInt64 { try score(value).requireBits() }
}
