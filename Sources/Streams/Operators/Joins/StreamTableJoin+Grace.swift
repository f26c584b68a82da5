import LogModel

extension KeyedStream where Placement == ByKey {
    /// Holds each record back until stream time is `grace` behind it, then combines it with the
    /// row of its key as it was at the record's time: rows that come late are found too. Records
    /// leave in the order of their times, those of one time in the order of their keys.
    ///
    ///     orders.join(
    ///         customers,
    ///         grace: .seconds(60),
    ///         store: "orders-held",
    ///         key: .utf8,
    ///         value: .json(Order.self)
    ///     ) { order, customer in Enriched(order, customer.tier) }
    ///
    /// Stream time is the largest time of the records of this stream that the operator has seen in
    /// its partition. A record that is already so far behind is combined at once. A record whose
    /// value is null, or whose key is, is dropped and counted.
    ///
    /// - Parameters:
    ///   - table: one with a history, which is to be at least as long as `grace`.
    ///   - store: names the store of what is held, and its changelog; mandatory.
    @inlinable
    public func join<KeySerde: Serde, ValueSerde: Serde, Row, Result>(
        _ table: Table<Key, Row>,
        grace: Duration,
        store: String,
        key: KeySerde,
        value: ValueSerde,
        _ combine: @escaping @Sendable (Value, Row) throws -> Result
    ) -> Stream<Key, Result> where KeySerde.Value == Key, ValueSerde.Value == Value {
        let rule = GraceJoinRule(word: "join", store: store, grace: grace, keepsNullKeys: false)
        return joining(table, rule, key, value) { value, row, sink in
            if let row { try sink(try combine(value, row)) }
        }
    }

    /// `join` with a grace that keeps every record: combined with the row of its key as it was at
    /// the record's time, or with nil. A record without a key is combined with nil at once; one
    /// whose value is null is dropped and counted.
    ///
    /// - Parameters:
    ///   - table: one with a history, which is to be at least as long as `grace`.
    ///   - store: names the store of what is held, and its changelog; mandatory.
    @inlinable
    public func leftJoin<KeySerde: Serde, ValueSerde: Serde, Row, Result>(
        _ table: Table<Key, Row>,
        grace: Duration,
        store: String,
        key: KeySerde,
        value: ValueSerde,
        _ combine: @escaping @Sendable (Value, Row?) throws -> Result
    ) -> Stream<Key, Result> where KeySerde.Value == Key, ValueSerde.Value == Value {
        let rule = GraceJoinRule(word: "leftJoin", store: store, grace: grace, keepsNullKeys: true)
        return joining(table, rule, key, value) { value, row, sink in
            try sink(try combine(value, row))
        }
    }

    @inlinable
    func joining<KeySerde: Serde, ValueSerde: Serde, Row, Result>(
        _ table: Table<Key, Row>,
        _ rule: GraceJoinRule,
        _ key: KeySerde,
        _ value: ValueSerde,
        _ combine: @escaping @Sendable (Value, Row?, (Result) throws -> Void) throws -> Void
    ) -> Stream<Key, Result> where KeySerde.Value == Key, ValueSerde.Value == Value {
        let view = table.view
        requireDeclared(
            view.bindAsOf != nil,
            "\(rule.store): a join with a grace looks rows up as of earlier times; give the table "
                + "a history: table(…, history: …)"
        )
        let stream = node
        let joined = StreamNode<Key, Result>(
            kind: .stateful(
                rule.word,
                stores: [StoreSpecification(rule.store, .window, RecordFormat("held", key, value))]
            ),
            parents: [stream, table.node]
        )
        joined.attach = { [unowned joined] in
            table.node.requestRows()
            stream.feed(joined) { task in
                let sink = joined.bindConsumers(task)
                let find = view.findAtRecordTime(task)
                let isNullKey = nilTest(of: Key.self)
                let held = HeldRecords(
                    task,
                    rule.store,
                    key: key,
                    value: value,
                    grace: rule.grace,
                    site: ErrorSite(task.errors, node: joined.number)
                ) { key, value in
                    let row = isNullKey?(key) == true ? nil : try find(key)
                    try combine(value, row?.value) { try sink(key, $0) }
                }
                let counters = task.counters
                let isNullValue = nilTest(of: Value.self)
                let keepsNullKeys = rule.keepsNullKeys
                return { key, value in
                    let hasNoKey = isNullKey?(key) == true
                    if isNullValue?(value) == true || (hasNoKey && !keepsNullKeys) {
                        counters.pointee.drop(hasNoKey ? .nullKey : .nullValue)
                        return
                    }
                    if hasNoKey { return try held.letGo(key, value) }
                    try held.receive(key, value)
                }
            }
            // The table's changes end here: its rows are looked up.
        }
        return Stream(node: joined)
    }
}

/// What a join with a grace is, apart from its types.
@usableFromInline
struct GraceJoinRule: Sendable {
    @usableFromInline let word: String
    @usableFromInline let store: String
    /// In milliseconds.
    @usableFromInline let grace: Int64
    @usableFromInline let keepsNullKeys: Bool

    @usableFromInline
    init(word: String, store: String, grace: Duration, keepsNullKeys: Bool) {
        self.word = word
        self.store = store
        self.grace = grace.wholeMilliseconds
        self.keepsNullKeys = keepsNullKeys
        requireDeclared(self.grace >= 0, "\(store): grace is not negative")
    }
}
