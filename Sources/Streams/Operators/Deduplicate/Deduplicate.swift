extension KeyedStream where Placement == ByKey {
    /// The first record of each id; those that follow it within a time are dropped and counted.
    ///
    /// Time is stream time, the largest timestamp that the partition has had: an id is remembered
    /// for `within` from where stream time was when it first came, both ends included, and is then
    /// forgotten, in the store and in its changelog. Duplicates have to lie in one partition, so
    /// they have the same key. The ids are part of the transaction: a crash neither forgets one nor
    /// remembers one whose record was not processed.
    ///
    ///     orders.deduplicated(by: \.eventID, within: .seconds(86_400), store: "seen-events")
    ///
    /// - Parameters:
    ///   - id: what two records have in common if one repeats the other; a null one is never a
    ///     duplicate.
    ///   - within: how long an id is remembered, at least a millisecond.
    ///   - store: names the store and its changelog; mandatory.
    ///   - serde: how ids are written.
    @inlinable
    public func deduplicated<IDSerde: Serde>(
        by id: @escaping @Sendable (Value) throws -> IDSerde.Value,
        within: Duration,
        store: String,
        id serde: IDSerde
    ) -> Self {
        let rule = SeenRule(within: within, store: store)
        return Self(
            node: StreamNode(kind: rule.kind("deduplicate", serde), from: node) { sink, task in
                let seen = SeenIDs(task, rule)
                return { key, value in
                    let id = try id(value)
                    if !serde.isNull(id) {
                        guard try seen.isFirst(id, as: serde) else { return }
                    }
                    try sink(key, value)
                }
            }
        )
    }

    /// `deduplicated` with the serde that the id has by default.
    @inlinable
    public func deduplicated<ID: DefaultSerde>(
        by id: @escaping @Sendable (Value) throws -> ID,
        within: Duration,
        store: String
    ) -> Self {
        deduplicated(by: id, within: within, store: store, id: ID.defaultSerde)
    }

    /// The first record of each key: of all times, or of the time for which a key is remembered, as
    /// `deduplicated(by:within:store:)` does. A record with a null key is dropped and counted.
    ///
    /// - Parameters:
    ///   - within: how long a key is remembered; for ever if nil: the store grows with the keys.
    ///   - store: names the store and its changelog; mandatory.
    ///   - serde: how keys are written.
    @inlinable
    public func distinct<KeySerde: Serde>(
        within: Duration? = nil,
        store: String,
        key serde: KeySerde
    ) -> Self where KeySerde.Value == Key {
        let rule = SeenRule(within: within, store: store)
        return Self(
            node: StreamNode(kind: rule.kind("distinct", serde), from: node) { sink, task in
                let seen = SeenIDs(task, rule)
                let counters = task.counters
                return { key, value in
                    guard !serde.isNull(key) else { return counters.pointee.drop(.nullKey) }
                    guard try seen.isFirst(key, as: serde) else { return }
                    try sink(key, value)
                }
            }
        )
    }

    /// `distinct` with the serde that the key has by default.
    @inlinable
    public func distinct(within: Duration? = nil, store: String) -> Self where Key: DefaultSerde {
        distinct(within: within, store: store, key: Key.defaultSerde)
    }
}

extension KeyedStream where Placement == KeyChanged {
    /// Not without a repartition.
    @available(
        *,
        unavailable,
        message: "the key changed since the last topic: add .repartition(…) before deduplicated"
    )
    public func deduplicated<ID>(
        by id: @escaping @Sendable (Value) throws -> ID,
        within: Duration,
        store: String
    ) -> Self { preconditionFailure() }

    /// Not without a repartition.
    @available(
        *,
        unavailable,
        message: "the key changed since the last topic: add .repartition(…) before distinct"
    )
    public func distinct(within: Duration? = nil, store: String) -> Self { preconditionFailure() }
}
