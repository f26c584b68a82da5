import LogModel
import StateStores

/// The records that a join holds back until stream time is `grace` behind them, in the order of
/// times, then keys, then arrival.
///
/// An entry of its store is 1, the time, the escaped key, a number; its value is a `HeldRecord`.
@usableFromInline
final class HeldRecords<KeySerde: Serde, ValueSerde: Serde> {
    /// Takes what leaves; the record's time and headers are its own.
    @usableFromInline let letGo: (KeySerde.Value, ValueSerde.Value) throws -> Void

    private let handle: StoreHandle
    private let clock: WindowClock
    private let keys: EscapedKeys<KeySerde>
    private let value: ValueSerde
    private let grace: Int64
    private let record: UnsafeMutablePointer<RecordContext>
    private let site: ErrorSite
    private let entryKey = KeyScratch()
    private let scratch = KeyScratch()
    private let leavingKey = KeyScratch()
    private let leaving = KeyScratch()
    /// No record is held from before this time.
    private var earliest = Int64.min

    /// The time, what ends an escaped key, and the number.
    private static var shortestEntry: Int { 1 + 8 + 2 + 8 }

    /// - Parameter site: takes the errors of records that leave while another one is at hand.
    @usableFromInline
    init(
        _ task: TaskBinding,
        _ store: String,
        key: KeySerde,
        value: ValueSerde,
        grace: Int64,
        site: ErrorSite,
        letGo: @escaping (KeySerde.Value, ValueSerde.Value) throws -> Void
    ) {
        handle = StoreHandle(task: task, store: store)
        clock = WindowClock(handle)
        keys = EscapedKeys(key)
        self.value = value
        self.grace = grace
        self.site = site
        self.letGo = letGo
        record = task.record
        task.hooks.onRewind { [unowned self] in earliest = .min }
    }

    /// Holds the record back, or lets it go at once if it is late, then lets go what is due.
    @usableFromInline
    func receive(_ key: KeySerde.Value, _ newValue: ValueSerde.Value) throws {
        let time = record.pointee.timestamp.rawValue
        _ = clock.advance(to: time)
        if time <= due {
            try letGo(key, newValue)
        } else {
            try hold(key, newValue, at: time)
        }
        try release()
    }

    /// Records of this time and earlier ones are not held.
    private var due: Int64 {
        Timestamp(clock.streamTime).advanced(byMilliseconds: -grace).rawValue
    }

    private func hold(
        _ key: KeySerde.Value,
        _ newValue: ValueSerde.Value,
        at time: Int64
    ) throws {
        entryKey.sink.pointee.removeAll()
        entryKey.sink.pointee.append(KeySpace.entry)
        entryKey.sink.pointee.append(time: time)
        entryKey.sink.pointee.append(contentsOf: try keys.bytes(of: key))
        entryKey.sink.pointee.append(time: clock.nextSequence())
        HeldRecord.begin(record.pointee.headers, in: &scratch.sink.pointee)
        try value.encode(newValue, into: &scratch.sink.pointee)
        try handle.put(
            key: entryKey.bytes,
            value: scratch.bytes,
            timestamp: Timestamp(max(0, time))
        )
        earliest = min(earliest, time)
    }

    private func release() throws {
        let due = due
        guard due >= earliest else { return }
        entryKey.sink.pointee.removeAll()
        entryKey.sink.pointee.append(KeySpace.entry)
        // Keys that were removed stay in the index until a checkpoint: they are not walked again.
        if earliest > .min { entryKey.sink.pointee.append(time: earliest) }
        var firstKept = Int64.max
        let (ownTime, ownHeaders) = (record.pointee.timestamp, record.pointee.headers)
        defer {
            record.pointee.timestamp = ownTime
            record.pointee.headers = ownHeaders
        }
        try handle.store.range(from: entryKey.bytes, to: nil) { entry, held, _ in
            guard entry.count >= Self.shortestEntry, entry[0] == KeySpace.entry else {
                return false
            }
            let time = entry.time(at: 1)
            guard time <= due else {
                firstKept = time
                return false
            }
            leavingKey.sink.pointee.removeAll()
            leavingKey.sink.pointee.append(
                contentsOf: UnsafeRawBufferPointer(rebasing: entry[9..<(entry.count - 8)])
            )
            leaving.sink.pointee.removeAll()
            leaving.sink.pointee.append(contentsOf: held)
            let number = entry.time(at: entry.count - 8)
            try handle.put(key: entry, value: nil, timestamp: Timestamp(max(0, time)))
            try handOn(heldAt: Timestamp(time), number: number)
            return true
        }
        earliest = firstKept
    }

    /// Hands the record on whose key is in `leavingKey` and whose value is in `leaving`.
    private func handOn(heldAt time: Timestamp, number: Int64) throws {
        let headers = HeldRecord.headers(of: leaving.bytes)
        let stored = StoredRecord(
            number: number,
            key: keys.plainBytes(of: leavingKey.bytes),
            value: HeldRecord.content(of: leaving.bytes),
            headers: headers.isEmpty ? nil : headers,
            timestamp: time
        )
        record.pointee.timestamp = time
        record.pointee.headers = stored.headers
        let due = time.advanced(byMilliseconds: grace).rawValue
        try site.letGo(stored) {
            let (key, content) = (
                try keys.serde.decode(stored.key), try value.decode(stored.value)
            )
            try handle.task.expiry.atTime(due, by: handle.store) { try letGo(key, content) }
        }
    }
}
