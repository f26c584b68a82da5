public import LogModel
import StateStores

/// The left side of a foreign-key join in one task: which right row each left row asks for, and by
/// which of its changes.
///
/// An entry of its store is 1 and the key; its value is the number of the change (8 bytes,
/// big-endian), flags, and the bytes of the foreign key. A row without a foreign key has none, but
/// for the time until its last answer has come.
///
/// A response counts if it is for the last change of its row. As others are passed over, a row of
/// an inner join whose result may be out asks for an answer in any case: that there is a right row
/// no more may have been told in one that was passed over.
@usableFromInline
final class ForeignKeyRows<KeySerde: Serde, ForeignKeySerde: Serde> {
    @usableFromInline typealias Send = (ForeignKeySerde.Value, Subscription) throws -> Void

    /// The flags of an entry.
    private enum Flag {
        /// The row may have a result.
        static var result: UInt8 { 1 }
        /// The row asks for a right row.
        static var foreignKey: UInt8 { 2 }
    }

    private let handle: StoreHandle
    private let clock: WindowClock
    private let key: KeySerde
    private let foreignKey: ForeignKeySerde
    private let isLeftJoin: Bool
    private let entryKey = KeyScratch()
    private let entry = KeyScratch()
    private let former = KeyScratch()

    @usableFromInline
    init(
        _ task: TaskBinding,
        _ store: String,
        key: KeySerde,
        foreignKey: ForeignKeySerde,
        isLeftJoin: Bool
    ) {
        handle = StoreHandle(task: task, store: store)
        clock = WindowClock(handle)
        self.key = key
        self.foreignKey = foreignKey
        self.isLeftJoin = isLeftJoin
    }

    /// Takes note of a change of a left row, and sends what it asks for. `new` is the foreign key
    /// of the row as it is now, nil for a row that has none or is removed. Such a row is answered
    /// in an inner join only, so that its result goes; a left join gives its result without asking.
    @usableFromInline
    func receive(
        _ rowKey: KeySerde.Value,
        _ new: ForeignKeySerde.Value?,
        at time: Timestamp,
        _ send: Send
    ) throws {
        let time = max(time, Timestamp(0))
        let slot = try find(rowKey)
        var old: ForeignKeySerde.Value?
        var flags: UInt8 = 0
        former.sink.pointee.removeAll()
        if let bytes = handle.bytes(slot), bytes.count >= 9 {
            flags = bytes[8]
            former.sink.pointee.append(contentsOf: bytes.from(9))
            if flags & Flag.foreignKey != 0 { old = try foreignKey.decode(former.bytes) }
        }
        if new == nil, old == nil { return }
        let change = clock.nextSequence()
        func message(_ request: Subscription.Request) -> Subscription {
            Subscription(
                request: request,
                change: change,
                partition: UInt32(bitPattern: handle.partition.rawValue),
                key: entryKey.bytes.from(1)
            )
        }
        entry.sink.pointee.removeAll()
        entry.sink.pointee.append(time: change)
        entry.sink.pointee.append(flags & Flag.result | (new == nil ? 0 : Flag.foreignKey))
        if let new { try foreignKey.encode(new, into: &entry.sink.pointee) }
        let isForgotten = new == nil && isLeftJoin
        let value = isForgotten ? nil : entry.bytes
        try handle.put(key: entryKey.bytes, value: value, timestamp: time)
        guard let new else {
            if let old { try send(old, message(isLeftJoin ? .remove : .removeAndAnswer)) }
            return
        }
        let isSame = old != nil && former.bytes.elementsEqual(entry.bytes.from(9))
        if let old, !isSame { try send(old, message(.remove)) }
        let mayHaveResult = flags & Flag.result != 0 || (old != nil && !isSame)
        try send(new, message(isLeftJoin || mayHaveResult ? .keepAndAnswer : .keep))
    }

    /// Whether a response is for the row as it is now, and not for one of its earlier states. Takes
    /// note of whether the row has a result.
    @usableFromInline
    func accepts<Value>(
        _ response: Response<Value>,
        of rowKey: KeySerde.Value,
        at time: Timestamp
    ) throws -> Bool {
        let slot = try find(rowKey)
        guard let bytes = handle.bytes(slot), bytes.count >= 9,
            bytes.time(at: 0) == response.change
        else { return false }
        if isLeftJoin { return true }
        let time = max(time, Timestamp(0))
        if response.endsSubscription {
            try handle.put(slot, key: entryKey.bytes, value: nil, timestamp: time)
            return true
        }
        let flags = Flag.foreignKey | (response.value == nil ? 0 : Flag.result)
        if bytes[8] != flags {
            entry.sink.pointee.removeAll()
            entry.sink.pointee.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<8]))
            entry.sink.pointee.append(flags)
            entry.sink.pointee.append(contentsOf: bytes.from(9))
            try handle.put(slot, key: entryKey.bytes, value: entry.bytes, timestamp: time)
        }
        return true
    }

    private func find(_ rowKey: KeySerde.Value) throws -> KeyValueTable.Slot {
        entryKey.sink.pointee.removeAll()
        entryKey.sink.pointee.append(KeySpace.entry)
        try key.encode(rowKey, into: &entryKey.sink.pointee)
        return try handle.slot(entryKey.bytes)
    }
}

/// The right side of a foreign-key join in one task: which left rows ask for which right row.
///
/// A key of its store is the escaped foreign key and the key of a left row; the value is the number
/// of that row's change (8 bytes, big-endian) and its partition (4).
@usableFromInline
final class Subscriptions<ForeignKeySerde: Serde> {
    private let handle: StoreHandle
    private let keys: EscapedKeys<ForeignKeySerde>
    private let entryKey = KeyScratch()
    private let end = KeyScratch()
    private let entry = KeyScratch()

    @usableFromInline
    init(_ task: TaskBinding, _ store: String, foreignKey: ForeignKeySerde) {
        handle = StoreHandle(task: task, store: store)
        keys = EscapedKeys(foreignKey)
    }

    /// Keeps or removes a subscription to the row of a key.
    @usableFromInline
    func take(
        _ subscription: Subscription,
        to foreignKey: ForeignKeySerde.Value,
        at time: Timestamp
    ) throws {
        let time = max(time, Timestamp(0))
        entryKey.sink.pointee.removeAll()
        entryKey.sink.pointee.append(contentsOf: try keys.bytes(of: foreignKey))
        entryKey.sink.pointee.append(contentsOf: subscription.key)
        switch subscription.request {
        case .keep, .keepAndAnswer:
            entry.sink.pointee.removeAll()
            entry.sink.pointee.append(time: subscription.change)
            entry.sink.pointee.append(bigEndian: subscription.partition)
            try handle.put(key: entryKey.bytes, value: entry.bytes, timestamp: time)
        case .remove, .removeAndAnswer:
            try handle.put(key: entryKey.bytes, value: nil, timestamp: time)
        }
    }

    /// Calls `body` with every left row that asks for the row of a key, in the order of their keys.
    @usableFromInline
    func forEach(
        of foreignKey: ForeignKeySerde.Value,
        _ body: (
            _ key: UnsafeRawBufferPointer, _ change: Int64, _ partition: UInt32
        ) throws -> Void
    ) throws {
        let prefix = try keys.bytes(of: foreignKey)
        end.sink.pointee.removeAll()
        // An escaped key ends with 0 0, and 0 1 is in none.
        end.sink.pointee.append(contentsOf: UnsafeRawBufferPointer(rebasing: prefix.dropLast()))
        end.sink.pointee.append(1)
        try handle.store.range(from: prefix, to: end.bytes) { key, value, _ in
            guard value.count >= 12 else { return true }
            let partition = value.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
            try body(key.from(prefix.count), value.time(at: 0), UInt32(bigEndian: partition))
            return true
        }
    }
}
