package import LogModel

/// What one entry of a store says to whoever reads the store without its job: the key as the job's
/// serde wrote it, where the entry stands beside the key, and the value.
package struct StoreEntry: Equatable, Sendable {
    /// Where an entry stands beside its key.
    package enum Place: Equatable, Sendable {
        /// The one entry of its key.
        case row
        /// A window of fixed size, or a session.
        case window(Window)
        /// A value that the key had from a time on, and until another one; nil: it has it still.
        case version(from: Timestamp, to: Timestamp?)
        /// Of this time.
        case time(Timestamp)
    }

    package let key: [UInt8]
    package let place: Place
    /// Nil for a version in which the key had no value, and for a row without a foreign key.
    package let value: [UInt8]?
    /// The time that the store keeps beside the value.
    package let timestamp: Timestamp
    /// Which side of a join it waits for a partner of; nil in stores of other kinds.
    package let isLeft: Bool?

    init(
        _ key: UnsafeRawBufferPointer,
        _ place: Place,
        _ value: UnsafeRawBufferPointer?,
        _ timestamp: Timestamp,
        isLeft: Bool? = nil
    ) {
        self.key = [UInt8](key)
        self.place = place
        self.value = value.map { [UInt8]($0) }
        self.timestamp = timestamp
        self.isLeft = isLeft
    }
}

/// A range of a store's keys: from one on, up to another; nil: without an end.
package struct StoreKeyRange: Equatable, Sendable {
    package let from: [UInt8]
    package let to: [UInt8]?
}

/// How the keys of a store are laid out around what the job's serde writes, by the word in its
/// format. `StoreSpecification.Kind` is what a running job needs to know of it; this is what a
/// reader does.
package enum StoreLayout: String, CaseIterable, Sendable {
    case keyValue
    case expiring
    case expiringRow
    case window
    case sliding
    case windowStore
    case sessionByStart = "session by start"
    case sessionStore
    case versioned
    case joined = "joined by span"
    case waiting
    case held
    case suppressed
    case foreignKey
    case subscription
    case top
    /// The keys of a source that wait behind dead letters; its word is `held` as well.
    case heldKeys
    /// A thread's copy of a whole topic.
    case global

    /// The layout of a format; nil for one from elsewhere.
    package init?(_ format: RecordFormat) {
        let isOfKeys = format.layout == Self.held.rawValue && format.value == "dead letter"
        self.init(rawValue: isOfKeys ? Self.heldKeys.rawValue : format.layout)
    }

    /// The entry of a key and of what the engine holds under it; nil for what a store keeps for
    /// itself: clocks, and second keys by which entries are found by time.
    package func entry(
        _ key: UnsafeRawBufferPointer,
        _ stored: UnsafeRawBufferPointer,
        windowSize: Int64?
    ) -> StoreEntry? {
        guard stored.count >= 8 else { return nil }
        let timestamp = Timestamp(Int64(bigEndian: stored.loadUnaligned(as: Int64.self)))
        let value = stored.from(8)
        switch self {
        case .keyValue, .subscription, .heldKeys: return StoreEntry(key, .row, value, timestamp)
        case .expiring, .foreignKey, .global:
            guard key.first == KeySpace.entry else { return nil }
            let place = self == .expiring ? StoreEntry.Place.time(timestamp) : .row
            return StoreEntry(
                key.from(1),
                place,
                self == .foreignKey ? Self.foreignKey(of: value) : value,
                timestamp
            )
        case .expiringRow:
            guard key.first == KeySpace.entry, value.count >= ExpiringRows.prefixByteCount else {
                return nil
            }
            let row = value.from(ExpiringRows.prefixByteCount)
            return StoreEntry(key.from(1), .row, row, timestamp)
        case .top:
            guard key.first == KeySpace.latest, let plain = Self.plain(key.from(1)) else {
                return nil
            }
            return plain.withUnsafeBytes { StoreEntry($0, .row, value, timestamp) }
        case .window:
            guard key.count >= 9, key[0] == KeySpace.entry else { return nil }
            let place = Self.window(from: key.time(at: 1), size: windowSize)
            return StoreEntry(key.from(9), place, value, timestamp)
        case .sliding, .windowStore, .sessionByStart, .sessionStore, .versioned, .joined, .waiting,
            .held, .suppressed:
            return escapedEntry(key, value, timestamp, windowSize)
        }
    }

    /// An entry whose key is escaped between what stands in front of it and behind.
    private func escapedEntry(
        _ key: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer,
        _ timestamp: Timestamp,
        _ windowSize: Int64?
    ) -> StoreEntry? {
        let isLatest = self == .versioned && key.first == KeySpace.latest
        let prefix = frame.prefix
        let suffix = isLatest ? 0 : frame.suffix
        guard key.first == KeySpace.entry || isLatest, key.count >= prefix + 2 + suffix,
            let plain = Self.plain(
                UnsafeRawBufferPointer(rebasing: key[prefix..<(key.count - suffix)])
            )
        else { return nil }
        let end = key.count - suffix
        var kept: UnsafeRawBufferPointer? = value
        var isLeft: Bool?
        let place: StoreEntry.Place
        switch self {
        case .versioned where isLatest: place = .version(from: timestamp, to: nil)
        case .versioned:
            place = .version(
                from: Timestamp(key.time(at: end + 8)),
                to: Timestamp(key.time(at: end))
            )
            kept = value.first == 1 ? value.from(1) : nil
        case .sliding, .windowStore: place = Self.window(from: key.time(at: end), size: windowSize)
        case .sessionByStart:
            place = .window(Window(start: Timestamp(key.time(at: end)), end: timestamp))
        case .sessionStore:
            let (start, last) = (Timestamp(key.time(at: end + 8)), Timestamp(key.time(at: end)))
            place = .window(Window(start: start, end: last))
        case .joined: place = .time(Timestamp(key.time(at: end)))
        case .waiting:
            place = .time(Timestamp(key.time(at: 1)))
            isLeft = key[9] == 1
        case .held:
            place = .time(Timestamp(key.time(at: 1)))
            kept = HeldRecord.content(of: value)
        case .suppressed:
            place = .time(Timestamp(key.time(at: end)))
            kept = HeldRecord.content(of: value)
        case .keyValue, .expiring, .expiringRow, .window, .foreignKey, .subscription, .top,
            .heldKeys, .global:
            return nil
        }
        return plain.withUnsafeBytes { StoreEntry($0, place, kept, timestamp, isLeft: isLeft) }
    }

    /// What stands in front of an escaped key and behind it.
    private var frame: (prefix: Int, suffix: Int) {
        switch self {
        case .sliding, .windowStore, .sessionStore, .versioned, .suppressed:
            (1, TimedKey.suffixByteCount)
        case .sessionByStart: (1, SessionKey.suffixByteCount)
        case .joined: (9, TimedKey.suffixByteCount)
        case .held: (9, 8)
        case .waiting: (10, 8)
        case .keyValue, .expiring, .expiringRow, .window, .foreignKey, .subscription, .top,
            .heldKeys, .global:
            (0, 0)
        }
    }

    /// The number of a change stands first, then flags, of which one says that there is one.
    private static func foreignKey(of value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        value.count >= 9 && value[8] & 2 != 0 ? value.from(9) : nil
    }

    private static func window(from start: Int64, size: Int64?) -> StoreEntry.Place {
        let start = Timestamp(start)
        guard let size else { return .time(start) }
        return .window(Window(start: start, end: start.advanced(byMilliseconds: size)))
    }

    /// The bytes of a key that was escaped; nil where it does not end as one does.
    private static func plain(_ escaped: UnsafeRawBufferPointer) -> [UInt8]? {
        guard escaped.count >= 2, escaped[escaped.count - 1] == 0, escaped[escaped.count - 2] == 0
        else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(escaped.count - 2)
        var index = 0
        while index < escaped.count - 2 {
            bytes.append(escaped[index])
            index += escaped[index] == 0 ? 2 : 1
        }
        return bytes
    }

    // MARK: Ranges

    /// Where the entries lie whose keys are from `low` on and before `high`, by their bytes: more
    /// may lie there. All of the store where it is in the order of times.
    package func ranges(from low: [UInt8], to high: [UInt8]?) -> [StoreKeyRange] {
        switch self {
        case .keyValue, .subscription, .heldKeys: [StoreKeyRange(from: low, to: high)]
        case .expiring, .expiringRow, .foreignKey, .global:
            [Self.range(KeySpace.entry, low, high)]
        case .sliding, .windowStore, .sessionByStart, .sessionStore, .suppressed:
            [Self.range(KeySpace.entry, Self.escaped(low), high.map(Self.escaped))]
        case .versioned:
            [KeySpace.entry, KeySpace.latest].map {
                Self.range($0, Self.escaped(low), high.map(Self.escaped))
            }
        case .top: [Self.range(KeySpace.latest, Self.escaped(low), high.map(Self.escaped))]
        case .window, .joined, .waiting, .held: [Self.range(KeySpace.entry, [], nil)]
        }
    }

    private static func range(_ head: UInt8, _ low: [UInt8], _ high: [UInt8]?) -> StoreKeyRange {
        StoreKeyRange(from: [head] + low, to: high.map { [head] + $0 } ?? [head + 1])
    }

    /// The escaped bytes without their end, so that they stand before every key that begins so.
    private static func escaped(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { $0 == 0 ? [0, 255] : [$0] }
    }
}
