import LogModel
import Streams

/// Forwards by the number at the end of the value: 0 to one child, 1 to the other, 2 to both.
struct Children: Processor {
    mutating func process(
        _ key: String?,
        _ value: String?,
        _ context: inout ProcessorContext<String?, String?>
    ) throws {
        switch value.flatMap(DSLTopologies.trailingNumber).map({ $0 % 3 }) {
        case 0: try context.forward(key, value, to: "a")
        case 1: try context.forward(key, value, to: "b")
        default: try context.forward(key, value)
        }
    }
}

/// Values with their time, forwarded some milliseconds later.
struct Shifting: ValueProcessor {
    let shift: Int64

    mutating func process(
        _ key: String?,
        _ value: String?,
        _ context: inout ValueContext<String?, String?>
    ) throws {
        let time = context.timestamp
        let shifted = time.advanced(byMilliseconds: shift)
        if shifted.rawValue >= 0 { context.timestamp = shifted }
        try context.forward("\(value ?? "null")@\(time.rawValue)")
    }
}

/// Values with stream time and wall clock.
struct Times: Processor {
    mutating func process(
        _ key: String?,
        _ value: String?,
        _ context: inout ProcessorContext<String?, String?>
    ) throws {
        let time = context.streamTime?.rawValue ?? -1
        let text = "\(value ?? "null") st=\(time) wall=\(context.wallTime.rawValue)"
        try context.forward(key, text)
    }
}

/// Three results with other times, headers and keys.
struct Rewriting: Processor {
    mutating func process(
        _ key: String?,
        _ value: String?,
        _ context: inout ProcessorContext<String?, String?>
    ) throws {
        let (time, text) = (context.timestamp, value ?? "null")
        context.headers.append(RecordHeaders.Header("p", "1"))
        let headers = context.headers
        context.timestamp = time.advanced(byMilliseconds: 5)
        try context.forward(key, "\(text).1")
        context.timestamp = max(Timestamp(0), time.advanced(byMilliseconds: -5))
        context.headers = []
        try context.forward(key, "\(text).2")
        context.timestamp = time
        context.headers = headers
        try context.forward("n\(key ?? "null")", "\(text).3")
    }
}

/// Counts by key in a store; a null value removes the count.
struct Counting: Processor {
    static let counts = Store.keyValue("store", key: .utf8, value: .int64)
    private let counts: KeyValueStore<UTF8Serde, Int64Serde>

    init(_ stores: TaskStores) throws { counts = try stores.open(Self.counts) }

    mutating func process(
        _ key: String?,
        _ value: String?,
        _ context: inout ProcessorContext<String?, String?>
    ) throws {
        guard let key else { return }
        guard let value else {
            try counts.remove(key)
            return try context.forward(key, nil)
        }
        let count = (try counts.get(key) ?? 0) + 1
        try counts.put(key, count)
        try context.forward(key, "\(value)#\(count)")
    }
}

/// Forwards the first of all records with one id within a time.
struct Deduplicating: Processor {
    let seen: WindowStore<UTF8Serde, Int64Serde>
    let ttl: Int64

    static func seen(ttl: Int64) -> Store<WindowStore<UTF8Serde, Int64Serde>> {
        Store.window(
            "seen",
            key: .utf8,
            value: .int64,
            size: .milliseconds(ttl),
            retention: .milliseconds(2 * ttl)
        )
    }

    mutating func process(
        _ key: String?,
        _ value: String?,
        _ context: inout ProcessorContext<String?, String?>
    ) throws {
        guard let value else { return }
        let id = String(value.prefix { $0 != ":" })
        let time = context.timestamp
        var isDuplicate = false
        try seen.fetch(
            id,
            between: max(Timestamp(0), time.advanced(byMilliseconds: -ttl)),
            and: time.advanced(byMilliseconds: ttl)
        ) { _, _ in
            isDuplicate = true
            return false
        }
        guard !isDuplicate else { return }
        try seen.put(id, time.rawValue, at: time)
        try context.forward(key, value)
    }
}

/// Forwards records as they are, and a tick with the number of records since the last one. Numbers
/// and, by the wall clock, when it is due are in a store, so that a crash changes nothing.
struct Ticking: Processor {
    static let kept = Store.keyValue("kept", key: .utf8, value: .int64)

    let kept: KeyValueStore<UTF8Serde, Int64Serde>
    let clock: TimerClock
    let interval: Duration
    let limit: Int64
    let waitsForRecord: Bool
    private var isScheduled = false

    init(
        kept: KeyValueStore<UTF8Serde, Int64Serde>,
        clock: TimerClock,
        interval: Duration,
        limit: Int64,
        waitsForRecord: Bool
    ) {
        self.kept = kept
        self.clock = clock
        self.interval = interval
        self.limit = limit
        self.waitsForRecord = waitsForRecord
    }

    mutating func start(_ context: inout ProcessorContext<String?, String?>) throws {
        let hasBegun = try kept.get("due") != nil
        if !waitsForRecord || hasBegun { try schedule(context) }
    }

    private mutating func schedule(_ context: ProcessorContext<String?, String?>) throws {
        guard !isScheduled else { return }
        isScheduled = true
        if limit > 0, try kept.get("fired") ?? 0 >= limit { return }
        let due = clock == .wallClock ? try kept.get("due").map { Timestamp($0) } : nil
        context.schedule("tick", every: interval, by: clock, from: due)
        try keepDueTime(context)
    }

    private func keepDueTime(_ context: ProcessorContext<String?, String?>) throws {
        guard clock == .wallClock else { return }
        try kept.put("due", context.dueTime(of: "tick")?.rawValue)
    }

    mutating func process(
        _ key: String?,
        _ value: String?,
        _ context: inout ProcessorContext<String?, String?>
    ) throws {
        try schedule(context)
        try kept.put("count", (kept.get("count") ?? 0) + 1)
        try context.forward(key, value)
    }

    mutating func fire(
        _ timer: String,
        at time: Timestamp,
        _ context: inout ProcessorContext<String?, String?>
    ) throws {
        let count = try kept.remove("count") ?? 0
        try context.forward("tick", "T/\(time.rawValue)/n=\(count)")
        let fired = (try kept.get("fired") ?? 0) + 1
        try kept.put("fired", fired)
        if fired == limit { context.cancel("tick") } else { try keepDueTime(context) }
    }
}
