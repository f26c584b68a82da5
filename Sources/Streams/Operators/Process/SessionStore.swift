public import LogModel
public import Serdes

/// A processor's store of values for each key and session: a span of time of any length.
///
/// Sessions are kept until their end is `retention` behind the largest end that was put; then they
/// are gone from store and changelog, and a put of such a session does nothing.
public final class SessionStore<KeySerde: Serde, ValueSerde: Serde> {
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

    init(
        _ task: TaskBinding,
        _ specification: StoreSpecification,
        _ key: KeySerde,
        _ value: ValueSerde,
        retention: Int64
    ) {
        store = ExpiringStore(
            task,
            specification,
            key,
            retention: retention,
            isSecondDescending: true
        )
        self.value = value
        record = task.record
    }

    /// Puts the value of a session; nil removes it.
    public func put(_ session: Windowed<Key>, _ newValue: Value?) throws {
        guard let newValue, !value.isNull(newValue) else { return try remove(session) }
        scratch.sink.pointee.removeAll()
        try value.encode(newValue, into: &scratch.sink.pointee)
        try put(session, bytes: scratch.bytes)
    }

    /// Removes a session.
    public func remove(_ session: Windowed<Key>) throws {
        // In memory a removal is no news of how far time is.
        if store.isInMemory, session.window.end.rawValue <= store.clock.latestPut {
            return try store.entries.put(
                escapedKey: try store.escaped(session.key),
                time: session.window.end.rawValue,
                second: session.window.start.rawValue,
                value: nil,
                timestamp: record.pointee.timestamp
            )
        }
        if !store.isInMemory { try put(session, bytes: nil) }
    }

    private func put(_ session: Windowed<Key>, bytes: UnsafeRawBufferPointer?) throws {
        try store.put(
            try store.escaped(session.key),
            time: session.window.end.rawValue,
            second: session.window.start.rawValue,
            value: bytes,
            timestamp: record.pointee.timestamp
        )
    }

    /// The value of one session; nil where there is none.
    public func fetch(_ session: Windowed<Key>) throws -> Value? {
        let found = try store.entries.value(
            escapedKey: try store.escaped(session.key),
            time: session.window.end.rawValue,
            second: session.window.start.rawValue
        )
        return try found.map { try value.decode($0.bytes) }
    }

    /// Calls `body` with the sessions of a key that end at `earliestEnd` or later and begin at
    /// `latestStart` or earlier, until it returns false: by end, then start; in a store in memory
    /// equal ends are from the latest start on.
    public func findSessions(
        _ key: Key,
        endingFrom earliestEnd: Timestamp = Timestamp(.min),
        startingThrough latestStart: Timestamp = Timestamp(.max),
        isReversed: Bool = false,
        _ body: Body
    ) throws {
        var span = ExpiringStore<KeySerde>.Span(first: key, last: key, isOneKey: true)
        span.earliest = earliestEnd.rawValue
        span.isReversed = isReversed
        try read(span, latestStart, body)
    }

    /// `findSessions` for the keys from `first` through `last`: by key, end and start; in a store
    /// in memory by end, then key, then from the latest start on.
    public func findSessions(
        keysFrom first: Key,
        through last: Key,
        endingFrom earliestEnd: Timestamp = Timestamp(.min),
        startingThrough latestStart: Timestamp = Timestamp(.max),
        isReversed: Bool = false,
        _ body: Body
    ) throws {
        var span = ExpiringStore<KeySerde>.Span(first: first, last: last)
        span.earliest = earliestEnd.rawValue
        span.isReversed = isReversed
        try read(span, latestStart, body)
    }

    private func read(
        _ span: ExpiringStore<KeySerde>.Span,
        _ latestStart: Timestamp,
        _ body: Body
    ) throws {
        try store.read(span, isByTime: store.isInMemory) { escaped, end, start, bytes in
            guard start <= latestStart.rawValue else { return true }
            let window = Window(start: Timestamp(start), end: Timestamp(end))
            let decoded = try value.decode(bytes)
            return try body(Windowed(key: try store.keys.key(of: escaped), window: window), decoded)
        }
    }
}

extension Store {
    /// A store of values for each key and session.
    ///
    /// - Parameter retention: how long a session is kept behind the newest one's end.
    public static func session<KeySerde: Serde, ValueSerde: Serde>(
        _ name: String,
        key: KeySerde,
        value: ValueSerde,
        retention: Duration
    ) -> Store where Handle == SessionStore<KeySerde, ValueSerde> {
        let kept = max(0, retention.wholeMilliseconds)
        let format = RecordFormat("sessionStore", key, value)
        return Store(name, .timed, format) { task, specification in
            SessionStore(task, specification, key, value, retention: kept)
        }
    }
}
