public import LogModel
import StateStores

extension GroupedTable {
    /// The values of each key with the largest scores, of all rows that are there now: the largest
    /// first, of equal ones in the order of their bytes. A row that leaves makes room for the next;
    /// a change that leaves the list as it is hands nothing on; no list remains where the last row
    /// leaves.
    ///
    ///     players
    ///         .groupBy(via: "by-country", key: .utf8, value: .json(Player.self)) { _, player in
    ///             (player.country, player)
    ///         }
    ///         .top(10, by: \.points, store: "leaders")
    ///
    /// The store holds all rows, in the order of their scores; a row has at most 64 KiB.
    ///
    /// - Parameters:
    ///   - limit: how many values a list has, at least 1.
    ///   - store: names the store and its changelog; mandatory.
    @inlinable
    public func top<Score: TopScore>(
        _ limit: Int,
        by score: @escaping @Sendable (ValueSerde.Value) throws -> Score,
        store: String
    ) -> Table<KeySerde.Value, [ValueSerde.Value]> {
        let ranking = TopRanking(limit: limit, score)
        let (keySerde, valueSerde) = (key, value)
        let format = RecordFormat("top", keySerde, ListSerde(of: valueSerde))
        let node = StreamNode<KeySerde.Value, Change<[ValueSerde.Value]>>(
            kind: .stateful("top", stores: [StoreSpecification(store, .orderedKeyValue, format)]),
            from: node
        ) { sink, task, site in
            let rows = TopRows(task, store, key: keySerde, value: valueSerde, limit: limit)
            let record = task.record
            return { key, change in
                // A row that was left out when it came has nothing to take back; one that is left
                // out now takes back what it replaces.
                let old = change.old.flatMap { row in
                    (try? ranking.bits(of: row)).map { (row, $0) }
                }
                let new = try change.new.flatMap { row in
                    try site.attempt { (row, try ranking.bits(of: row)) }
                }
                let list = try site.attempt { try rows.change(key, from: old, to: new) } ?? nil
                guard let list else { return }
                let ownTime = record.pointee.timestamp
                record.pointee.timestamp = list.timestamp
                try sink(key, list.change)
                record.pointee.timestamp = ownTime
            }
        }
        let view = TableView<KeySerde.Value, [ValueSerde.Value]> { task in
            let rows = TopRows(task, store, key: keySerde, value: valueSerde, limit: limit)
            return { key in try rows.list(of: key) }
        }
        return Table(node: node, view: view)
    }
}

/// The rows of a table by key and score, and the list of each key.
///
/// A row is 1, the key (escaped), the score's bits upside down, the bytes of its value; its value
/// is how many rows are so, 8 bytes. A list is 3, the key (escaped).
@usableFromInline
final class TopRows<KeySerde: Serde, ValueSerde: Serde> {
    @usableFromInline typealias List = [ValueSerde.Value]
    @usableFromInline typealias Row = (value: ValueSerde.Value, score: UInt64)

    private let handle: StoreHandle
    private let keys: EscapedKeys<KeySerde>
    private let serde: ListSerde<ValueSerde>
    private let limit: Int
    private let removed = KeyScratch()
    private let added = KeyScratch()
    private let count = KeyScratch()
    private let from = KeyScratch()
    private let to = KeyScratch()
    private let listKey = KeyScratch()
    private let newList = KeyScratch()

    @usableFromInline
    init(
        _ task: TaskBinding,
        _ store: String,
        key: KeySerde,
        value: ValueSerde,
        limit: Int
    ) {
        handle = StoreHandle(task: task, store: store)
        keys = EscapedKeys(key)
        serde = ListSerde(of: value)
        self.limit = limit
    }

    /// Takes one row out and another one in; the change of the key's list, if that is another one.
    @usableFromInline
    func change(
        _ key: KeySerde.Value,
        from old: Row?,
        to new: Row?
    ) throws -> (change: Change<List>, timestamp: Timestamp)? {
        let escaped = try keys.bytes(of: key)
        // What can fail does so before anything has changed.
        if let old { try begin(removed, escaped, old) }
        if let new { try begin(added, escaped, new) }
        let ownTime = handle.task.record.pointee.timestamp
        if old != nil { try add(-1, to: removed, at: ownTime) }
        if new != nil { try add(1, to: added, at: ownTime) }
        let values = try largest(of: escaped)
        newList.sink.pointee.removeAll()
        try serde.encode(values, into: &newList.sink.pointee)
        beginList(of: escaped)
        let slot = try handle.slot(listKey.bytes)
        let known = handle.bytes(slot)
        guard values.isEmpty ? known != nil : known.map(isNewList) != true else { return nil }
        let oldList = try known.map(serde.decode)
        let time = known == nil ? ownTime : max(ownTime, handle.timestamp(slot))
        try handle.put(
            slot,
            key: listKey.bytes,
            value: values.isEmpty ? nil : newList.bytes,
            timestamp: time
        )
        return (Change(old: oldList, new: values.isEmpty ? nil : values), time)
    }

    /// The list of a key; nil for none.
    @usableFromInline
    func list(of key: KeySerde.Value) throws -> TableRow<List>? {
        if keys.serde.isNull(key) { return nil }
        beginList(of: try keys.bytes(of: key))
        let slot = try handle.slot(listKey.bytes)
        guard let bytes = handle.bytes(slot) else { return nil }
        return TableRow(value: try serde.decode(bytes), timestamp: handle.timestamp(slot))
    }

    private func isNewList(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.elementsEqual(newList.bytes)
    }

    private func begin(
        _ scratch: KeyScratch,
        _ escaped: UnsafeRawBufferPointer,
        _ row: Row
    ) throws {
        scratch.sink.pointee.removeAll()
        scratch.sink.pointee.append(KeySpace.entry)
        scratch.sink.pointee.append(contentsOf: escaped)
        scratch.sink.pointee.append(bigEndian: ~row.score)
        try serde.element.encode(row.value, into: &scratch.sink.pointee)
        try handle.requireShort(scratch.bytes)
    }

    private func beginList(of escaped: UnsafeRawBufferPointer) {
        listKey.sink.pointee.removeAll()
        listKey.sink.pointee.append(KeySpace.latest)
        listKey.sink.pointee.append(contentsOf: escaped)
    }

    private func add(_ difference: Int64, to row: KeyScratch, at time: Timestamp) throws {
        let slot = try handle.slot(row.bytes)
        let known = try handle.bytes(slot).map(Int64Serde().decode) ?? 0
        // A row that is not there cannot leave.
        guard known > 0 || difference > 0 else { return }
        count.sink.pointee.removeAll()
        count.sink.pointee.append(bigEndian: known &+ difference)
        let isGone = known &+ difference == 0
        try handle.put(
            slot,
            key: row.bytes,
            value: isGone ? nil : count.bytes,
            timestamp: max(time, Timestamp(0))
        )
    }

    private func largest(of escaped: UnsafeRawBufferPointer) throws -> List {
        from.sink.pointee.removeAll()
        from.sink.pointee.append(KeySpace.entry)
        from.sink.pointee.append(contentsOf: escaped)
        // The two zeros that end a key are the last bytes: behind them is what begins with 0 1.
        to.sink.pointee.removeAll()
        to.sink.pointee.append(
            contentsOf: UnsafeRawBufferPointer(rebasing: from.bytes[..<(from.bytes.count - 1)])
        )
        to.sink.pointee.append(1)
        let start = from.bytes.count + 8
        var values: List = []
        try handle.store.range(from: from.bytes, to: to.bytes) { key, bytes, _ in
            guard key.count >= start else { return true }
            let value = try serde.element.decode(key.from(start))
            let alike = Int(clamping: try Int64Serde().decode(bytes))
            let room = limit - values.count
            values.append(contentsOf: repeatElement(value, count: min(max(0, alike), room)))
            return values.count < limit
        }
        return values
    }
}
