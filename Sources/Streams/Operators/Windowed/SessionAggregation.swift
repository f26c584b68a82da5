public import LogModel

/// What sessions there are, when their results go on, and how long they are kept.
@usableFromInline
struct SessionRule: Sendable {
    @usableFromInline let windows: SessionWindows
    @usableFromInline let emission: Emission
    /// Sessions that end so many milliseconds before the newest one, or earlier, are removed.
    @usableFromInline let retention: Int64

    @usableFromInline
    init(_ windows: SessionWindows, _ emission: Emission, _ retention: Duration?) {
        self.windows = windows
        self.emission = emission
        let needed = Timestamp(windows.gap).advanced(byMilliseconds: windows.grace).rawValue
        self.retention = max(needed, retention?.wholeMilliseconds ?? 0)
    }
}

/// An aggregation by sessions in one task.
@usableFromInline
final class SessionAggregation<KeySerde: Serde, AggregateSerde: Serde> {
    @usableFromInline typealias Aggregate = AggregateSerde.Value
    @usableFromInline typealias Sink =
        StreamNode<Windowed<KeySerde.Value>, Change<Aggregate>>.Sink

    @usableFromInline let rows: SessionRows
    /// One for each input, for each has its own stream time; where results go on once, all inputs
    /// share one, for what is closed for one is closed for all. The first one tells what is closed
    /// and kept.
    @usableFromInline let clocks: [WindowClock]
    @usableFromInline let keys: EscapedKeys<KeySerde>
    @usableFromInline let value: AggregateSerde
    @usableFromInline let rule: SessionRule
    @usableFromInline let sink: Sink
    @usableFromInline let valueSink: UnsafeMutablePointer<ByteSink>
    @usableFromInline let expiry: TaskExpiry
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    @usableFromInline let counters: UnsafeMutablePointer<TaskCounters>
    /// No open session ends before this time; the largest time where none is open, the least one
    /// where that is not known.
    @exclusivity(unchecked) @usableFromInline var earliestOpen = Int64.min
    /// The sessions that a record joins.
    @exclusivity(unchecked) @usableFromInline
    var found: [(window: Window, aggregate: Aggregate)] = []

    @inlinable
    init(
        _ task: TaskBinding,
        _ store: String,
        key: KeySerde,
        value: AggregateSerde,
        rule: SessionRule,
        inputCount: Int = 1,
        sink: @escaping Sink
    ) {
        let handle = StoreHandle(task: task, store: store)
        rows = SessionRows(handle)
        rows.lookAhead()
        clocks = WindowClock.clocks(handle, count: rule.emission.isOnClose ? 1 : inputCount)
        keys = EscapedKeys(key)
        self.value = value
        self.rule = rule
        self.sink = rule.emission.isOnClose ? task.errors.lettingGo(sink) : sink
        valueSink = task.valueSink
        record = task.record
        expiry = task.expiry
        counters = task.counters
        task.hooks.onRewind { [unowned self] in earliestOpen = .min }
        if let idle = rule.emission.idleAfter {
            task.hooks.schedule(every: max(1, idle / 4)) { [unowned self] now in
                let clock = clocks[0]
                guard try hasOpenSession() else { return }
                if let time = clock.idleTime(now: now, idle: idle), clock.advance(to: time) {
                    // As a record of that time would have it: what was handed on leaves the store,
                    // and no later record joins it.
                    clock.notePut(time)
                    try closeSessions(clock)
                }
            }
        }
    }

    /// Joins a record with the sessions within the gap around it.
    @inlinable
    func receive(
        _ newKey: KeySerde.Value,
        input: Int = 0,
        initial: Aggregate?,
        merge: (Aggregate?, Aggregate) throws -> Aggregate?,
        update: (Aggregate?) throws -> Aggregate?
    ) throws {
        let time = record.pointee.timestamp
        if time.rawValue < 0 || keys.serde.isNull(newKey) {
            counters.pointee.drop(time.rawValue < 0 ? .negativeTimestamp : .nullKey)
            return
        }
        let clock = clocks[min(input, clocks.count - 1)]
        _ = clock.note(time.rawValue, arrivedAt: record.pointee.wallTime)
        let escaped = try keys.bytes(of: newKey)
        let (window, merged) = try join(escaped, time, initial, merge)
        if window.end.rawValue < closeTime(clock) {
            counters.pointee.drop(.late)
        } else {
            try replace(
                newKey,
                escaped,
                by: window,
                isNew: window.start == time && window.end == time
            )
            let new = try update(merged).flatMap { value.isNull($0) ? nil : $0 }
            try put(escaped, window, new)
            clocks[0].notePut(window.end.rawValue)
            earliestOpen = min(earliestOpen, window.end.rawValue)
            try emit(newKey, window, old: nil, new: new)
            try removeExpired()
        }
        // Not only where time moved on: the record that moved it may have failed.
        if rule.emission.isOnClose { try closeSessions(clock) }
    }

    /// Sessions that end before this time take no more records.
    @inlinable
    func closeTime(_ clock: WindowClock) -> Int64 {
        Timestamp(clock.streamTime)
            .advanced(byMilliseconds: -rule.windows.grace)
            .advanced(byMilliseconds: -rule.windows.gap).rawValue
    }

    /// The session that a record makes of those around it, and what they amount to.
    @inlinable
    func join(
        _ escaped: UnsafeRawBufferPointer,
        _ time: Timestamp,
        _ initial: Aggregate?,
        _ merge: (Aggregate?, Aggregate) throws -> Aggregate?
    ) throws -> (Window, Aggregate?) {
        found.removeAll(keepingCapacity: true)
        let first = time.advanced(byMilliseconds: -rule.windows.gap).rawValue
        let last = time.advanced(byMilliseconds: rule.windows.gap).rawValue
        var (start, end) = (time, time)
        var merged = initial
        try rows.forEach(escapedKey: escaped, startingThrough: last) { window, bytes in
            guard window.end.rawValue >= first else { return false }
            found.append((window, try value.decode(bytes)))
            // One before a session that holds the time lies more than the gap before it.
            return window.start > time
        }
        found.reverse()
        for session in found {
            merged = try merge(merged, session.aggregate)
            start = min(start, session.window.start)
            end = max(end, session.window.end)
        }
        return (Window(start: start, end: end), merged)
    }

    /// Retracts the results of the sessions that became part of another one, and removes those
    /// that begin elsewhere than it does: it is written over the other one. A session that is the
    /// record's own moment (`isNew`) goes on.
    @inlinable
    func replace(
        _ newKey: KeySerde.Value,
        _ escaped: UnsafeRawBufferPointer,
        by window: Window,
        isNew: Bool
    ) throws {
        guard !isNew else { return }
        for session in found {
            if session.window.start != window.start { try put(escaped, session.window, nil) }
            try emit(newKey, session.window, old: session.aggregate, new: nil)
        }
    }

    @inlinable
    func put(
        _ escaped: UnsafeRawBufferPointer,
        _ window: Window,
        _ aggregate: Aggregate?
    ) throws {
        valueSink.pointee.removeAll()
        if let aggregate { try value.encode(aggregate, into: &valueSink.pointee) }
        try rows.put(
            escapedKey: escaped,
            window,
            value: aggregate == nil ? nil : valueSink.pointee.bytes,
            closedThrough: clocks[0].closedThrough
        )
    }

    /// Hands a result on at an update; such results have no headers (Kafka Streams' rule).
    @inlinable
    func emit(
        _ newKey: KeySerde.Value,
        _ window: Window,
        old: Aggregate?,
        new: Aggregate?
    ) throws {
        guard !rule.emission.isOnClose else { return }
        let (ownTime, headers) = (record.pointee.timestamp, record.pointee.headers)
        record.pointee.timestamp = window.end
        record.pointee.headers = nil
        try sink(Windowed(key: newKey, window: window), Change(old: old, new: new))
        record.pointee.timestamp = ownTime
        record.pointee.headers = headers
    }

    /// Hands on the results of the sessions that take no more records, by end, start and key.
    @usableFromInline
    func closeSessions(_ clock: WindowClock) throws {
        let through = Timestamp(closeTime(clock)).advanced(byMilliseconds: -1).rawValue
        guard through > clocks[0].closedThrough else { return }
        let from = clocks[0].closedThrough
        clocks[0].closedThrough = through
        let ownTime = record.pointee.timestamp
        if through >= earliestOpen {
            do {
                earliestOpen = try handOn(behind: from, through: through)
            } catch let later as RetryLater {
                // The next try closes them, whether or not stores go back.
                clocks[0].closedThrough = from
                throw later
            }
        }
        record.pointee.timestamp = ownTime
        try removeExpired()
    }

    private func handOn(behind from: Int64, through: Int64) throws -> Int64 {
        try rows.forEach(endingBehind: from, through: through) { escaped, window, bytes in
            let aggregate = try value.decode(bytes)
            record.pointee.timestamp = window.end
            let closed = Windowed(key: try keys.key(of: escaped), window: window)
            let due = window.end.advanced(byMilliseconds: rule.windows.gap)
                .advanced(byMilliseconds: rule.windows.grace)
                .advanced(byMilliseconds: 1).rawValue
            try expiry.atTime(due, by: rows.store) {
                try sink(closed, Change(old: nil, new: aggregate))
            }
        }
    }

    /// Whether some session is open. After a restart the store tells: while none is open, time does
    /// not go on by itself, or what comes next would be late.
    @usableFromInline
    func hasOpenSession() throws -> Bool {
        if earliestOpen == .min {
            earliestOpen = try rows.firstEnd(behind: clocks[0].closedThrough)
        }
        return earliestOpen < .max
    }

    /// Removes the sessions that ended `retention` before the newest one or earlier; none whose
    /// result is still to go on.
    @usableFromInline
    func removeExpired() throws {
        var through = clocks[0].expiry(retention: rule.retention)
        if rule.emission.isOnClose { through = min(through, clocks[0].closedThrough) }
        try rows.removeExpired(through: through)
    }
}

extension TableView {
    /// The rows of a store of sessions.
    @inlinable
    static func sessions<KeySerde: Serde, ValueSerde: Serde>(
        _ store: String,
        key: KeySerde,
        value: ValueSerde
    ) -> TableView<Key, Value>
    where Key == Windowed<KeySerde.Value>, ValueSerde.Value == Value {
        TableView { task in
            let rows = SessionRows(StoreHandle(task: task, store: store))
            let keys = EscapedKeys(key)
            return { wanted in
                let bytes = try rows.value(escapedKey: keys.bytes(of: wanted.key), wanted.window)
                return try bytes.map {
                    TableRow(value: try value.decode($0), timestamp: wanted.window.end)
                }
            }
        }
    }
}
