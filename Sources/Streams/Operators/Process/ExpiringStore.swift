public import LogModel
import StateStores

/// What window and session stores have in common: entries with a key, a time and a second number,
/// kept until `retention` behind the largest time that was put.
@usableFromInline
final class ExpiringStore<KeySerde: Serde> {
    @usableFromInline typealias Body = (
        _ escapedKey: UnsafeRawBufferPointer, _ time: Int64, _ second: Int64,
        _ value: UnsafeRawBufferPointer
    ) throws -> Bool

    /// What a read takes: keys and times, both ends included; nil for every key.
    @usableFromInline
    struct Span {
        var first: KeySerde.Value?
        var last: KeySerde.Value?
        var isOneKey = false
        var earliest = Int64.min
        var latest = Int64.max
        var isReversed = false
    }

    /// An entry that a read has found and not handed on yet.
    private struct Row {
        let escapedKey: [UInt8]
        let time: Int64
        let second: Int64
    }

    @usableFromInline let entries: TimedStore
    @usableFromInline let clock: WindowClock
    @usableFromInline let keys: EscapedKeys<KeySerde>
    /// Whether reads are in the order of Kafka Streams' stores in memory.
    let isInMemory: Bool
    /// Whether equal times of a key are read from the largest second number on, in memory.
    private let isSecondDescending: Bool
    private let retention: Int64
    private let counters: UnsafeMutablePointer<TaskCounters>
    private let bounds = ScratchPool()

    init(
        _ task: TaskBinding,
        _ specification: StoreSpecification,
        _ key: KeySerde,
        retention: Int64,
        isSecondDescending: Bool
    ) {
        let handle = StoreHandle(task: task, store: specification.name)
        entries = TimedStore(handle)
        clock = WindowClock(handle)
        keys = EscapedKeys(key)
        isInMemory = specification.isInMemory
        self.isSecondDescending = isSecondDescending
        self.retention = retention
        counters = task.counters
    }

    /// The escaped bytes of a key; valid until the next call.
    @usableFromInline
    func escaped(_ key: KeySerde.Value) throws -> UnsafeRawBufferPointer {
        if keys.serde.isNull(key) { throw ProcessorError("a null key has no place in a store") }
        return try keys.bytes(of: key)
    }

    /// Puts a value; nil removes it. One that is too old is left out, and counted by a store in
    /// memory.
    @usableFromInline
    func put(
        _ escaped: UnsafeRawBufferPointer,
        time: Int64,
        second: Int64,
        value: UnsafeRawBufferPointer?,
        timestamp: Timestamp
    ) throws {
        clock.notePut(time)
        let expiry = clock.expiry(retention: retention)
        if time > expiry {
            try entries.put(
                escapedKey: escaped,
                time: time,
                second: second,
                value: value,
                timestamp: timestamp
            )
        } else if isInMemory {
            counters.pointee.recordsDropped &+= 1
        }
        try entries.removeExpired(through: expiry)
    }

    /// Takes note of a time at which nothing was put; counts it if it is too old.
    func noteTime(_ time: Int64) throws {
        clock.notePut(time)
        let expiry = clock.expiry(retention: retention)
        if time <= expiry { counters.pointee.recordsDropped &+= 1 }
        try entries.removeExpired(through: expiry)
    }

    // MARK: Reading

    /// Calls `body` with the entries of a span, by key, then time; or, with `isByTime`, by time,
    /// then key.
    @usableFromInline
    func read(_ span: Span, isByTime: Bool, _ body: Body) throws {
        let isOfTime =
            span.first == nil && span.last == nil
            && (span.earliest > .min || span.latest < .max)
        guard isByTime || isOfTime else { return try walk(span, body) }
        var rows: [Row] = []
        var forward = span
        forward.isReversed = false
        let collect: Body = { key, time, second, _ in
            rows.append(Row(escapedKey: Array(key), time: time, second: second))
            return true
        }
        try isOfTime ? walkByTime(forward, collect) : walk(forward, collect)
        rows.sort { isByTime ? isBefore($0, $1) : isBeforeByKey($0, $1) }
        if span.isReversed { rows.reverse() }
        for row in rows {
            let goesOn = try row.escapedKey.withUnsafeBytes { key in
                let found = try entries.value(
                    escapedKey: key,
                    time: row.time,
                    second: row.second
                )
                guard let found else { return true }
                return try body(key, row.time, row.second, found.bytes)
            }
            guard goesOn else { return }
        }
    }

    private func isBefore(_ left: Row, _ right: Row) -> Bool {
        if left.time != right.time { return left.time < right.time }
        if left.escapedKey != right.escapedKey {
            return left.escapedKey.lexicographicallyPrecedes(right.escapedKey)
        }
        return isSecondDescending ? left.second > right.second : left.second < right.second
    }

    private func isBeforeByKey(_ left: Row, _ right: Row) -> Bool {
        if left.escapedKey != right.escapedKey {
            return left.escapedKey.lexicographicallyPrecedes(right.escapedKey)
        }
        return (left.time, left.second) < (right.time, right.second)
    }

    /// The entries of the keys, in their order, that are of the times.
    private func walk(_ span: Span, _ body: Body) throws {
        guard span.earliest <= span.latest else { return }
        try bounds.withBounds { from, to in
            from.sink.pointee.append(KeySpace.entry)
            if let first = span.first {
                from.sink.pointee.append(contentsOf: try escaped(first))
            }
            if span.isOneKey {
                to.sink.pointee.append(contentsOf: from.bytes)
                from.sink.pointee.append(time: span.earliest)
                to.sink.pointee.append(time: span.latest)
                Self.appendEnd(to: to)
            } else if let last = span.last {
                to.sink.pointee.append(KeySpace.entry)
                to.sink.pointee.append(contentsOf: try escaped(last))
                Self.appendEnd(to: to)
            } else {
                to.sink.pointee.append(KeySpace.byTime)
            }
            guard from.bytes.lexicographicallyPrecedes(to.bytes) else { return }
            try entries.handle.store.range(
                from: from.bytes,
                to: to.bytes,
                isReversed: span.isReversed
            ) { entry, value, _ in
                guard TimedKey.isEntry(entry) else { return true }
                let suffix = entry.count - TimedKey.suffixByteCount
                let time = entry.time(at: suffix)
                guard time >= span.earliest, time <= span.latest else { return true }
                return try body(
                    TimedKey.escapedKey(ofEntry: entry),
                    time,
                    entry.time(at: suffix + 8),
                    value
                )
            }
        }
    }

    /// Makes a key lie behind all entries that begin with it and in front of all other keys.
    private static func appendEnd(to scratch: KeyScratch) {
        for _ in 0...TimedKey.suffixByteCount { scratch.sink.pointee.append(255) }
    }

    /// The entries of the times, in the order of the times.
    private func walkByTime(_ span: Span, _ body: Body) throws {
        guard span.earliest <= span.latest else { return }
        try bounds.withBounds { from, to in
            from.sink.pointee.append(KeySpace.byTime)
            from.sink.pointee.append(time: span.earliest)
            try entries.handle.store.range(from: from.bytes, to: nil) { key, value, _ in
                guard key.count > 17, key[0] == KeySpace.byTime else { return false }
                let time = key.time(at: 1)
                guard time <= span.latest else { return false }
                return try body(key.from(17), time, key.time(at: 9), value)
            }
        }
    }
}
