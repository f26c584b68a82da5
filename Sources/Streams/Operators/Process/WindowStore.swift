public import LogModel
public import Serdes

/// A processor's store of values for each key and time: one for each, or, declared so, several.
///
/// Values are kept until their time is `retention` behind the largest time that was put; then they
/// are gone from store and changelog, and a put of such a time does nothing.
public final class WindowStore<KeySerde: Serde, ValueSerde: Serde> {
    /// A key of the store.
    public typealias Key = KeySerde.Value
    /// A value of the store.
    public typealias Value = ValueSerde.Value
    /// What a read calls; it returns whether to go on. It may read and change the store.
    public typealias Body = (Windowed<Key>, Value) throws -> Bool

    @usableFromInline let store: ExpiringStore<KeySerde>
    @usableFromInline let value: ValueSerde
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    @usableFromInline let scratch = KeyScratch()
    @usableFromInline let hasDuplicates: Bool
    private let size: Int64

    init(
        _ task: TaskBinding,
        _ specification: StoreSpecification,
        _ key: KeySerde,
        _ value: ValueSerde,
        size: Int64,
        retention: Int64,
        hasDuplicates: Bool
    ) {
        store = ExpiringStore(
            task,
            specification,
            key,
            retention: retention,
            isSecondDescending: false
        )
        self.value = value
        self.size = size
        self.hasDuplicates = hasDuplicates
        record = task.record
    }

    /// Puts the value of a key in the window that begins at `start`; nil removes it. Where a key
    /// may have several values of one time, nil removes none.
    public func put(_ key: Key, _ newValue: Value?, at start: Timestamp) throws {
        scratch.sink.pointee.removeAll()
        var bytes: UnsafeRawBufferPointer?
        if let newValue, !value.isNull(newValue) {
            try value.encode(newValue, into: &scratch.sink.pointee)
            bytes = scratch.bytes
        }
        if hasDuplicates, bytes == nil {
            if store.isInMemory { try store.noteTime(start.rawValue) }
            return
        }
        try store.put(
            try store.escaped(key),
            time: start.rawValue,
            second: hasDuplicates ? store.clock.nextSequence() : 0,
            value: bytes,
            timestamp: record.pointee.timestamp
        )
    }

    /// The value of a key in the window that begins at `start`; nil where there is none. Of several
    /// it is the first.
    public func fetch(_ key: Key, at start: Timestamp) throws -> Value? {
        var found: Value?
        try fetch(key, between: start, and: start) { _, value in
            found = value
            return false
        }
        return found
    }

    /// Calls `body` with the windows of a key whose starts lie between two times (both included),
    /// in the order of time, until it returns false. Equal times are in the order of their puts.
    public func fetch(
        _ key: Key,
        between earliest: Timestamp = Timestamp(.min),
        and latest: Timestamp = Timestamp(.max),
        isReversed: Bool = false,
        _ body: Body
    ) throws {
        var span = ExpiringStore<KeySerde>.Span(first: key, last: key, isOneKey: true)
        (span.earliest, span.latest) = (earliest.rawValue, latest.rawValue)
        span.isReversed = isReversed
        try read(span, isByTime: false, body)
    }

    /// Calls `body` with the windows of the keys from `first` through `last`, whose starts lie
    /// between two times, until it returns false: by key, then time; in a store in memory by time,
    /// then key.
    public func fetch(
        keysFrom first: Key,
        through last: Key,
        between earliest: Timestamp = Timestamp(.min),
        and latest: Timestamp = Timestamp(.max),
        isReversed: Bool = false,
        _ body: Body
    ) throws {
        var span = ExpiringStore<KeySerde>.Span(first: first, last: last)
        (span.earliest, span.latest) = (earliest.rawValue, latest.rawValue)
        span.isReversed = isReversed
        try read(span, isByTime: store.isInMemory, body)
    }

    /// Calls `body` with all windows whose starts lie between two times, until it returns false: by
    /// key, then time; in a store in memory by time, then key.
    public func fetchAll(
        between earliest: Timestamp = Timestamp(.min),
        and latest: Timestamp = Timestamp(.max),
        isReversed: Bool = false,
        _ body: Body
    ) throws {
        var span = ExpiringStore<KeySerde>.Span()
        (span.earliest, span.latest) = (earliest.rawValue, latest.rawValue)
        span.isReversed = isReversed
        try read(span, isByTime: store.isInMemory, body)
    }

    private func read(
        _ span: ExpiringStore<KeySerde>.Span,
        isByTime: Bool,
        _ body: Body
    ) throws {
        try store.read(span, isByTime: isByTime) { escaped, time, _, bytes in
            let start = Timestamp(time)
            let window = Window(start: start, end: start.advanced(byMilliseconds: size))
            let decoded = try value.decode(bytes)
            return try body(Windowed(key: try store.keys.key(of: escaped), window: window), decoded)
        }
    }
}

extension Store {
    /// A store of values for each key and window.
    ///
    /// - Parameters:
    ///   - size: how long after its start a window ends.
    ///   - retention: how long a window is kept behind the newest one; at least `size`.
    ///   - hasDuplicates: a key may have several values of one time.
    public static func window<KeySerde: Serde, ValueSerde: Serde>(
        _ name: String,
        key: KeySerde,
        value: ValueSerde,
        size: Duration,
        retention: Duration,
        hasDuplicates: Bool = false
    ) -> Store where Handle == WindowStore<KeySerde, ValueSerde> {
        let size = max(0, size.wholeMilliseconds)
        let kept = max(size, retention.wholeMilliseconds)
        let format = RecordFormat("windowStore", key, value, windowSize: size)
        return Store(name, .timed, format) { task, specification in
            WindowStore(
                task,
                specification,
                key,
                value,
                size: size,
                retention: kept,
                hasDuplicates: hasDuplicates
            )
        }
    }
}
