public import LogModel
public import StateStores

/// The rows of one table in a task that end when they are not updated.
///
/// A row is 1, the key; its timestamp is the newest that it had. Its value begins with the time of
/// its twin in 8 bytes. The twin, 2, that time, the key, is where the walk by time finds the row:
/// not behind the row's timestamp, for an update leaves it where it is, and the walk moves it on.
/// So a row has one twin, and an update costs no more than that of any other table.
///
/// Twins stand in no changelog: a restore makes them of the values, and a removal has the time of
/// the twin that goes with it as its timestamp. Where compaction took a removal away, or a move is
/// younger than what was restored, a twin can remain that its row does not tell: the walk removes
/// it.
@usableFromInline
final class ExpiringRows {
    /// Takes a row that has ended: its key, its value, its end.
    typealias Removal = (
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ end: Timestamp
    ) throws -> Void

    /// The bytes in front of a row's value.
    @usableFromInline static let prefixByteCount = 8

    private let handle: StoreHandle
    private let life: Int64
    private let removal: Removal
    /// No twin has a time before this one.
    @exclusivity(unchecked) private var earliest = Int64.min
    /// How far the wall clock has led where no records came; nothing once all is done through it.
    @exclusivity(unchecked) private(set) var idleThrough = Int64.min
    private let twin = KeyScratch()
    private let from = KeyScratch()
    private let passed = KeyScratch()
    private let passedValue = KeyScratch()
    private let record: UnsafeMutablePointer<RecordContext>

    init(_ handle: StoreHandle, _ expiry: Expiry, removal: @escaping Removal) {
        self.handle = handle
        self.removal = removal
        life = expiry.life
        record = handle.task.record
        handle.task.expiry.add(self, idleAfter: expiry.idleAfter)
    }

    /// The store holds what is committed and nothing else.
    func rewind() {
        earliest = .min
        idleThrough = .min
    }

    /// When the first row ends, or earlier; the largest time where there is none.
    var due: Int64 { earliest == .max ? .max : end(of: earliest) }

    private func end(of time: Int64) -> Int64 {
        Timestamp(time).advanced(byMilliseconds: life).rawValue
    }

    /// How far time is for these rows.
    var through: Int64 { max(record.pointee.rowTime.rawValue, idleThrough) }

    /// Whether a row may have ended that is there still.
    var isDue: Bool { due < .max && due <= through }

    /// Takes note that time went on without records.
    func noteIdle(through time: Int64) { idleThrough = max(idleThrough, time) }

    /// Forgets that time once nothing is due by it: a record that is older is none too late.
    func forgetIdle() { if due > idleThrough { idleThrough = .min } }

    /// Whether a row of this time would be at its end already.
    @usableFromInline
    func isEnded(_ time: Timestamp) -> Bool {
        end(of: max(0, time.rawValue)) <= record.pointee.rowTime.rawValue
    }

    // MARK: Changes

    /// Changes the row of a key at its place: `value` has room in front for the twin's time; nil
    /// removes the row.
    @usableFromInline
    func put(
        _ slot: KeyValueTable.Slot,
        key: UnsafeRawBufferPointer,
        value: UnsafeMutablePointer<ByteSink>?,
        timestamp: Timestamp
    ) throws {
        let known = try handle.bytes(slot).map(Self.twinTime)
        // Times before 1970 count as its beginning: a changelog takes no others.
        var time = max(0, timestamp.rawValue)
        if known != nil { time = max(time, handle.timestamp(slot).rawValue) }
        let place = known ?? time
        if known == nil || value == nil {
            setTwin(of: key, at: place)
            // A row without its twin could not be restored.
            try handle.requireShort(twin.bytes)
        }
        guard let value else {
            try handle.put(slot, key: key, value: nil, timestamp: Timestamp(place))
            if known != nil { try changeTwin(to: nil, at: place) }
            return
        }
        value.pointee.overwrite(bigEndian: UInt64(bitPattern: place) ^ 1 << 63, at: 0)
        let bytes = value.pointee.bytes
        try handle.put(slot, key: key, value: bytes, timestamp: Timestamp(time))
        guard known == nil else { return }
        try changeTwin(to: Self.noBytes, at: place)
        guard place < earliest else { return }
        earliest = place
        handle.task.expiry.noteDue()
    }

    private func setTwin(of entry: UnsafeRawBufferPointer, at time: Int64) {
        twin.sink.pointee.removeAll()
        ExpiringKey.appendTwin(of: entry, at: time, to: &twin.sink.pointee)
    }

    /// Puts or removes the twin whose key is in `twin`.
    private func changeTwin(to value: UnsafeRawBufferPointer?, at time: Int64) throws {
        handle.store.table.pointee.put(
            try handle.slot(twin.bytes),
            value: value,
            timestamp: Timestamp(time)
        )
    }

    // MARK: Ends

    /// Removes the rows that end by a time, in the order of their ends, up to `limit` steps.
    ///
    /// - Returns: the steps: rows that were removed, and twins that were moved.
    func removeEnded(through now: Int64, limit: Int) throws -> Int {
        var count = 0
        var next = Int64.max
        from.sink.pointee.removeAll()
        from.sink.pointee.append(KeySpace.byTime)
        // Keys that were removed stay in the index until a checkpoint: they are not walked again.
        if earliest > .min { from.sink.pointee.append(time: earliest) }
        try handle.store.range(from: from.bytes, to: nil) { key, _, _ in
            guard let found = ExpiringKey.read(key) else { return false }
            guard end(of: found.time) <= now, count < limit else {
                next = found.time
                return false
            }
            count += 1
            passed.sink.pointee.removeAll()
            passed.sink.pointee.append(KeySpace.entry)
            passed.sink.pointee.append(contentsOf: found.id)
            try pass(found.time)
            return true
        }
        // What the walk has put lies ahead of it, and was met.
        earliest = next
        return count
    }

    /// Comes by the twin, at a time, of the row whose key is in `passed`.
    private func pass(_ time: Int64) throws {
        let slot = try handle.slot(passed.bytes)
        guard let bytes = handle.bytes(slot), try Self.twinTime(bytes) == time else {
            return try leave(time)
        }
        let newest = handle.timestamp(slot).rawValue
        passedValue.sink.pointee.removeAll()
        passedValue.sink.pointee.append(contentsOf: bytes)
        guard newest > time else {
            try handle.put(slot, key: passed.bytes, value: nil, timestamp: Timestamp(time))
            try leave(time)
            let value = passedValue.bytes.from(Self.prefixByteCount)
            return try removal(passed.bytes.from(1), value, Timestamp(end(of: time)))
        }
        // The changelog need not know: a row that is restored with its old twin is met here again.
        passedValue.sink.pointee.overwrite(bigEndian: UInt64(bitPattern: newest) ^ 1 << 63, at: 0)
        handle.store.table.pointee.put(
            slot,
            value: passedValue.bytes,
            timestamp: Timestamp(newest)
        )
        try leave(time)
        setTwin(of: passed.bytes, at: newest)
        try changeTwin(to: Self.noBytes, at: newest)
    }

    private func leave(_ time: Int64) throws {
        setTwin(of: passed.bytes, at: time)
        try changeTwin(to: nil, at: time)
    }

    // MARK: Bytes

    private static var noBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: nil, count: 0)
    }

    private static func twinTime(_ stored: UnsafeRawBufferPointer) throws -> Int64 {
        guard stored.count >= prefixByteCount else { throw UnreadableRow.short(stored.count) }
        return stored.time(at: 0)
    }

    /// The value of a row as the table's serde wrote it.
    @usableFromInline
    static func value(of stored: UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer {
        guard stored.count >= prefixByteCount else { throw UnreadableRow.short(stored.count) }
        return stored.from(prefixByteCount)
    }
}

/// A row that a store holds and nobody can read: no policy for records applies.
struct UnreadableRow: EngineFailure, CustomStringConvertible {
    let description: String

    /// What a store holds that is no row.
    static func short(_ byteCount: Int) -> UnreadableRow {
        UnreadableRow(
            description: "a row of \(byteCount) bytes, where one that can end has 8 at least: the "
                + "job with --reset makes the store anew"
        )
    }

    /// What the serdes of a store say of a row of it.
    static func refused(_ store: String, _ error: any Error) -> UnreadableRow {
        UnreadableRow(
            description: "a row of the store \(store) has ended and cannot be read: \(error)"
        )
    }
}
