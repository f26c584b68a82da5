public import LogModel

/// How far event time is for one operator: the largest time that it has seen, through which time it
/// has closed windows, and the newest one in its store. Part of the operator's store, so that a
/// restart goes on where the last commit was.
@usableFromInline
final class WindowClock {
    @usableFromInline static let none = Int64.min

    /// The largest time of the records that the operator has taken.
    @exclusivity(unchecked) @usableFromInline private(set) var streamTime = WindowClock.none
    /// The wall clock at the last record, and stream time then.
    @exclusivity(unchecked) private var arrival: (wallTime: Timestamp, streamTime: Int64)?
    /// Windows whose time is not behind this one were closed.
    @exclusivity(unchecked) @usableFromInline var closedThrough = WindowClock.none
    /// The largest time of what was put in the store, by which what is kept is told.
    @exclusivity(unchecked) @usableFromInline private(set) var latestPut = WindowClock.none
    @exclusivity(unchecked) private var sequence: Int64 = 0
    private var saved = State()
    private let handle: StoreHandle
    private let key: [UInt8]

    /// The clock number `index` of a store. It is saved before a commit if it has changed, or when
    /// its owner says so.
    @usableFromInline
    init(_ handle: StoreHandle, index: UInt8 = 0, isSavedByOwner: Bool = false) {
        self.handle = handle
        key = [KeySpace.clock, index]
        handle.task.hooks.onRewind { [unowned self] in try load() }
        guard !isSavedByOwner else { return }
        handle.task.hooks.onCommit { [unowned self] in if hasChanged { try save() } }
    }

    /// So many clocks of a store.
    @usableFromInline
    static func clocks(_ handle: StoreHandle, count: Int) -> [WindowClock] {
        requireDeclared(count <= 256, "more than 256 streams in one aggregate")
        return (0..<count).map { WindowClock(handle, index: UInt8($0)) }
    }

    /// Takes note of a record; true if stream time moved on.
    @usableFromInline
    func note(_ time: Int64, arrivedAt wallTime: Timestamp) -> Bool {
        let hasMoved = advance(to: time)
        arrival = (wallTime, streamTime)
        return hasMoved
    }

    /// Moves stream time on; false if it has been there already.
    @usableFromInline
    func advance(to time: Int64) -> Bool {
        guard time > streamTime else { return false }
        streamTime = time
        return true
    }

    /// Takes note of an entry that was put in the store.
    @usableFromInline
    func notePut(_ time: Int64) {
        if time > latestPut { latestPut = time }
    }

    /// Entries of this time and earlier ones are past the time that they are kept for.
    @usableFromInline
    func expiry(retention: Int64) -> Int64 {
        guard latestPut != Self.none else { return Self.none }
        return Timestamp(latestPut).advanced(byMilliseconds: -retention).rawValue
    }

    /// A number that none before it had: what tells entries of one key and time apart.
    @usableFromInline
    func nextSequence() -> Int64 {
        sequence &+= 1
        return sequence
    }

    /// What `nextSequence` will return.
    @usableFromInline var upcomingSequence: Int64 { sequence &+ 1 }

    /// Where stream time is if it has gone on with the wall clock since the last record; nil before
    /// that was `idle` milliseconds ago. A record that waits to be tried again is there all the
    /// time: it may be on its way to the operator.
    @usableFromInline
    func idleTime(now: Timestamp, idle: Int64) -> Int64? {
        guard streamTime != Self.none else { return nil }
        let latest = handle.task.record.pointee.lastWaiting
        guard let arrival, arrival.wallTime >= latest else {
            // After a restart idleness is counted from the first look at the clock.
            arrival = (arrival == nil ? now : latest, streamTime)
            return nil
        }
        let passed = arrival.wallTime.milliseconds(to: now)
        guard passed >= idle else { return nil }
        return Timestamp(arrival.streamTime).advanced(byMilliseconds: passed).rawValue
    }

    private struct State: Equatable {
        var streamTime = WindowClock.none
        var closedThrough = WindowClock.none
        var latestPut = WindowClock.none
        var sequence: Int64 = 0
    }

    private func load() throws {
        var state = State()
        try key.withUnsafeBytes { key in
            guard let bytes = handle.bytes(try handle.slot(key)), bytes.count == 32 else { return }
            state.streamTime = bytes.time(at: 0)
            state.closedThrough = bytes.time(at: 8)
            state.latestPut = bytes.time(at: 16)
            state.sequence = bytes.time(at: 24)
        }
        saved = state
        streamTime = state.streamTime
        closedThrough = state.closedThrough
        latestPut = state.latestPut
        sequence = state.sequence
        arrival = nil
    }

    private var current: State {
        State(
            streamTime: streamTime,
            closedThrough: closedThrough,
            latestPut: latestPut,
            sequence: sequence
        )
    }

    /// Whether the store does not have it as it is.
    var hasChanged: Bool { saved != current }

    /// Writes it to the store.
    func save() throws {
        var sink = ByteSink(capacity: 32)
        sink.append(time: streamTime)
        sink.append(time: closedThrough)
        sink.append(time: latestPut)
        sink.append(time: sequence)
        try key.withUnsafeBytes { key in
            let time = Timestamp(max(0, streamTime))
            try handle.put(key: key, value: sink.bytes, timestamp: time)
        }
        saved = current
    }
}
