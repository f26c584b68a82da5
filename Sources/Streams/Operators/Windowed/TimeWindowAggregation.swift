public import LogModel
import StateStores

/// An aggregation by tumbling or hopping windows in one task.
///
/// An entry of its store is 1, the window's start, the key: in the order of the starts, so that
/// windows that close or expire are a range at the front.
@usableFromInline
final class TimeWindowAggregation<KeySerde: Serde, AggregateSerde: Serde> {
    @usableFromInline typealias Sink =
        StreamNode<Windowed<KeySerde.Value>, Change<AggregateSerde.Value>>.Sink

    @usableFromInline let handle: StoreHandle
    /// One for each input, for each has its own stream time; where results go on once, all inputs
    /// share one, for what is closed for one is closed for all. The first one tells what is closed
    /// and kept.
    @usableFromInline let clocks: [WindowClock]
    @usableFromInline let key: KeySerde
    @usableFromInline let value: AggregateSerde
    @usableFromInline let rule: TimeWindowRule
    @usableFromInline let sink: Sink
    @usableFromInline let scratch = KeyScratch()
    @usableFromInline let valueSink: UnsafeMutablePointer<ByteSink>
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    @usableFromInline let counters: UnsafeMutablePointer<TaskCounters>
    /// No open window begins before this time; the least time where that is not known.
    @exclusivity(unchecked) @usableFromInline var earliestOpen = Int64.min
    /// No window of the store begins before this time.
    @exclusivity(unchecked) @usableFromInline var earliestKept = Int64.min

    @inlinable
    init(
        _ task: TaskBinding,
        _ store: String,
        key: KeySerde,
        value: AggregateSerde,
        rule: TimeWindowRule,
        inputCount: Int = 1,
        sink: @escaping Sink
    ) {
        let handle = StoreHandle(task: task, store: store)
        self.handle = handle
        clocks = WindowClock.clocks(handle, count: rule.emission.isOnClose ? 1 : inputCount)
        self.key = key
        self.value = value
        self.rule = rule
        self.sink = rule.emission.isOnClose ? task.errors.lettingGo(sink) : sink
        valueSink = task.valueSink
        record = task.record
        counters = task.counters
        task.hooks.onRewind { [unowned self] in forgetBounds() }
        if let idle = rule.emission.idleAfter {
            task.hooks.schedule(every: max(1, idle / 4)) { [unowned self] now in
                let clock = clocks[0]
                guard try hasOpenWindow() else { return }
                if let time = clock.idleTime(now: now, idle: idle), clock.advance(to: time) {
                    try closeWindows(clock)
                    try removeExpired()
                }
            }
        }
    }

    /// Puts a record into every window that contains its time.
    @inlinable
    func receive(
        _ newKey: KeySerde.Value,
        input: Int = 0,
        _ update: (AggregateSerde.Value?) throws -> AggregateSerde.Value?
    ) throws {
        let time = record.pointee.timestamp.rawValue
        if time < 0 || key.isNull(newKey) {
            counters.pointee.drop(time < 0 ? .negativeTimestamp : .nullKey)
            return
        }
        let clock = clocks[min(input, clocks.count - 1)]
        _ = clock.note(time, arrivedAt: record.pointee.wallTime)
        let limit = Timestamp(clock.streamTime)
            .advanced(byMilliseconds: -rule.windows.grace).rawValue
        scratch.sink.pointee.removeAll()
        scratch.sink.pointee.append(KeySpace.entry)
        scratch.sink.pointee.append(time: 0)
        try key.encode(newKey, into: &scratch.sink.pointee)
        var start = rule.windows.firstStart(containing: time)
        while start <= time {
            let end = Timestamp(start).advanced(byMilliseconds: rule.windows.size)
            if end.rawValue <= limit {
                counters.pointee.drop(.late)
            } else {
                try add(newKey, to: Window(start: Timestamp(start), end: end), update)
            }
            let (next, overflows) = start.addingReportingOverflow(rule.windows.advance)
            if overflows { break }
            start = next
        }
        // Not only where time moved on: the record that moved it may have failed.
        if rule.emission.isOnClose { try closeWindows(clock) }
        try removeExpired()
    }

    @inlinable
    func add(
        _ newKey: KeySerde.Value,
        to window: Window,
        _ update: (AggregateSerde.Value?) throws -> AggregateSerde.Value?
    ) throws {
        let start = window.start.rawValue
        scratch.sink.pointee.overwrite(bigEndian: UInt64(bitPattern: start) ^ 1 << 63, at: 1)
        let slot = try handle.slot(scratch.bytes)
        let old = try handle.bytes(slot).map { try value.decode($0) }
        let ownTime = record.pointee.timestamp
        let resultTime = old == nil ? ownTime : max(ownTime, handle.timestamp(slot))
        let new = try update(old).flatMap { value.isNull($0) ? nil : $0 }
        valueSink.pointee.removeAll()
        if let new { try value.encode(new, into: &valueSink.pointee) }
        try handle.put(
            slot,
            key: scratch.bytes,
            value: new == nil ? nil : valueSink.pointee.bytes,
            timestamp: resultTime
        )
        if start < earliestOpen { earliestOpen = start }
        if start < earliestKept { earliestKept = start }
        clocks[0].notePut(start)
        guard !rule.emission.isOnClose else { return }
        record.pointee.timestamp = resultTime
        try sink(Windowed(key: newKey, window: window), Change(old: old, new: new))
        record.pointee.timestamp = ownTime
    }

    /// Hands on the results of the windows that take no more records, by start, then by key.
    @usableFromInline
    func closeWindows(_ clock: WindowClock) throws {
        let through = Timestamp(clock.streamTime)
            .advanced(byMilliseconds: -rule.windows.grace)
            .advanced(byMilliseconds: -rule.windows.size).rawValue
        guard through > clocks[0].closedThrough else { return }
        let from = clocks[0].closedThrough
        clocks[0].closedThrough = through
        guard through >= earliestOpen else { return }
        let ownTime = record.pointee.timestamp
        let knownOpen = earliestOpen
        earliestOpen = .max
        do { try handOn(behind: from, through: through) } catch let later as RetryLater {
            // The next try closes them, whether or not stores go back.
            (clocks[0].closedThrough, earliestOpen) = (from, knownOpen)
            throw later
        }
        record.pointee.timestamp = ownTime
    }

    private func handOn(behind from: Int64, through: Int64) throws {
        try forEach(behind: from) { start, entry, stored, time in
            guard start <= through else {
                earliestOpen = start
                return false
            }
            let window = Window(
                start: Timestamp(start),
                end: Timestamp(start).advanced(byMilliseconds: rule.windows.size)
            )
            let closed = Windowed(key: try key.decode(entry.from(9)), window: window)
            record.pointee.timestamp = time
            let due = window.end.advanced(byMilliseconds: rule.windows.grace).rawValue
            let aggregate = try value.decode(stored)
            try handle.task.expiry.atTime(due, by: handle.store) {
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
            try forEach(behind: clocks[0].closedThrough) { start, _, _, _ in
                earliestOpen = start
                return false
            }
        }
        return earliestOpen < .max
    }

    /// Removes the windows that begin `retention` before the newest one or earlier.
    @usableFromInline
    func removeExpired() throws {
        let through = clocks[0].expiry(retention: rule.retention)
        guard through >= earliestKept else { return }
        // Keys that were removed stay in the index until a checkpoint: they are not walked again.
        let first = earliestKept
        earliestKept = .max
        try forEach(behind: first > .min ? first - 1 : .min) { start, entry, _, time in
            guard start <= through else {
                earliestKept = start
                return false
            }
            try handle.put(key: entry, value: nil, timestamp: time)
            return true
        }
    }

    private func forEach(
        behind start: Int64,
        _ body: (
            _ start: Int64, _ entry: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
            _ timestamp: Timestamp
        ) throws -> Bool
    ) throws {
        scratch.sink.pointee.removeAll()
        scratch.sink.pointee.append(KeySpace.entry)
        if start > .min { scratch.sink.pointee.append(time: start &+ (start < .max ? 1 : 0)) }
        try handle.store.range(from: scratch.bytes, to: nil) { entry, value, timestamp in
            guard entry.count >= 9, entry[0] == KeySpace.entry else { return false }
            return try body(entry.time(at: 1), entry, value, timestamp)
        }
    }

    @usableFromInline
    func forgetBounds() {
        earliestOpen = .min
        earliestKept = .min
    }
}

extension TableView {
    /// The rows of a store of tumbling or hopping windows.
    @inlinable
    static func timeWindows<KeySerde: Serde, ValueSerde: Serde>(
        _ store: String,
        key: KeySerde,
        value: ValueSerde
    ) -> TableView<Key, Value>
    where Key == Windowed<KeySerde.Value>, ValueSerde.Value == Value {
        TableView { task in
            let handle = StoreHandle(task: task, store: store)
            let scratch = KeyScratch()
            return { wanted in
                scratch.sink.pointee.removeAll()
                scratch.sink.pointee.append(KeySpace.entry)
                scratch.sink.pointee.append(time: wanted.window.start.rawValue)
                try key.encode(wanted.key, into: &scratch.sink.pointee)
                let slot = try handle.slot(scratch.bytes)
                guard let bytes = handle.bytes(slot) else { return nil }
                return TableRow(value: try value.decode(bytes), timestamp: handle.timestamp(slot))
            }
        }
    }
}
