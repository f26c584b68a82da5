public import LogModel
import StateStores

/// A store that keeps the versions of each key through a history: which value was there when.
///
/// The newest version that is a value stands under 3 and the escaped key, with its start as its
/// timestamp. Versions that ended are entries of a `TimedStore`: time is a version's end, the
/// second number its start; the value is 1 and the bytes, or 0 for a removal. Where a key has no
/// newest value, its newest version is a removal, at the largest end of its entries.
///
/// A version is removed once its end is older than the history: no read as of a time within the
/// history meets it, and no put within the history is next to it.
@usableFromInline
final class VersionedStore {
    private let handle: StoreHandle
    private let clock: WindowClock
    private let ended: TimedStore
    /// How far behind stream time versions are kept, in milliseconds.
    private let history: Int64
    private let latestKey = KeyScratch()
    private let scratch = KeyScratch()

    @usableFromInline
    init(_ handle: StoreHandle, history: Int64) {
        self.handle = handle
        self.history = history
        clock = WindowClock(handle)
        ended = TimedStore(handle)
    }

    /// What a put amounted to.
    @usableFromInline
    enum Outcome {
        /// The version is older than the history, and was not put.
        case tooOld
        /// There are newer versions of the key: it ends at this time.
        case superseded(end: Int64)
        /// It is the newest version of the key.
        case latest
    }

    /// Puts a version of an escaped key that begins at a time; nil is a removal.
    @usableFromInline
    func put(
        _ key: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer?,
        at time: Int64
    ) throws -> Outcome {
        guard time >= 0 else { return .tooOld }
        if clock.advance(to: time) { try ended.removeExpired(through: oldest) }
        guard time >= oldest else { return .tooOld }
        setLatestKey(key)
        let slot = try handle.slot(latestKey.bytes)
        let newest = handle.bytes(slot)
        // Where the newest version is a removal, the largest end tells its time.
        var tellsRemoval = false
        if let newest {
            let start = handle.timestamp(slot).rawValue
            guard time >= start else {
                return .superseded(end: try insert(key, value, at: time, before: start))
            }
            if time > start {
                copyVersion(newest)
                try putEnded(key, from: start, to: time)
                tellsRemoval = true
            }
        } else if let removal = try lastEnd(of: key) {
            guard time >= removal else {
                return .superseded(end: try insert(key, value, at: time, before: removal))
            }
            if value == nil {
                copyVersion(nil)
                try putEnded(key, from: removal, to: time)
                return .latest
            }
        }
        if value == nil {
            if !tellsRemoval {
                copyVersion(nil)
                try putEnded(key, from: time, to: time)
            }
            if newest == nil { return .latest }
        }
        setLatestKey(key)
        try handle.put(key: latestKey.bytes, value: value, timestamp: Timestamp(time))
        return .latest
    }

    /// The newest value of an escaped key; nil where it has none. Lent until the next change.
    @usableFromInline
    func latest(_ key: UnsafeRawBufferPointer) throws -> StoredVersion? {
        setLatestKey(key)
        let slot = try handle.slot(latestKey.bytes)
        return handle.bytes(slot).map { StoredVersion(bytes: $0, start: handle.timestamp(slot)) }
    }

    /// The value that an escaped key had at a time; nil where it had none, or where the time is
    /// older than the history and the value is not the newest. Lent until the next call or change.
    @usableFromInline
    func version(_ key: UnsafeRawBufferPointer, asOf time: Int64) throws -> StoredVersion? {
        if let newest = try latest(key), newest.start.rawValue <= time { return newest }
        guard time >= oldest, time < .max else { return nil }
        var start: Int64?
        try ended.forEach(escapedKey: key, from: time + 1, through: .max) { _, from, bytes, _ in
            if from <= time, bytes.first == 1 {
                start = from
                scratch.sink.pointee.removeAll()
                scratch.sink.pointee.append(contentsOf: bytes.from(1))
            }
            return false
        }
        return start.map { StoredVersion(bytes: scratch.bytes, start: Timestamp($0)) }
    }

    /// Times before this one are older than the history.
    private var oldest: Int64 {
        Timestamp(clock.streamTime).advanced(byMilliseconds: -history).rawValue
    }

    /// Puts a version between others: it ends where the next one begins, at the time returned.
    private func insert(
        _ key: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer?,
        at time: Int64,
        before limit: Int64
    ) throws -> Int64 {
        var end = limit
        var covering: Int64?
        try ended.forEach(escapedKey: key, from: time + 1, through: .max) { to, from, bytes, _ in
            end = from <= time ? to : from
            if from <= time {
                covering = from
                scratch.sink.pointee.removeAll()
                scratch.sink.pointee.append(contentsOf: bytes)
            }
            return false
        }
        if let covering, covering < time {
            try ended.put(
                escapedKey: key,
                time: end,
                second: covering,
                value: nil,
                timestamp: Timestamp(covering)
            )
            try putEnded(key, from: covering, to: time)
        }
        copyVersion(value)
        try putEnded(key, from: time, to: end)
        return end
    }

    /// The largest end of a key's entries.
    private func lastEnd(of key: UnsafeRawBufferPointer) throws -> Int64? {
        var end: Int64?
        try ended.forEach(escapedKey: key, from: 0, through: .max, isReversed: true) {
            to,
            _,
            _,
            _ in
            end = to
            return false
        }
        return end
    }

    /// Puts the version in `scratch` as one that has ended.
    private func putEnded(_ key: UnsafeRawBufferPointer, from: Int64, to: Int64) throws {
        try ended.put(
            escapedKey: key,
            time: to,
            second: from,
            value: scratch.bytes,
            timestamp: Timestamp(from)
        )
    }

    private func copyVersion(_ value: UnsafeRawBufferPointer?) {
        scratch.sink.pointee.removeAll()
        scratch.sink.pointee.append(value == nil ? 0 : 1)
        if let value { scratch.sink.pointee.append(contentsOf: value) }
    }

    private func setLatestKey(_ key: UnsafeRawBufferPointer) {
        latestKey.sink.pointee.removeAll()
        latestKey.sink.pointee.append(KeySpace.latest)
        latestKey.sink.pointee.append(contentsOf: key)
    }
}

/// The bytes of a value, and since when the key has it.
@usableFromInline
struct StoredVersion {
    @usableFromInline let bytes: UnsafeRawBufferPointer
    @usableFromInline let start: Timestamp
}
