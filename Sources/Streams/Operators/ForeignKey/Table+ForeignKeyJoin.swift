extension Table {
    /// The rows of this table, each combined with the row of the other table whose key it names;
    /// rows that name none, or one that is not there, give none. Kept up to date by both tables.
    ///
    ///     orders.join(
    ///         customers,
    ///         foreignKey: { (order: Order) -> String? in order.customerID },
    ///         via: "order-customer",
    ///         key: .utf8,
    ///         otherKey: .utf8,
    ///         otherValue: .json(Customer.self)
    ///     ) { order, customer in Enriched(order, customer) }
    ///
    /// Requests for rows go through `<job>-<via>-subscription-repartition` to the other table's
    /// partition, and the rows come back through `<job>-<via>-response-repartition`. A response for
    /// a row that has changed meanwhile is passed over: another is on its way. A row without a
    /// foreign key is counted as dropped.
    ///
    /// The result keeps no rows. Where they are to be looked up, by a join, or gathered anew, by
    /// `groupBy`, `.materialized(store:key:value:)` comes first.
    ///
    /// - Parameters:
    ///   - foreignKey: the key of the other table that a row names; nil for none.
    ///   - name: names the topics, and the stores `<via>-foreign-keys` and `<via>-subscriptions`;
    ///     mandatory.
    @inlinable
    public func join<KeySerde: Serde, ForeignKeySerde: Serde, OtherSerde: Serde, Result>(
        _ other: Table<ForeignKeySerde.Value, OtherSerde.Value>,
        foreignKey: @escaping @Sendable (Value) throws -> ForeignKeySerde.Value?,
        via name: String,
        key: KeySerde,
        otherKey: ForeignKeySerde,
        otherValue: OtherSerde,
        _ combine: @escaping @Sendable (Value, OtherSerde.Value) throws -> Result
    ) -> Table<Key, Result> where KeySerde.Value == Key {
        join(
            other,
            foreignKeyWithKey: { _, row in try foreignKey(row) },
            via: name,
            key: key,
            otherKey: otherKey,
            otherValue: otherValue,
            combine
        )
    }

    /// The foreign-key `join` where a row names the other by its key and value together.
    @inlinable
    public func join<KeySerde: Serde, ForeignKeySerde: Serde, OtherSerde: Serde, Result>(
        _ other: Table<ForeignKeySerde.Value, OtherSerde.Value>,
        foreignKeyWithKey: @escaping @Sendable (Key, Value) throws -> ForeignKeySerde.Value?,
        via name: String,
        key: KeySerde,
        otherKey: ForeignKeySerde,
        otherValue: OtherSerde,
        _ combine: @escaping @Sendable (Value, OtherSerde.Value) throws -> Result
    ) -> Table<Key, Result> where KeySerde.Value == Key {
        let join = ForeignKeyJoin(name, isLeft: false, key, otherKey, otherValue)
        return join.table(self, other, foreignKeyWithKey) { row, other -> Result? in
            guard let other else { return nil }
            return try combine(row, other)
        }
    }

    /// Every row of this table, combined with the row of the other table whose key it names, or
    /// with nil. Else as the foreign-key `join`; no row is dropped.
    @inlinable
    public func leftJoin<KeySerde: Serde, ForeignKeySerde: Serde, OtherSerde: Serde, Result>(
        _ other: Table<ForeignKeySerde.Value, OtherSerde.Value>,
        foreignKey: @escaping @Sendable (Value) throws -> ForeignKeySerde.Value?,
        via name: String,
        key: KeySerde,
        otherKey: ForeignKeySerde,
        otherValue: OtherSerde,
        _ combine: @escaping @Sendable (Value, OtherSerde.Value?) throws -> Result
    ) -> Table<Key, Result> where KeySerde.Value == Key {
        leftJoin(
            other,
            foreignKeyWithKey: { _, row in try foreignKey(row) },
            via: name,
            key: key,
            otherKey: otherKey,
            otherValue: otherValue,
            combine
        )
    }

    /// The foreign-key `leftJoin` where a row names the other by its key and value together.
    @inlinable
    public func leftJoin<KeySerde: Serde, ForeignKeySerde: Serde, OtherSerde: Serde, Result>(
        _ other: Table<ForeignKeySerde.Value, OtherSerde.Value>,
        foreignKeyWithKey: @escaping @Sendable (Key, Value) throws -> ForeignKeySerde.Value?,
        via name: String,
        key: KeySerde,
        otherKey: ForeignKeySerde,
        otherValue: OtherSerde,
        _ combine: @escaping @Sendable (Value, OtherSerde.Value?) throws -> Result
    ) -> Table<Key, Result> where KeySerde.Value == Key {
        let join = ForeignKeyJoin(name, isLeft: true, key, otherKey, otherValue)
        return join.table(self, other, foreignKeyWithKey) { row, other -> Result? in
            try combine(row, other)
        }
    }

    /// The foreign-key `join` with the serdes that keys and rows have by default.
    @inlinable
    public func join<ForeignKey: DefaultSerde, Other: DefaultSerde, Result>(
        _ other: Table<ForeignKey, Other>,
        foreignKey: @escaping @Sendable (Value) throws -> ForeignKey?,
        via name: String,
        _ combine: @escaping @Sendable (Value, Other) throws -> Result
    ) -> Table<Key, Result> where Key: DefaultSerde {
        join(
            other,
            foreignKey: foreignKey,
            via: name,
            key: Key.defaultSerde,
            otherKey: ForeignKey.defaultSerde,
            otherValue: Other.defaultSerde,
            combine
        )
    }

    /// The foreign-key `join` by key and value with the serdes that keys and rows have by default.
    @inlinable
    public func join<ForeignKey: DefaultSerde, Other: DefaultSerde, Result>(
        _ other: Table<ForeignKey, Other>,
        foreignKeyWithKey: @escaping @Sendable (Key, Value) throws -> ForeignKey?,
        via name: String,
        _ combine: @escaping @Sendable (Value, Other) throws -> Result
    ) -> Table<Key, Result> where Key: DefaultSerde {
        join(
            other,
            foreignKeyWithKey: foreignKeyWithKey,
            via: name,
            key: Key.defaultSerde,
            otherKey: ForeignKey.defaultSerde,
            otherValue: Other.defaultSerde,
            combine
        )
    }

    /// The foreign-key `leftJoin` by key and value with the serdes that keys and rows have by
    /// default.
    @inlinable
    public func leftJoin<ForeignKey: DefaultSerde, Other: DefaultSerde, Result>(
        _ other: Table<ForeignKey, Other>,
        foreignKeyWithKey: @escaping @Sendable (Key, Value) throws -> ForeignKey?,
        via name: String,
        _ combine: @escaping @Sendable (Value, Other?) throws -> Result
    ) -> Table<Key, Result> where Key: DefaultSerde {
        leftJoin(
            other,
            foreignKeyWithKey: foreignKeyWithKey,
            via: name,
            key: Key.defaultSerde,
            otherKey: ForeignKey.defaultSerde,
            otherValue: Other.defaultSerde,
            combine
        )
    }

    /// The foreign-key `leftJoin` with the serdes that keys and rows have by default.
    @inlinable
    public func leftJoin<ForeignKey: DefaultSerde, Other: DefaultSerde, Result>(
        _ other: Table<ForeignKey, Other>,
        foreignKey: @escaping @Sendable (Value) throws -> ForeignKey?,
        via name: String,
        _ combine: @escaping @Sendable (Value, Other?) throws -> Result
    ) -> Table<Key, Result> where Key: DefaultSerde {
        leftJoin(
            other,
            foreignKey: foreignKey,
            via: name,
            key: Key.defaultSerde,
            otherKey: ForeignKey.defaultSerde,
            otherValue: Other.defaultSerde,
            combine
        )
    }
}
