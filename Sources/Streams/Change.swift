public import LogModel

/// What happened to a key of a table: the value it had and the value it has now, nil for none.
///
/// `old` is there only where something behind the table asked for it.
public struct Change<Value> {
    /// The value before; nil for a key without one, or where nobody asked for it.
    public let old: Value?
    /// The value from now on; nil for a key that was removed.
    public let new: Value?
    /// False for a change of a table with a history that is older than the key's newest version:
    /// `old` is then the newest version's value.
    public let isLatest: Bool

    @inlinable
    init(old: Value?, new: Value?, isLatest: Bool = true) {
        self.old = old
        self.new = new
        self.isLatest = isLatest
    }
}

extension Change: Sendable where Value: Sendable {}

/// A key's value in a table, with its timestamp.
@usableFromInline
struct TableRow<Value> {
    @usableFromInline let value: Value
    @usableFromInline let timestamp: Timestamp

    @inlinable
    init(value: Value, timestamp: Timestamp) {
        self.value = value
        self.timestamp = timestamp
    }
}

/// How a task looks up the rows of a table: in its store, or by what makes it of other tables.
@usableFromInline
struct TableView<Key, Value> {
    @usableFromInline typealias Lookup = (Key) throws -> TableRow<Value>?
    @usableFromInline let bind: (TaskBinding) -> Lookup
    /// The row as it was at a time: what a table with a history has beside its rows of now.
    @usableFromInline typealias LookupAsOf = (Key, Timestamp) throws -> TableRow<Value>?
    /// Nil for a table without a history.
    @usableFromInline let bindAsOf: ((TaskBinding) -> LookupAsOf)?

    @inlinable
    init(
        bind: @escaping (TaskBinding) -> Lookup,
        bindAsOf: ((TaskBinding) -> LookupAsOf)? = nil
    ) {
        self.bind = bind
        self.bindAsOf = bindAsOf
    }

    /// The same rows with other values; a row whose value becomes nil is not there.
    @inlinable
    func mapped<NewValue>(
        _ transform: @escaping (Key, Value) throws -> NewValue?
    ) -> TableView<Key, NewValue> {
        let bind = bind
        let map = { (key: Key, row: TableRow<Value>?) throws -> TableRow<NewValue>? in
            guard let row, let value = try transform(key, row.value) else { return nil }
            return TableRow<NewValue>(value: value, timestamp: row.timestamp)
        }
        return TableView<Key, NewValue>(
            bind: { task in
                let find = bind(task)
                return { key in try map(key, try find(key)) }
            },
            bindAsOf: bindAsOf.map { bindAsOf in
                { task in
                    let find = bindAsOf(task)
                    return { key, time in try map(key, try find(key, time)) }
                }
            }
        )
    }
}
