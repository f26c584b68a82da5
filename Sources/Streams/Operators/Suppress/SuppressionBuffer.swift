import LogModel

/// What `suppress` holds in one task: the last change of each key, in the order of the times at
/// which the keys were first held.
///
/// A value of its store is a `HeldRecord` whose content is the change.
@usableFromInline
final class SuppressionBuffer<KeySerde: Serde, ValueSerde: Serde> {
    @usableFromInline typealias Sink =
        StreamNode<KeySerde.Value, Change<ValueSerde.Value>>.Sink

    private let store: TimedStore
    private let clock: WindowClock
    private let keys: EscapedKeys<KeySerde>
    private let change: ChangeSerde<ValueSerde>
    private let suppression: Suppression
    private let passesRemovals: Bool
    private let sink: Sink
    /// Takes what others than the record at hand led to.
    private let othersSink: Sink
    private let record: UnsafeMutablePointer<RecordContext>
    private let scratch = KeyScratch()
    private let headers = KeyScratch()
    private let leaving = KeyScratch()
    /// The keys that are held; nil before they were counted.
    private var count: Int?

    @usableFromInline
    init(
        _ task: TaskBinding,
        _ store: String,
        key: KeySerde,
        value: ValueSerde,
        _ suppression: Suppression,
        passesRemovals: Bool,
        sink: @escaping Sink
    ) {
        let handle = StoreHandle(task: task, store: store)
        self.store = TimedStore(handle)
        clock = WindowClock(handle)
        keys = EscapedKeys(key)
        change = ChangeSerde(value)
        self.suppression = suppression
        self.passesRemovals = passesRemovals
        self.sink = sink
        othersSink = task.errors.lettingGo(sink)
        record = task.record
        task.hooks.onRewind { [unowned self] in count = nil }
    }

    /// Holds a change under a time, or in place of the key's that is held, and lets go what is due.
    @usableFromInline
    func receive(
        _ key: KeySerde.Value,
        _ new: Change<ValueSerde.Value>,
        at time: Int64
    ) throws {
        _ = clock.note(record.pointee.timestamp.rawValue, arrivedAt: record.pointee.wallTime)
        let escaped = try keys.bytes(of: key)
        var heldAt: Int64?
        var first = new.old
        try store.forEach(escapedKey: escaped, from: .min, through: .max) { time, _, bytes, _ in
            heldAt = time
            first = try change.decode(HeldRecord.content(of: bytes)).old
            return false
        }
        let known = heldAt == nil && suppression.keyLimit != nil ? try heldCount() : nil
        HeldRecord.begin(record.pointee.headers, in: &scratch.sink.pointee)
        try change.encode(Change(old: first, new: new.new), into: &scratch.sink.pointee)
        try store.put(
            escapedKey: escaped,
            time: heldAt ?? time,
            second: 0,
            value: scratch.bytes,
            timestamp: record.pointee.timestamp
        )
        if let known { count = known + 1 }
        try release(behind: escaped)
    }

    /// Hands on what is due, and what is too much, by time, then by key.
    private func release(behind own: UnsafeRawBufferPointer) throws {
        let due = Timestamp(clock.streamTime).advanced(byMilliseconds: -suppression.wait).rawValue
        let limit = suppression.keyLimit ?? .max
        guard due >= store.earliest || (count ?? 0) > limit else { return }
        var earliest = Int64.max
        try store.forEachByTime(fromTime: store.earliest) { time, _, escaped in
            guard time <= due || (count ?? 0) > limit else {
                earliest = time
                return false
            }
            try letGo(time, escaped, to: escaped.elementsEqual(own) ? sink : othersSink)
            if let count { self.count = count - 1 }
            return true
        }
        store.earliest = earliest
    }

    private func letGo(
        _ time: Int64,
        _ escaped: UnsafeRawBufferPointer,
        to sink: Sink
    ) throws {
        guard let row = try store.value(escapedKey: escaped, time: time, second: 0) else { return }
        let held = try change.decode(HeldRecord.content(of: row.bytes))
        headers.sink.pointee.removeAll()
        headers.sink.pointee.append(contentsOf: HeldRecord.headers(of: row.bytes))
        let timestamp = row.timestamp
        leaving.sink.pointee.removeAll()
        leaving.sink.pointee.append(contentsOf: escaped)
        try store.put(
            escapedKey: leaving.bytes,
            time: time,
            second: 0,
            value: nil,
            timestamp: timestamp
        )
        guard held.new != nil || passesRemovals else { return }
        let (ownTime, ownHeaders) = (record.pointee.timestamp, record.pointee.headers)
        defer {
            record.pointee.timestamp = ownTime
            record.pointee.headers = ownHeaders
        }
        record.pointee.timestamp = timestamp
        record.pointee.headers = headers.bytes.isEmpty ? nil : headers.bytes
        let key = try keys.key(of: leaving.bytes)
        let due = Timestamp(time).advanced(byMilliseconds: suppression.wait).rawValue
        try store.handle.task.expiry.atTime(due, by: store.handle.store) { try sink(key, held) }
    }

    private func heldCount() throws -> Int {
        if let count { return count }
        var found = 0
        try store.forEachByTime(behind: .min) { _, _, _ in
            found += 1
            return true
        }
        return found
    }
}
