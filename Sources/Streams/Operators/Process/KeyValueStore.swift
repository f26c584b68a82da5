public import LogModel
public import Serdes
import StateStores

/// A processor's store of one value for each key.
///
/// Every change goes to the changelog in the transaction of the record in hand. A value has a
/// timestamp: that of the record in hand, unless another one is given.
///
/// In a store with `expiry:` a value ends as a table's row does. A put with an earlier timestamp
/// than the value had leaves the later one; one that is as old as values live is dropped, and
/// counted as late, where the key has no value.
public final class KeyValueStore<KeySerde: Serde, ValueSerde: Serde> {
    /// A key of the store.
    public typealias Key = KeySerde.Value
    /// A value of the store.
    public typealias Value = ValueSerde.Value
    /// What a range read calls; it returns whether to go on. It may read and change the store: what
    /// it changes ahead of the read is seen as changed.
    public typealias Body = (Key, Value) throws -> Bool

    @usableFromInline let key: KeySerde
    @usableFromInline let value: ValueSerde
    @usableFromInline let handle: StoreHandle
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    @usableFromInline let keyScratch = KeyScratch()
    @usableFromInline let valueScratch = KeyScratch()
    /// What changes values that end; nil where they do not.
    @usableFromInline let rows: ExpiringRows?
    private let name: String
    private let bounds = ScratchPool()

    init(
        _ task: TaskBinding,
        _ specification: StoreSpecification,
        _ key: KeySerde,
        _ value: ValueSerde
    ) {
        name = specification.name
        self.key = key
        self.value = value
        let handle = StoreHandle(task: task, store: name)
        self.handle = handle
        record = task.record
        // A processor is not told what has ended.
        rows = specification.expiry.map { ExpiringRows(handle, $0) { _, _, _ in } }
    }

    /// The value of a key; nil where there is none.
    @inlinable
    public func get(_ wanted: Key) throws -> Value? {
        guard let bytes = handle.bytes(try handle.slot(try encode(wanted))) else { return nil }
        return try decode(bytes)
    }

    /// The value of a key with its timestamp; nil where there is none.
    @inlinable
    public func getWithTimestamp(_ wanted: Key) throws -> (value: Value, timestamp: Timestamp)? {
        let slot = try handle.slot(try encode(wanted))
        guard let bytes = handle.bytes(slot) else { return nil }
        return (try decode(bytes), handle.timestamp(slot))
    }

    /// Changes the value of a key; nil (or what its serde writes as null) removes it.
    ///
    /// - Parameter timestamp: that of the record in hand if nil.
    @inlinable
    public func put(_ newKey: Key, _ newValue: Value?, at timestamp: Timestamp? = nil) throws {
        let timestamp = timestamp ?? record.pointee.timestamp
        if let rows { return try put(newKey, newValue, at: timestamp, to: rows) }
        var bytes: UnsafeRawBufferPointer?
        if let newValue, !value.isNull(newValue) {
            valueScratch.sink.pointee.removeAll()
            try value.encode(newValue, into: &valueScratch.sink.pointee)
            bytes = valueScratch.bytes
        }
        try handle.put(key: try encode(newKey), value: bytes, timestamp: timestamp)
    }

    @usableFromInline
    func put(
        _ newKey: Key,
        _ newValue: Value?,
        at timestamp: Timestamp,
        to rows: ExpiringRows
    ) throws {
        let keyBytes = try encode(newKey)
        let slot = try handle.slot(keyBytes)
        var sink: UnsafeMutablePointer<ByteSink>?
        if let newValue, !value.isNull(newValue) {
            guard handle.bytes(slot) != nil || !rows.isEnded(timestamp) else {
                return handle.task.counters.pointee.drop(.late)
            }
            valueScratch.sink.pointee.removeAll()
            // Room for the twin's time.
            valueScratch.sink.pointee.append(time: 0)
            try value.encode(newValue, into: &valueScratch.sink.pointee)
            sink = valueScratch.sink
        }
        try rows.put(slot, key: keyBytes, value: sink, timestamp: timestamp)
    }

    /// Puts a value only where the key has none; returns the one that it had.
    @inlinable
    public func putIfAbsent(_ newKey: Key, _ newValue: Value) throws -> Value? {
        if let known = try get(newKey) { return known }
        try put(newKey, newValue)
        return nil
    }

    /// Removes a key; returns the value that it had.
    @inlinable
    @discardableResult
    public func remove(_ oldKey: Key) throws -> Value? {
        guard let known = try get(oldKey) else { return nil }
        try put(oldKey, nil)
        return known
    }

    @inlinable
    func encode(_ newKey: Key) throws -> UnsafeRawBufferPointer {
        if key.isNull(newKey) { throw ProcessorError("a null key has no place in a store") }
        keyScratch.sink.pointee.removeAll()
        if rows != nil { keyScratch.sink.pointee.append(KeySpace.entry) }
        try key.encode(newKey, into: &keyScratch.sink.pointee)
        return keyScratch.bytes
    }

    @inlinable
    func decode(_ stored: UnsafeRawBufferPointer) throws -> Value {
        try value.decode(rows == nil ? stored : ExpiringRows.value(of: stored))
    }

    // MARK: Ranges

    /// Calls `body` with every key from `first` through `last` (nil: unbounded), in the order of
    /// the keys' bytes, until it returns false. The order of bytes is not always that of values: of
    /// integers, the negative ones come last.
    public func range(
        from first: Key? = nil,
        through last: Key? = nil,
        isReversed: Bool = false,
        _ body: Body
    ) throws {
        try withBounds { from, to in
            if let first { try key.encode(first, into: &from.sink.pointee) }
            if let last {
                try key.encode(last, into: &to.sink.pointee)
                // The first key behind it.
                to.sink.pointee.append(0)
            }
            let end = last == nil ? endOfAll(to) : to.bytes
            if let end, !from.bytes.lexicographicallyPrecedes(end) { return }
            try walk(from.bytes, end, isReversed, body)
        }
    }

    /// Calls `body` with every key whose bytes begin with those of `prefix`, in the order of their
    /// bytes, until it returns false.
    public func range<Prefix: Serde>(
        prefix: Prefix.Value,
        as serde: Prefix,
        isReversed: Bool = false,
        _ body: Body
    ) throws {
        try withBounds { from, to in
            try serde.encode(prefix, into: &from.sink.pointee)
            // The first key behind all that begin so: the last byte that can be is one more.
            let first = from.bytes
            let end = first.lastIndex { $0 < 255 }
            to.sink.pointee.removeAll()
            if let end {
                to.sink.pointee.append(contentsOf: UnsafeRawBufferPointer(rebasing: first[..<end]))
                to.sink.pointee.append(first[end] + 1)
            }
            try walk(first, end == nil ? nil : to.bytes, isReversed, body)
        }
    }

    /// Two empty bounds, or with what is in front of the keys of values that end.
    private func withBounds(_ body: (_ from: KeyScratch, _ to: KeyScratch) throws -> Void) throws {
        try bounds.withBounds { from, to in
            if rows != nil {
                from.sink.pointee.append(KeySpace.entry)
                to.sink.pointee.append(KeySpace.entry)
            }
            try body(from, to)
        }
    }

    /// The end of all keys, put together in `to`; nil for that of the store.
    private func endOfAll(_ to: KeyScratch) -> UnsafeRawBufferPointer? {
        guard rows != nil else { return nil }
        to.sink.pointee.removeAll()
        to.sink.pointee.append(KeySpace.byTime)
        return to.bytes
    }

    private func walk(
        _ from: UnsafeRawBufferPointer,
        _ to: UnsafeRawBufferPointer?,
        _ isReversed: Bool,
        _ body: Body
    ) throws {
        guard handle.store.isOrdered else {
            throw ProcessorError(
                "the store \"\(name)\" has no order: declare it without isOrdered: false"
            )
        }
        let keyStart = rows == nil ? 0 : 1
        try handle.store.range(from: from, to: to, isReversed: isReversed) { keyBytes, bytes, _ in
            try body(try key.decode(keyBytes.from(keyStart)), try decode(bytes))
        }
    }
}

extension Store {
    /// A store of one value for each key.
    ///
    /// - Parameter isOrdered: false for a store that is never read in ranges, which then needs less
    ///   memory and time for new keys.
    public static func keyValue<KeySerde: Serde, ValueSerde: Serde>(
        _ name: String,
        key: KeySerde,
        value: ValueSerde,
        isOrdered: Bool = true
    ) -> Store where Handle == KeyValueStore<KeySerde, ValueSerde> {
        let format = RecordFormat("keyValue", key, value)
        return Store(name, isOrdered ? .orderedKeyValue : .keyValue, format) { task, store in
            KeyValueStore(task, store, key, value)
        }
    }

    /// A store of one value for each key, in order, whose values end when they are not put again.
    ///
    /// - Parameter expiry: how long a value lives, from the newest timestamp that it was put with.
    ///   It leaves the store and its changelog before a record of that time is handled, and the
    ///   processor is not told.
    public static func keyValue<KeySerde: Serde, ValueSerde: Serde>(
        _ name: String,
        key: KeySerde,
        value: ValueSerde,
        expiry: Expiry
    ) -> Store where Handle == KeyValueStore<KeySerde, ValueSerde> {
        Store(StoreSpecification(name, key: key, value: value, expiry: expiry)) { task, store in
            KeyValueStore(task, store, key, value)
        }
    }
}
