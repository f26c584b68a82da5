import LogModel
import StateStores

/// The latest value of each key of a whole topic, in every task: what records are joined with
/// whatever partition they lie in.
public struct GlobalTable<Key, Value> {
    @usableFromInline let node: AnyNode
    @usableFromInline let view: TableView<Key, Value>

    @inlinable
    init(node: AnyNode, view: TableView<Key, Value>) {
        self.node = node
        self.view = view
    }
}

extension StreamJob {
    /// A whole topic as a table for every task: small reference data that streams are joined with
    /// by any key. Each stream thread keeps a copy in a store of its own. A null value removes the
    /// key; records with a null key are dropped and counted.
    ///
    ///     let countries = globalTable(Topics.countries, store: "countries")
    ///
    /// What is committed in the topic when the job starts is read before the first record of a
    /// stream; from then on changes are read between records, outside the job's transactions.
    ///
    /// - Parameter store: names the store; mandatory. It has no changelog: that is the topic.
    @inlinable
    public func globalTable<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>,
        store: String
    ) -> GlobalTable<KeySerde.Value, ValueSerde.Value> {
        let node = GlobalTableNode(
            kind: .globalTable(
                topic: topic.name,
                key: KeySerde.name,
                value: ValueSerde.name,
                store: store
            )
        ) { rawKey, rawValue in
            do { _ = try topic.key.decode(rawKey) } catch {
                throw DecodeFailure(part: "key", serde: KeySerde.name, error: error)
            }
            guard let rawValue else { return }
            do { _ = try topic.value.decode(rawValue) } catch {
                throw DecodeFailure(part: "value", serde: ValueSerde.name, error: error)
            }
        }
        return GlobalTable(
            node: node,
            view: TableView { task in
                let rows = GlobalRows(task, store)
                return { key in
                    if topic.key.isNull(key) { return nil }
                    return try rows.row(
                        { try topic.key.encode(key, into: &$0) },
                        topic.value.decode
                    )
                }
            }
        )
    }
}

/// The source of a global table: no task reads it, every thread does.
@usableFromInline
final class GlobalTableNode: AnyNode {
    /// Throws a `DecodeFailure` for a record that the table's serdes refuse.
    let check: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) throws -> Void

    @usableFromInline
    init(
        kind: OperatorKind,
        check: @escaping (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) throws -> Void
    ) {
        self.check = check
        super.init(kind: kind, parents: [])
    }
}

/// How the tasks of a thread look up the rows of its copy of a global table.
@usableFromInline
final class GlobalRows {
    private let store: StateStore
    private let key = KeyScratch()

    @usableFromInline
    init(_ task: TaskBinding, _ name: String) { store = task.globalStore(named: name) }

    /// The row of the key that `encode` writes.
    @usableFromInline
    func row<Value>(
        _ encode: (inout ByteSink) throws -> Void,
        _ read: (UnsafeRawBufferPointer) throws -> Value
    ) throws -> TableRow<Value>? {
        key.sink.pointee.removeAll()
        key.sink.pointee.append(GlobalTableKey.row)
        try encode(&key.sink.pointee)
        let slot = try store.slot(for: key.bytes)
        guard let bytes = store.table.pointee.value(slot) else { return nil }
        return TableRow(value: try read(bytes), timestamp: store.table.pointee.timestamp(slot))
    }
}

/// The first byte of the keys of a global table's store.
public enum GlobalTableKey {
    /// How far a partition of the topic was read.
    public static let position = KeySpace.clock
    /// A row; the key's bytes follow.
    public static let row = KeySpace.entry
}

extension KeyedStream {
    /// Combines each record with the row of the global table whose key `key` makes of it, as the
    /// row is when the record comes; records without one are left out.
    ///
    ///     orders.join(countries, key: { _, order in order.country }) { order, country in
    ///         Located(order, country)
    ///     }
    ///
    /// A record whose value is null, or for which `key` gives nil, is dropped and counted; its own
    /// key may be null. Headers and timestamp are the record's.
    @inlinable
    public func join<RowKey, Row, Result>(
        _ table: GlobalTable<RowKey, Row>,
        key rowKey: @escaping @Sendable (Key, Value) throws -> RowKey?,
        _ combine: @escaping @Sendable (Value, Row) throws -> Result
    ) -> KeyedStream<Key, Result, Placement> {
        joining("join", table, rowKey, keepsNullKeys: false) { value, row, sink in
            if let row { try sink(try combine(value, row)) }
        }
    }

    /// Combines each record with the row of the global table whose key `key` makes of it, or with
    /// nil. A record whose value is null is dropped and counted.
    @inlinable
    public func leftJoin<RowKey, Row, Result>(
        _ table: GlobalTable<RowKey, Row>,
        key rowKey: @escaping @Sendable (Key, Value) throws -> RowKey?,
        _ combine: @escaping @Sendable (Value, Row?) throws -> Result
    ) -> KeyedStream<Key, Result, Placement> {
        joining("leftJoin", table, rowKey, keepsNullKeys: true) { value, row, sink in
            try sink(try combine(value, row))
        }
    }

    @inlinable
    func joining<RowKey, Row, Result>(
        _ word: String,
        _ table: GlobalTable<RowKey, Row>,
        _ rowKey: @escaping @Sendable (Key, Value) throws -> RowKey?,
        keepsNullKeys: Bool,
        _ combine: @escaping @Sendable (Value, Row?, (Result) throws -> Void) throws -> Void
    ) -> KeyedStream<Key, Result, Placement> {
        let stream = node
        let joined = StreamNode<Key, Result>(
            kind: .stateless(word),
            parents: [stream, table.node]
        )
        let view = table.view
        joined.attach = { [unowned joined] in
            stream.consumers.append { task in
                let sink = joined.bindConsumers(task)
                let counters = task.counters
                let isNullKey = nilTest(of: RowKey.self)
                let isNullValue = nilTest(of: Value.self)
                let find = view.bind(task)
                return { key, value in
                    if isNullValue?(value) == true {
                        counters.pointee.recordsDropped &+= 1
                        return
                    }
                    guard let wanted = try rowKey(key, value), isNullKey?(wanted) != true else {
                        guard keepsNullKeys else {
                            counters.pointee.recordsDropped &+= 1
                            return
                        }
                        return try combine(value, nil) { try sink(key, $0) }
                    }
                    let row = try find(wanted)
                    try combine(value, row?.value) { try sink(key, $0) }
                }
            }
        }
        return KeyedStream<Key, Result, Placement>(node: joined)
    }
}
