public import LogModel
public import Serdes
import StateStores

/// A processor's store of one value for each key.
///
/// Every change goes to the changelog in the transaction of the record in hand. A value has a
/// timestamp: that of the record in hand, unless another one is given.
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
    private let name: String
    private let bounds = ScratchPool()

    @usableFromInline
    init(_ task: TaskBinding, _ name: String, _ key: KeySerde, _ value: ValueSerde) {
        self.name = name
        self.key = key
        self.value = value
        handle = StoreHandle(task: task, store: name)
        record = task.record
    }

    /// The value of a key; nil where there is none.
    @inlinable
    public func get(_ wanted: Key) throws -> Value? {
        guard let bytes = handle.bytes(try handle.slot(try encode(wanted))) else { return nil }
        return try value.decode(bytes)
    }

    /// The value of a key with its timestamp; nil where there is none.
    @inlinable
    public func getWithTimestamp(_ wanted: Key) throws -> (value: Value, timestamp: Timestamp)? {
        let slot = try handle.slot(try encode(wanted))
        guard let bytes = handle.bytes(slot) else { return nil }
        return (try value.decode(bytes), handle.timestamp(slot))
    }

    /// Changes the value of a key; nil (or what its serde writes as null) removes it.
    ///
    /// - Parameter timestamp: that of the record in hand if nil.
    @inlinable
    public func put(_ newKey: Key, _ newValue: Value?, at timestamp: Timestamp? = nil) throws {
        var bytes: UnsafeRawBufferPointer?
        if let newValue, !value.isNull(newValue) {
            valueScratch.sink.pointee.removeAll()
            try value.encode(newValue, into: &valueScratch.sink.pointee)
            bytes = valueScratch.bytes
        }
        try handle.put(
            key: try encode(newKey),
            value: bytes,
            timestamp: timestamp ?? record.pointee.timestamp
        )
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
        try key.encode(newKey, into: &keyScratch.sink.pointee)
        return keyScratch.bytes
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
        try bounds.withBounds { from, to in
            if let first { try key.encode(first, into: &from.sink.pointee) }
            if let last {
                try key.encode(last, into: &to.sink.pointee)
                // The first key behind it.
                to.sink.pointee.append(0)
            }
            let end = last == nil ? nil : to.bytes
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
        try bounds.withBounds { from, to in
            try serde.encode(prefix, into: &from.sink.pointee)
            // The first key behind all that begin so: the last byte that can be is one more.
            let first = from.bytes
            let end = first.lastIndex { $0 < 255 }
            if let end {
                to.sink.pointee.append(contentsOf: UnsafeRawBufferPointer(rebasing: first[..<end]))
                to.sink.pointee.append(first[end] + 1)
            }
            try walk(first, end == nil ? nil : to.bytes, isReversed, body)
        }
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
        try handle.store.range(from: from, to: to, isReversed: isReversed) { keyBytes, bytes, _ in
            try body(try key.decode(keyBytes), try value.decode(bytes))
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
        return Store(name, isOrdered ? .orderedKeyValue : .keyValue, format) { task, _ in
            KeyValueStore(task, name, key, value)
        }
    }
}
