public import LogModel

/// What happened to a key of a table: the value it had and the value it has now, nil for none.
///
/// `old` is there only where something behind the table asked for it.
public struct Change<Value> {
    /// The value before; nil for a key without one, or where nobody asked for it.
    public let old: Value?
    /// The value from now on; nil for a key that was removed.
    public let new: Value?

    @inlinable
    init(old: Value?, new: Value?) {
        self.old = old
        self.new = new
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

    @inlinable
    init(bind: @escaping (TaskBinding) -> Lookup) { self.bind = bind }

    /// The same rows with other values; a row whose value becomes nil is not there.
    @inlinable
    func mapped<NewValue>(
        _ transform: @escaping (Key, Value) throws -> NewValue?
    ) -> TableView<Key, NewValue> {
        let bind = bind
        return TableView<Key, NewValue> { task in
            let find = bind(task)
            return { key in
                guard let row = try find(key) else { return nil }
                return try transform(key, row.value)
                    .map { TableRow(value: $0, timestamp: row.timestamp) }
            }
        }
    }
}
