public import LogModel

/// A span of event time.
///
/// Tumbling and hopping windows end before `end`; for sliding windows and sessions `end` is the
/// last moment inside.
public struct Window: Hashable, Comparable, Sendable {
    /// The first moment.
    public let start: Timestamp
    /// The end; see above.
    public let end: Timestamp

    /// A window from `start` to `end`.
    @inlinable
    public init(start: Timestamp, end: Timestamp) {
        self.start = start
        self.end = end
    }

    /// By start, then by end.
    public static func < (left: Window, right: Window) -> Bool {
        (left.start, left.end) < (right.start, right.end)
    }
}

/// A key within a window.
public struct Windowed<Key> {
    /// The key.
    public let key: Key
    /// The window.
    public let window: Window

    /// A key in a window.
    @inlinable
    public init(key: Key, window: Window) {
        self.key = key
        self.window = window
    }
}

extension Windowed: Equatable where Key: Equatable {}
extension Windowed: Hashable where Key: Hashable {}
extension Windowed: Sendable where Key: Sendable {}

/// Windows of one size that begin at fixed moments: tumbling, or hopping where they overlap; or the
/// one window that has no end.
public struct TimeWindows: Hashable, Sendable {
    /// The length of a window in milliseconds.
    public let size: Int64
    /// The distance from one window's start to the next one's in milliseconds.
    public let advance: Int64
    /// How long after its end a window takes records, in milliseconds of stream time.
    public let grace: Int64
    /// Where the one window begins that has no end; nil for windows that have one.
    public let origin: Timestamp?

    /// Windows that follow each other without a gap or an overlap.
    public static func tumbling(_ size: Duration, grace: Duration = .zero) -> TimeWindows {
        TimeWindows(size: size, advance: size, grace: grace)
    }

    /// Windows of a size that begin every `advance`; a record belongs to all that contain it.
    public static func hopping(
        _ size: Duration,
        every advance: Duration,
        grace: Duration = .zero
    ) -> TimeWindows { TimeWindows(size: size, advance: advance, grace: grace) }

    /// One window from a time on, which never closes. Records of an earlier time belong to none,
    /// and are not counted (Kafka Streams' `UnlimitedWindows`).
    public static func unlimited(from start: Timestamp = Timestamp(0)) -> TimeWindows {
        TimeWindows(from: start)
    }

    private init(from start: Timestamp) {
        requireDeclared(start >= Timestamp(0), "windows do not begin before 1970")
        size = Int64.max - start.rawValue
        advance = size
        grace = 0
        origin = start
    }

    private init(size: Duration, advance: Duration, grace: Duration) {
        self.size = size.wholeMilliseconds
        self.advance = advance.wholeMilliseconds
        self.grace = grace.wholeMilliseconds
        origin = nil
        requireDeclared(self.size > 0, "a window lasts at least a millisecond")
        requireDeclared(
            self.advance > 0 && self.advance <= self.size,
            "windows begin at least a millisecond and at most their size apart"
        )
        requireDeclared(self.grace >= 0, "grace is not negative")
    }

    /// How far behind its end stream time is once a window takes no more records; nil if it always
    /// does.
    @usableFromInline var closesAfter: Int64? { origin == nil ? grace : nil }

    /// The start of the first window that contains a time; of the window without an end its start,
    /// which may lie behind the time.
    @inlinable
    func firstStart(containing time: Int64) -> Int64 {
        if let origin { return origin.rawValue }
        let earliest = max(0, time.subtractingReportingOverflow(size).partialValue &+ advance)
        return earliest / advance * advance
    }
}

/// Windows of one length around records: for each record, the window that ends with it, and the
/// one that begins behind it.
public struct SlidingWindows: Hashable, Sendable {
    /// The largest distance of two records in one window, in milliseconds.
    public let difference: Int64
    /// How long after its end a window takes records, in milliseconds of stream time.
    public let grace: Int64

    /// Windows in which records lie at most `difference` apart.
    public static func sliding(_ difference: Duration, grace: Duration = .zero) -> SlidingWindows {
        SlidingWindows(difference: difference, grace: grace)
    }

    private init(difference: Duration, grace: Duration) {
        self.difference = difference.wholeMilliseconds
        self.grace = grace.wholeMilliseconds
        requireDeclared(self.difference >= 0 && self.grace >= 0, "times are not negative")
    }
}

/// Sessions: records of a key that follow each other within a gap.
public struct SessionWindows: Hashable, Sendable {
    /// A session ends when nothing comes for longer than this, in milliseconds.
    public let gap: Int64
    /// How long after its end a session takes records, in milliseconds of stream time.
    public let grace: Int64

    /// Sessions that end after a gap.
    public static func session(gap: Duration, grace: Duration = .zero) -> SessionWindows {
        SessionWindows(gap: gap, grace: grace)
    }

    private init(gap: Duration, grace: Duration) {
        self.gap = gap.wholeMilliseconds
        self.grace = grace.wholeMilliseconds
        requireDeclared(self.gap >= 0 && self.grace >= 0, "times are not negative")
    }
}

/// When the result of a window goes on.
public struct Emission: Hashable, Sendable {
    @usableFromInline let isOnClose: Bool
    /// Milliseconds of the wall clock after which stream time goes on without records.
    @usableFromInline let idleAfter: Int64?

    /// At every record.
    public static var onUpdate: Emission { Emission(isOnClose: false, idleAfter: nil) }

    /// Once, when the window takes no more records. Stream time moves with records; where none come
    /// for `idleAfter`, it goes on with the wall clock, so that the last windows close too.
    public static func onClose(idleAfter: Duration? = nil) -> Emission {
        Emission(isOnClose: true, idleAfter: idleAfter?.wholeMilliseconds)
    }

    /// Once, when the window takes no more records.
    public static var onClose: Emission { onClose(idleAfter: nil) }
}
