import Bytes
import LogModel
import StateStores

/// The keys of a store of sessions.
///
/// An entry is 1, the key (escaped), the session's start in 8 bytes; its timestamp is the session's
/// end. A twin for finding it by time is 2, a time, the start, the key, with an empty value.
enum SessionKey {
    /// The start behind a key.
    static let suffixByteCount = 8

    static func isEntry(_ key: UnsafeRawBufferPointer) -> Bool {
        key.count >= 1 + 2 + suffixByteCount && key[0] == KeySpace.entry
    }

    /// Appends the twin of an entry at a time.
    static func appendTwin(
        of entry: UnsafeRawBufferPointer,
        at time: Int64,
        to sink: inout ByteSink
    ) {
        let suffix = entry.count - suffixByteCount
        sink.append(KeySpace.byTime)
        sink.append(time: time)
        sink.append(contentsOf: entry.from(suffix))
        sink.append(contentsOf: UnsafeRawBufferPointer(rebasing: entry[1..<suffix]))
    }
}

/// The sessions of one operator in its store: read by key around a time, and over all keys by end.
/// Those of a key lie apart, so that the order of their starts is that of their ends.
///
/// A session that grows keeps its entry and its twin: the twin's time is not behind the session's
/// end, and whoever comes by moves it there. Growth is what happens at nearly every record.
@usableFromInline
final class SessionRows {
    private let handle: StoreHandle
    var store: StateStore { handle.store }
    private let entry = KeyScratch()
    private let passed = KeyScratch()
    private let twin = KeyScratch()
    private let from = KeyScratch()
    private let to = KeyScratch()
    private let newest: NewestSessions
    /// The session that `forEach` gave first, whose key is in `to`, and the table's `moveCount`.
    @exclusivity(unchecked) private var given: (slot: KeyValueTable.Slot, moveCount: Int)?
    /// No twin has a time before this one.
    @exclusivity(unchecked) private var earliest = Int64.min

    @usableFromInline
    init(_ handle: StoreHandle) {
        self.handle = handle
        newest = NewestSessions { [store = handle.store] in store.noteBeside(byteCount: $0) }
        handle.task.hooks.onRewind { [unowned self] in
            earliest = .min
            given = nil
            newest.removeAll()
        }
    }

    /// Has the sessions of the records that come next brought into the processor's caches.
    @usableFromInline
    func lookAhead() {
        handle.task.hooks.onKeysAhead(of: handle.store) { [newest] key in
            newest.lookAhead(to: key)
        }
    }

    /// Calls `body` with the sessions of an escaped key that start at a time or before, the latest
    /// first, until it returns false.
    @usableFromInline
    func forEach(
        escapedKey: UnsafeRawBufferPointer,
        startingThrough last: Int64,
        _ body: (_ window: Window, _ value: UnsafeRawBufferPointer) throws -> Bool
    ) throws {
        given = nil
        let newestStart = newest.start(of: escapedKey)
        if newestStart == NewestSessions.none { return }
        if let start = newestStart, start <= last {
            begin(to, escapedKey)
            to.sink.pointee.append(time: start)
            let slot = try handle.slot(to.bytes)
            if let value = handle.bytes(slot) {
                newest.note(slot)
                given = (slot, handle.store.table.pointee.moveCount)
                let window = Window(start: Timestamp(start), end: handle.timestamp(slot))
                guard try body(window, value) else { return }
                // Those before it.
                begin(from, escapedKey)
                return try walk(body)
            }
        }
        begin(from, escapedKey)
        if newestStart ?? last <= last,
            try forEachOfUnknown(escapedKey, startingThrough: last, body)
        {
            return
        }
        begin(to, escapedKey)
        to.sink.pointee.append(time: last)
        // The first key behind it.
        to.sink.pointee.append(0)
        try walk(body)
    }

    /// The same for a key whose newest session is not known, beginning with that one.
    ///
    /// - Returns: false if that one starts too late.
    private func forEachOfUnknown(
        _ escapedKey: UnsafeRawBufferPointer,
        startingThrough last: Int64,
        _ body: (_ window: Window, _ value: UnsafeRawBufferPointer) throws -> Bool
    ) throws -> Bool {
        begin(to, escapedKey)
        to.sink.pointee.append(time: .max)
        to.sink.pointee.append(0)
        var latest = NewestSessions.none
        try walk { window, value in
            if latest == NewestSessions.none {
                latest = window.start.rawValue
                newest.set(latest, of: escapedKey)
                guard latest <= last else { return false }
            }
            return try body(window, value)
        }
        if latest == NewestSessions.none { newest.set(latest, of: escapedKey) }
        return latest <= last
    }

    /// Calls `body` with the sessions from `from` up to `to`, the latest first.
    private func walk(
        _ body: (_ window: Window, _ value: UnsafeRawBufferPointer) throws -> Bool
    ) throws {
        let length = from.bytes.count + SessionKey.suffixByteCount
        try handle.store.range(from: from.bytes, to: to.bytes, isReversed: true) {
            key,
            value,
            end in
            guard key.count == length else { return true }
            let start = Timestamp(key.time(at: length - SessionKey.suffixByteCount))
            return try body(Window(start: start, end: end), value)
        }
    }

    private func begin(_ scratch: KeyScratch, _ escapedKey: UnsafeRawBufferPointer) {
        scratch.sink.pointee.removeAll()
        scratch.sink.pointee.append(KeySpace.entry)
        scratch.sink.pointee.append(contentsOf: escapedKey)
    }

    /// Puts the value of a session, or of one that begins as it does and has grown; nil removes it.
    ///
    /// - Parameter closedThrough: sessions that ended by then have been given by
    ///   `forEach(endingBehind:through:)`, which is not asked for them again.
    @usableFromInline
    func put(
        escapedKey: UnsafeRawBufferPointer,
        _ window: Window,
        value: UnsafeRawBufferPointer?,
        closedThrough: Int64
    ) throws {
        let slot: KeyValueTable.Slot
        let key: UnsafeRawBufferPointer
        if let given = givenSlot(of: escapedKey, window.start) {
            (slot, key) = (given, to.bytes)
        } else {
            begin(entry, escapedKey)
            entry.sink.pointee.append(time: window.start.rawValue)
            (slot, key) = (try handle.slot(entry.bytes), entry.bytes)
        }
        let isThere = handle.bytes(slot) != nil
        let hasTwin = isThere && handle.timestamp(slot).rawValue > closedThrough
        // A session without its twin would never close, and could not be restored.
        if !isThere { try requireRoomForTwin(of: key) }
        if !isThere { newest.note(window.start.rawValue, of: escapedKey) }
        try handle.put(slot, key: key, value: value, timestamp: window.end)
        if value != nil, !hasTwin { try putTwin(of: key, at: window.end.rawValue) }
    }

    private func requireRoomForTwin(of entry: UnsafeRawBufferPointer) throws {
        twin.sink.pointee.removeAll()
        SessionKey.appendTwin(of: entry, at: 0, to: &twin.sink.pointee)
        try handle.requireShort(twin.bytes)
    }

    /// The slot of a session, if `forEach` has just given it.
    private func givenSlot(
        of escapedKey: UnsafeRawBufferPointer,
        _ start: Timestamp
    ) -> KeyValueTable.Slot? {
        guard let given, given.moveCount == handle.store.table.pointee.moveCount else {
            return nil
        }
        let key = to.bytes
        let suffix = 1 + escapedKey.count
        guard key.count == suffix + SessionKey.suffixByteCount, let base = key.baseAddress,
            let escaped = escapedKey.baseAddress,
            key.time(at: suffix) == start.rawValue,
            (base + 1).hasSameBytes(as: escaped, count: escapedKey.count)
        else { return nil }
        return given.slot
    }

    /// The value of a session; nil if there is none of these ends. Valid until the next change.
    @usableFromInline
    func value(
        escapedKey: UnsafeRawBufferPointer,
        _ window: Window
    ) throws -> UnsafeRawBufferPointer? {
        begin(entry, escapedKey)
        entry.sink.pointee.append(time: window.start.rawValue)
        let slot = try handle.slot(entry.bytes)
        guard let bytes = handle.bytes(slot), handle.timestamp(slot) == window.end else {
            return nil
        }
        return bytes
    }

    /// Calls `body` with the sessions that ended behind a time and through another, by end, start
    /// and key. It may not change the store; what it is given is valid until it returns.
    ///
    /// - Returns: a time before which no later session ends.
    @usableFromInline
    func forEach(
        endingBehind time: Int64,
        through last: Int64,
        _ body: (
            _ escapedKey: UnsafeRawBufferPointer, _ window: Window,
            _ value: UnsafeRawBufferPointer
        ) throws -> Void
    ) throws -> Int64 {
        try walk(behind: time, through: last) { slot, start, escapedKey in
            guard let value = handle.bytes(slot) else { return }
            let window = Window(start: Timestamp(start), end: handle.timestamp(slot))
            try body(escapedKey, window, value)
        }
    }

    /// When the session ends that is the first to end behind a time, or an earlier time behind it;
    /// the largest time if there is none.
    @usableFromInline
    func firstEnd(behind time: Int64) throws -> Int64 {
        var passed = time
        while true {
            let next = try walk(behind: passed, through: passed) { _, _, _ in }
            guard next < .max else { return next }
            var isThere = false
            _ = try walk(behind: passed, through: next) { _, _, _ in isThere = true }
            if isThere { return next }
            // Its session has grown or is gone, which is seen to now.
            passed = next
        }
    }

    /// Removes the sessions that ended by a time.
    @usableFromInline
    func removeExpired(through last: Int64) throws {
        guard last >= earliest else { return }
        // Keys that were removed stay in the index until a checkpoint: they are not walked again.
        let first = earliest
        earliest = .max
        let next = try walk(behind: first > .min ? first - 1 : .min, through: last) { slot, _, _ in
            let end = handle.timestamp(slot)
            try handle.put(slot, key: passed.bytes, value: nil, timestamp: end)
            twin.sink.pointee.removeAll()
            SessionKey.appendTwin(of: passed.bytes, at: end.rawValue, to: &twin.sink.pointee)
            try changeTwin(to: nil, at: end)
        }
        earliest = min(earliest, next)
    }

    /// Calls `body` with the entries, in `passed`, whose twins lie behind a time and through
    /// another and tell their ends; moves twins of sessions that have grown, removes those of
    /// sessions that are gone.
    ///
    /// - Returns: the time of the next twin; the largest time if there is none.
    private func walk(
        behind time: Int64,
        through last: Int64,
        _ body: (
            _ slot: KeyValueTable.Slot, _ start: Int64, _ escapedKey: UnsafeRawBufferPointer
        ) throws -> Void
    ) throws -> Int64 {
        from.sink.pointee.removeAll()
        from.sink.pointee.append(KeySpace.byTime)
        if time > .min { from.sink.pointee.append(time: time &+ (time < .max ? 1 : 0)) }
        var next = Int64.max
        try handle.store.range(from: from.bytes, to: nil) { key, _, _ in
            guard key.count > 17, key[0] == KeySpace.byTime else { return false }
            let found = key.time(at: 1)
            guard found <= last else {
                next = found
                return false
            }
            let (start, escapedKey) = (key.time(at: 9), key.from(17))
            passed.sink.pointee.removeAll()
            passed.sink.pointee.append(KeySpace.entry)
            passed.sink.pointee.append(contentsOf: escapedKey)
            passed.sink.pointee.append(time: start)
            let slot = try handle.slot(passed.bytes)
            let end = handle.bytes(slot) == nil ? nil : handle.timestamp(slot).rawValue
            if end == found {
                try body(slot, start, escapedKey)
                return true
            }
            twin.sink.pointee.removeAll()
            twin.sink.pointee.append(contentsOf: key)
            try changeTwin(to: nil, at: Timestamp(found))
            if let end, end > found { try putTwin(of: passed.bytes, at: end) }
            return true
        }
        return next
    }

    private func putTwin(of entry: UnsafeRawBufferPointer, at time: Int64) throws {
        twin.sink.pointee.removeAll()
        SessionKey.appendTwin(of: entry, at: time, to: &twin.sink.pointee)
        try changeTwin(to: UnsafeRawBufferPointer(start: nil, count: 0), at: Timestamp(time))
        earliest = min(earliest, time)
    }

    /// Puts or removes the twin whose key is in `twin`. It is made of the entry at a restore, and
    /// stands in no changelog.
    private func changeTwin(to value: UnsafeRawBufferPointer?, at time: Timestamp) throws {
        handle.store.table.pointee.put(
            try handle.slot(twin.bytes),
            value: value,
            timestamp: time
        )
    }
}
