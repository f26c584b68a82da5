public import LogModel
import StateStores

/// The keys of a store whose entries have a key and a time.
///
/// An entry is 1, the key (escaped), the time and a second number, 8 bytes each: in the order of
/// the keys, then of the times. Its twin for finding it by time is 2, the time, the second number,
/// the key, with an empty value.
@usableFromInline
enum TimedKey {
    /// The two numbers behind a key.
    @usableFromInline static let suffixByteCount = 16

    @inlinable
    static func isEntry(_ key: UnsafeRawBufferPointer) -> Bool {
        key.count >= 1 + 2 + suffixByteCount && key[0] == KeySpace.entry
    }

    /// The escaped key of an entry.
    @inlinable
    static func escapedKey(ofEntry entry: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: entry[1..<(entry.count - suffixByteCount)])
    }

    @inlinable
    static func appendTimeKey(of entry: UnsafeRawBufferPointer, to sink: inout ByteSink) {
        sink.append(KeySpace.byTime)
        sink.append(contentsOf: entry.from(entry.count - suffixByteCount))
        sink.append(contentsOf: escapedKey(ofEntry: entry))
    }

    @inlinable
    static func appendEntry(ofTimeKey key: UnsafeRawBufferPointer, to sink: inout ByteSink) {
        sink.append(KeySpace.entry)
        sink.append(contentsOf: key.from(1 + suffixByteCount))
        sink.append(contentsOf: UnsafeRawBufferPointer(rebasing: key[1..<(1 + suffixByteCount)]))
    }
}

/// A store whose entries have a key and a time, as sliding windows, sessions and joins keep them:
/// read by key over a range of times, and over all keys by time.
@usableFromInline
final class TimedStore {
    @usableFromInline let handle: StoreHandle
    @usableFromInline let entryKey = KeyScratch()
    @usableFromInline let timeKey = KeyScratch()
    @usableFromInline let from = KeyScratch()
    @usableFromInline let to = KeyScratch()
    /// No entry has a time before this one.
    @usableFromInline var earliest = Int64.min

    @usableFromInline
    init(_ handle: StoreHandle) {
        self.handle = handle
        handle.task.hooks.onRewind { [unowned self] in earliest = .min }
    }

    /// Puts a value for an escaped key and time; nil removes it.
    @usableFromInline
    func put(
        escapedKey: UnsafeRawBufferPointer,
        time: Int64,
        second: Int64,
        value: UnsafeRawBufferPointer?,
        timestamp: Timestamp
    ) throws {
        entryKey.sink.pointee.removeAll()
        entryKey.sink.pointee.append(KeySpace.entry)
        entryKey.sink.pointee.append(contentsOf: escapedKey)
        entryKey.sink.pointee.append(time: time)
        entryKey.sink.pointee.append(time: second)
        try put(value: value, timestamp: timestamp)
        if value != nil, time < earliest { earliest = time }
    }

    /// Puts a value for the entry whose key is in `entryKey`.
    private func put(value: UnsafeRawBufferPointer?, timestamp: Timestamp) throws {
        try handle.put(key: entryKey.bytes, value: value, timestamp: timestamp)
        timeKey.sink.pointee.removeAll()
        TimedKey.appendTimeKey(of: entryKey.bytes, to: &timeKey.sink.pointee)
        // The twin is made of the entry at a restore: it stands in no changelog.
        let slot = try handle.slot(timeKey.bytes)
        let isThere = handle.bytes(slot) != nil
        guard isThere != (value != nil) else { return }
        handle.store.table.pointee.put(
            slot,
            value: value == nil ? nil : UnsafeRawBufferPointer(start: nil, count: 0),
            timestamp: timestamp
        )
    }

    /// Calls `body` with the entries of an escaped key from a time through another, until it
    /// returns false. It may put and remove entries.
    @usableFromInline
    func forEach(
        escapedKey: UnsafeRawBufferPointer,
        from first: Int64,
        through last: Int64,
        isReversed: Bool = false,
        _ body: (
            _ time: Int64, _ second: Int64, _ value: UnsafeRawBufferPointer, _ timestamp: Timestamp
        ) throws -> Bool
    ) throws {
        guard first <= last else { return }
        from.sink.pointee.removeAll()
        from.sink.pointee.append(KeySpace.entry)
        from.sink.pointee.append(contentsOf: escapedKey)
        to.sink.pointee.removeAll()
        to.sink.pointee.append(contentsOf: from.bytes)
        from.sink.pointee.append(time: first)
        to.sink.pointee.append(time: last)
        // Behind every second number, of which none is the largest.
        to.sink.pointee.append(time: .max)
        to.sink.pointee.append(0)
        let length = from.bytes.count + 8
        try handle.store.range(from: from.bytes, to: to.bytes, isReversed: isReversed) {
            entry,
            value,
            timestamp in
            guard entry.count == length else { return true }
            return try body(
                entry.time(at: length - 16),
                entry.time(at: length - 8),
                value,
                timestamp
            )
        }
    }

    /// Calls `body` with every entry behind a time, by time, until it returns false. It may remove
    /// entries.
    @usableFromInline
    func forEachByTime(
        behind time: Int64,
        _ body: (
            _ time: Int64, _ second: Int64, _ escapedKey: UnsafeRawBufferPointer
        ) throws -> Bool
    ) throws {
        from.sink.pointee.removeAll()
        from.sink.pointee.append(KeySpace.byTime)
        if time > .min { from.sink.pointee.append(time: time &+ (time < .max ? 1 : 0)) }
        try handle.store.range(from: from.bytes, to: nil) { key, _, _ in
            guard key.count > 17, key[0] == KeySpace.byTime else { return false }
            return try body(key.time(at: 1), key.time(at: 9), key.from(17))
        }
    }

    /// The same of every entry from a time on, before which there are none: keys that were removed
    /// stay in the index until a checkpoint, and are not walked again.
    @usableFromInline
    func forEachByTime(
        fromTime first: Int64,
        _ body: (
            _ time: Int64, _ second: Int64, _ escapedKey: UnsafeRawBufferPointer
        ) throws -> Bool
    ) throws { try forEachByTime(behind: first > .min ? first - 1 : .min, body) }

    /// The value of one entry; nil if there is none. Valid until the next change.
    @usableFromInline
    func value(
        escapedKey: UnsafeRawBufferPointer,
        time: Int64,
        second: Int64
    ) throws -> (bytes: UnsafeRawBufferPointer, timestamp: Timestamp)? {
        entryKey.sink.pointee.removeAll()
        entryKey.sink.pointee.append(KeySpace.entry)
        entryKey.sink.pointee.append(contentsOf: escapedKey)
        entryKey.sink.pointee.append(time: time)
        entryKey.sink.pointee.append(time: second)
        let slot = try handle.slot(entryKey.bytes)
        return handle.bytes(slot).map { ($0, handle.timestamp(slot)) }
    }

    /// Removes the entries through a time.
    @usableFromInline
    func removeExpired(through last: Int64) throws {
        guard last >= earliest else { return }
        let first = earliest
        earliest = .max
        try forEachByTime(fromTime: first) { time, second, key in
            guard time <= last else {
                earliest = time
                return false
            }
            try put(
                escapedKey: key,
                time: time,
                second: second,
                value: nil,
                timestamp: Timestamp(max(0, time))
            )
            return true
        }
    }
}

/// Puts the escaped bytes of keys together and reads them back.
@usableFromInline
struct EscapedKeys<KeySerde: Serde> {
    @usableFromInline let serde: KeySerde
    @usableFromInline let plain = KeyScratch()
    @usableFromInline let escaped = KeyScratch()

    @inlinable
    init(_ serde: KeySerde) { self.serde = serde }

    /// The escaped bytes of a key; valid until the next call.
    @inlinable
    func bytes(of key: KeySerde.Value) throws -> UnsafeRawBufferPointer {
        plain.sink.pointee.removeAll()
        try serde.encode(key, into: &plain.sink.pointee)
        escaped.sink.pointee.removeAll()
        escaped.sink.pointee.append(escaped: plain.bytes)
        return escaped.bytes
    }

    /// The key of escaped bytes.
    @inlinable
    func key(of bytes: UnsafeRawBufferPointer) throws -> KeySerde.Value {
        try serde.decode(plainBytes(of: bytes))
    }

    /// What the serde wrote for the key of escaped bytes; valid until the next call.
    @inlinable
    func plainBytes(of bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        plain.sink.pointee.removeAll()
        var index = 0
        // Two bytes end the key.
        while index < bytes.count - 2 {
            plain.sink.pointee.append(bytes[index])
            index += bytes[index] == 0 ? 2 : 1
        }
        return plain.bytes
    }
}
