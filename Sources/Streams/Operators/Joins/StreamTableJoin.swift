extension KeyedStream where Placement == ByKey {
    /// Combines each record with the table's row of its key, as it is when the record comes, or, of
    /// a table with a history, as it was at the record's time; records without one are left out.
    /// Changes of the table alone give no result.
    ///
    ///     orders.join(customers) { order, customer in Enriched(order, customer.tier) }
    ///
    /// A record whose value is null, or whose key is, is dropped and counted.
    @inlinable
    public func join<Row, Result>(
        _ table: Table<Key, Row>,
        _ combine: @escaping @Sendable (Value, Row) throws -> Result
    ) -> Stream<Key, Result> {
        joining("join", table, keepsNullKeys: false) { value, row, sink in
            if let row { try sink(try combine(value, row)) }
        }
    }

    /// Combines each record with the table's row of its key, or with nil. A record whose value is
    /// null is dropped and counted.
    @inlinable
    public func leftJoin<Row, Result>(
        _ table: Table<Key, Row>,
        _ combine: @escaping @Sendable (Value, Row?) throws -> Result
    ) -> Stream<Key, Result> {
        joining("leftJoin", table, keepsNullKeys: true) { value, row, sink in
            try sink(try combine(value, row))
        }
    }

    @inlinable
    func joining<Row, Result>(
        _ word: String,
        _ table: Table<Key, Row>,
        keepsNullKeys: Bool,
        _ combine: @escaping @Sendable (Value, Row?, (Result) throws -> Void) throws -> Void
    ) -> Stream<Key, Result> {
        let stream = node
        let joined = StreamNode<Key, Result>(
            kind: .stateless(word),
            parents: [stream, table.node]
        )
        let view = table.view
        joined.attach = { [unowned joined] in
            table.node.requestRows()
            stream.feed(joined) { task in
                let sink = joined.bindConsumers(task)
                let counters = task.counters
                let isNullKey = nilTest(of: Key.self)
                let isNullValue = nilTest(of: Value.self)
                let find = view.findAtRecordTime(task)
                return { key, value in
                    let hasNoKey = isNullKey?(key) == true
                    if isNullValue?(value) == true || (hasNoKey && !keepsNullKeys) {
                        counters.pointee.drop(hasNoKey && !keepsNullKeys ? .nullKey : .nullValue)
                        return
                    }
                    let row = hasNoKey ? nil : try find(key)
                    try combine(value, row?.value) { try sink(key, $0) }
                }
            }
            // The table's changes end here: its rows are looked up.
        }
        return Stream(node: joined)
    }
}

extension TableView {
    /// The lookup of a record of a stream: as of its time where the table has a history.
    @inlinable
    func findAtRecordTime(_ task: TaskBinding) -> Lookup {
        guard let find = bindAsOf?(task) else { return bind(task) }
        let record = task.record
        return { key in try find(key, record.pointee.timestamp) }
    }
}

extension KeyedStream where Placement == KeyChanged {
    /// Not without a repartition.
    @available(
        *,
        unavailable,
        message: "the key changed since the last topic: add .repartition(…) before join"
    )
    public func join<Row, Result>(
        _ table: Table<Key, Row>,
        _ combine: @escaping @Sendable (Value, Row) throws -> Result
    ) -> Stream<Key, Result> { preconditionFailure() }

    /// Not without a repartition.
    @available(
        *,
        unavailable,
        message: "the key changed since the last topic: add .repartition(…) before leftJoin"
    )
    public func leftJoin<Row, Result>(
        _ table: Table<Key, Row>,
        _ combine: @escaping @Sendable (Value, Row?) throws -> Result
    ) -> Stream<Key, Result> { preconditionFailure() }
}
