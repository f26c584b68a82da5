public import LogModel

/// What sliding windows there are, when their results go on, and how long they are kept.
@usableFromInline
struct SlidingRule: Sendable {
    @usableFromInline let windows: SlidingWindows
    @usableFromInline let emission: Emission
    /// Windows that begin so many milliseconds before the newest one, or earlier, are removed.
    @usableFromInline let retention: Int64

    @usableFromInline
    init(_ windows: SlidingWindows, _ emission: Emission, _ retention: Duration?) {
        self.windows = windows
        self.emission = emission
        let needed = Timestamp(windows.grace)
            .advanced(byMilliseconds: windows.difference)
            .advanced(byMilliseconds: windows.difference).rawValue
        self.retention = max(needed, retention?.wholeMilliseconds ?? 0)
    }

    /// The store of an aggregation by these windows, of which it holds the starts.
    @inlinable
    func specification<KeySerde: Serde, ValueSerde: Serde>(
        _ store: String,
        _ key: KeySerde,
        _ value: ValueSerde
    ) -> StoreSpecification {
        let format = RecordFormat("sliding", key, value, windowSize: windows.difference)
        return StoreSpecification(store, .timed, format)
    }
}

/// An aggregation by sliding windows in one task. An entry of its store has the window's start as
/// its time. A window exists where its records differ from those of its neighbours: it ends with a
/// record, or begins behind one (Kafka Streams' algorithm, told by its results).
@usableFromInline
final class SlidingAggregation<KeySerde: Serde, AggregateSerde: Serde> {
    @usableFromInline typealias Aggregate = AggregateSerde.Value
    @usableFromInline typealias Sink =
        StreamNode<Windowed<KeySerde.Value>, Change<Aggregate>>.Sink

    /// A window that is there: its aggregate, and the time of its newest record.
    @usableFromInline
    struct Found {
        @usableFromInline let start: Int64
        @usableFromInline let aggregate: Aggregate
        @usableFromInline let newest: Int64

        @inlinable
        init(start: Int64, aggregate: Aggregate, newest: Int64) {
            self.start = start
            self.aggregate = aggregate
            self.newest = newest
        }
    }

    @usableFromInline let store: TimedStore
    /// One for each input, for each has its own stream time; where results go on once, all inputs
    /// share one, for what is closed for one is closed for all. The first one tells what is closed
    /// and kept.
    @usableFromInline let clocks: [WindowClock]
    @usableFromInline let keys: EscapedKeys<KeySerde>
    @usableFromInline let value: AggregateSerde
    @usableFromInline let rule: SlidingRule
    @usableFromInline let initial: Aggregate?
    @usableFromInline let sink: Sink
    @usableFromInline let valueSink: UnsafeMutablePointer<ByteSink>
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    @usableFromInline let counters: UnsafeMutablePointer<TaskCounters>
    /// No open window begins before this time; the largest time where none is open, the least one
    /// where that is not known.
    @exclusivity(unchecked) @usableFromInline var earliestOpen = Int64.min
    /// The windows around the record, newest start first.
    @usableFromInline var found: [Found] = []

    @inlinable
    init(
        _ task: TaskBinding,
        _ store: String,
        key: KeySerde,
        value: AggregateSerde,
        rule: SlidingRule,
        initial: Aggregate?,
        inputCount: Int = 1,
        sink: @escaping Sink
    ) {
        let handle = StoreHandle(task: task, store: store)
        self.store = TimedStore(handle)
        clocks = WindowClock.clocks(handle, count: rule.emission.isOnClose ? 1 : inputCount)
        keys = EscapedKeys(key)
        self.value = value
        self.rule = rule
        self.initial = initial
        self.sink = rule.emission.isOnClose ? task.errors.lettingGo(sink) : sink
        valueSink = task.valueSink
        record = task.record
        counters = task.counters
        task.hooks.onRewind { [unowned self] in earliestOpen = .min }
        if let idle = rule.emission.idleAfter {
            task.hooks.schedule(every: max(1, idle / 4)) { [unowned self] now in
                let clock = clocks[0]
                guard try hasOpenWindow() else { return }
                if let time = clock.idleTime(now: now, idle: idle), clock.advance(to: time) {
                    try closeWindows(clock)
                }
            }
        }
    }

    @inlinable
    func receive(
        _ newKey: KeySerde.Value,
        input: Int = 0,
        isNull: Bool,
        update: (Aggregate?) throws -> Aggregate?
    ) throws {
        let time = record.pointee.timestamp.rawValue
        if time < 0 || isNull || keys.serde.isNull(newKey) {
            counters.pointee.drop(
                time < 0 ? .negativeTimestamp : isNull ? .nullValue : .nullKey
            )
            return
        }
        let clock = clocks[min(input, clocks.count - 1)]
        _ = clock.note(time, arrivedAt: record.pointee.wallTime)
        let limit = Timestamp(clock.streamTime).advanced(byMilliseconds: -rule.windows.grace)
        let lastEnd = Timestamp(time).advanced(byMilliseconds: rule.windows.difference)
            .advanced(byMilliseconds: 1)
        guard lastEnd > limit else {
            counters.pointee.drop(.late)
            return
        }
        let escaped = try keys.bytes(of: newKey)
        try findWindows(escaped, time)
        if time < rule.windows.difference {
            try receiveEarly(newKey, escaped, time, limit, update)
        } else {
            try receiveRegular(newKey, escaped, time, limit, update)
        }
        try removeExpired()
        // Not only where time moved on: the record that moved it may have failed.
        if rule.emission.isOnClose { try closeWindows(clock) }
    }

    /// The windows that contain the time or lie next to it.
    @inlinable
    func findWindows(_ escaped: UnsafeRawBufferPointer, _ time: Int64) throws {
        found.removeAll(keepingCapacity: true)
        let span = Timestamp(rule.windows.difference)
            .advanced(byMilliseconds: rule.windows.difference).rawValue
        let first = max(0, Timestamp(time).advanced(byMilliseconds: -span).rawValue)
        let last = Timestamp(time).advanced(byMilliseconds: 1).rawValue
        try store.forEach(escapedKey: escaped, from: first, through: last, isReversed: true) {
            start,
            _,
            bytes,
            newest in
            let aggregate = try value.decode(bytes)
            found.append(Found(start: start, aggregate: aggregate, newest: newest.rawValue))
            return true
        }
    }

    @inlinable
    func receiveRegular(
        _ newKey: KeySerde.Value,
        _ escaped: UnsafeRawBufferPointer,
        _ time: Int64,
        _ limit: Timestamp,
        _ update: (Aggregate?) throws -> Aggregate?
    ) throws {
        let difference = rule.windows.difference
        var left: Found?
        var right: Found?
        var hasLeft = false
        var hasRight = false
        var previous: Int64?
        for window in found {
            let end = Timestamp(window.start).advanced(byMilliseconds: difference).rawValue
            if window.start > time {
                hasRight = true
            } else if end > time {
                if right == nil { right = window }
                try add(newKey, escaped, window.start, window, limit, update)
            } else if end == time {
                hasLeft = true
                if window.newest < time { previous = window.newest }
                try add(newKey, escaped, window.start, window, limit, update)
            } else {
                left = window
                previous = window.newest
                break
            }
        }
        if let previous {
            let start = previous &+ 1
            let end = Timestamp(start).advanced(byMilliseconds: difference).rawValue
            if end >= time, !found.contains(where: { $0.start == start }) {
                try add(newKey, escaped, start, nil, limit, update)
            }
        }
        if !hasLeft {
            let start = time &- difference
            let isNotEmpty = previous.map { $0 >= start } ?? false
            try add(newKey, escaped, start, isNotEmpty ? left : nil, limit, update, newest: time)
        }
        if !hasRight, let right, right.newest > time { try copy(newKey, escaped, time &+ 1, right) }
    }

    /// A record whose own window would begin before time 0: the window from 0 on stands for it.
    @inlinable
    func receiveEarly(
        _ newKey: KeySerde.Value,
        _ escaped: UnsafeRawBufferPointer,
        _ time: Int64,
        _ limit: Timestamp,
        _ update: (Aggregate?) throws -> Aggregate?
    ) throws {
        var combined: Found?
        var right: Found?
        var hasRight = false
        var previous: Int64?
        for window in found.reversed() {
            if window.start == 0 {
                combined = window
                if window.newest < time { previous = window.newest }
            } else if window.start <= time {
                right = window
                try add(newKey, escaped, window.start, window, limit, update)
            } else {
                hasRight = true
            }
        }
        let next = right ?? combined
        if !hasRight, let next, next.newest > time { try copy(newKey, escaped, time &+ 1, next) }
        if let previous, !found.contains(where: { $0.start == previous &+ 1 }) {
            try add(newKey, escaped, previous &+ 1, nil, limit, update)
        }
        try add(newKey, escaped, 0, combined, limit, update)
    }

    /// Takes the record into a window, which is made where it is not there.
    @inlinable
    func add(
        _ newKey: KeySerde.Value,
        _ escaped: UnsafeRawBufferPointer,
        _ start: Int64,
        _ window: Found?,
        _ limit: Timestamp,
        _ update: (Aggregate?) throws -> Aggregate?,
        newest: Int64? = nil
    ) throws {
        let end = Timestamp(start).advanced(byMilliseconds: rule.windows.difference)
        guard end >= limit else {
            counters.pointee.drop(.late)
            return
        }
        let time = record.pointee.timestamp.rawValue
        let old = window?.aggregate ?? initial
        let new = try update(old).flatMap { value.isNull($0) ? nil : $0 }
        let resultTime = Timestamp(max(time, newest ?? window?.newest ?? time))
        try put(newKey, escaped, start, old: window?.aggregate, new: new, resultTime)
    }

    /// Makes the window behind the record of what is already in a later one.
    @inlinable
    func copy(
        _ newKey: KeySerde.Value,
        _ escaped: UnsafeRawBufferPointer,
        _ start: Int64,
        _ window: Found
    ) throws {
        try put(
            newKey,
            escaped,
            start,
            old: nil,
            new: window.aggregate,
            Timestamp(window.newest)
        )
    }

    @inlinable
    func put(
        _ newKey: KeySerde.Value,
        _ escaped: UnsafeRawBufferPointer,
        _ start: Int64,
        old: Aggregate?,
        new: Aggregate?,
        _ resultTime: Timestamp
    ) throws {
        valueSink.pointee.removeAll()
        if let new { try value.encode(new, into: &valueSink.pointee) }
        try store.put(
            escapedKey: escaped,
            time: start,
            second: 0,
            value: new == nil ? nil : valueSink.pointee.bytes,
            timestamp: resultTime
        )
        clocks[0].notePut(start)
        earliestOpen = min(earliestOpen, start)
        guard !rule.emission.isOnClose else { return }
        let ownTime = record.pointee.timestamp
        record.pointee.timestamp = resultTime
        try sink(Windowed(key: newKey, window: window(from: start)), Change(old: old, new: new))
        record.pointee.timestamp = ownTime
    }

    @inlinable
    func window(from start: Int64) -> Window {
        let start = Timestamp(start)
        let end = start.advanced(byMilliseconds: rule.windows.difference)
        return Window(start: start, end: end)
    }

    /// Hands on the results of the windows that take no more records, by start, then by key.
    @usableFromInline
    func closeWindows(_ clock: WindowClock) throws {
        let through = Timestamp(clock.streamTime)
            .advanced(byMilliseconds: -rule.windows.grace)
            .advanced(byMilliseconds: -rule.windows.difference)
            .advanced(byMilliseconds: -1).rawValue
        guard through > clocks[0].closedThrough else { return }
        let from = clocks[0].closedThrough
        clocks[0].closedThrough = through
        let ownTime = record.pointee.timestamp
        if through >= earliestOpen {
            let knownOpen = earliestOpen
            earliestOpen = .max
            do { try handOn(behind: from, through: through) } catch let later as RetryLater {
                // The next try closes them, whether or not stores go back.
                (clocks[0].closedThrough, earliestOpen) = (from, knownOpen)
                throw later
            }
        }
        record.pointee.timestamp = ownTime
        try removeExpired()
    }

    private func handOn(behind from: Int64, through: Int64) throws {
        try store.forEachByTime(behind: from) { start, _, escaped in
            guard start <= through else {
                earliestOpen = start
                return false
            }
            guard let row = try store.value(escapedKey: escaped, time: start, second: 0) else {
                return true
            }
            let aggregate = try value.decode(row.bytes)
            record.pointee.timestamp = row.timestamp
            let closed = Windowed(key: try keys.key(of: escaped), window: window(from: start))
            let due = closed.window.end.advanced(byMilliseconds: rule.windows.grace)
                .advanced(byMilliseconds: 1).rawValue
            try store.handle.task.expiry.atTime(due, by: store.handle.store) {
                try sink(closed, Change(old: nil, new: aggregate))
            }
            return true
        }
    }

    /// Whether some window is open. After a restart the store tells: while none is open, time does
    /// not go on by itself, or what comes next would be late.
    @usableFromInline
    func hasOpenWindow() throws -> Bool {
        if earliestOpen == .min {
            earliestOpen = .max
            try store.forEachByTime(behind: clocks[0].closedThrough) { start, _, escaped in
                let row = try store.value(escapedKey: escaped, time: start, second: 0)
                guard row != nil else { return true }
                earliestOpen = start
                return false
            }
        }
        return earliestOpen < .max
    }

    /// Removes the windows that begin `retention` before the newest one or earlier; none whose
    /// result is still to go on.
    @usableFromInline
    func removeExpired() throws {
        var through = clocks[0].expiry(retention: rule.retention)
        if rule.emission.isOnClose { through = min(through, clocks[0].closedThrough) }
        try store.removeExpired(through: through)
    }
}
