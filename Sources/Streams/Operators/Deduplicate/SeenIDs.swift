import LogModel
import StateStores

/// How long ids are remembered, and where.
@usableFromInline
struct SeenRule: Sendable {
    /// In milliseconds; nil for ever.
    @usableFromInline let within: Int64?
    @usableFromInline let store: String

    @usableFromInline
    init(within: Duration?, store: String) {
        self.within = within?.wholeMilliseconds
        self.store = store
        requireDeclared(self.within.map { $0 > 0 } ?? true, "an id is remembered for a time")
    }

    @usableFromInline
    func kind<IDSerde: Serde>(_ word: String, _ id: IDSerde) -> OperatorKind {
        let format = RecordFormat(
            within == nil ? "keyValue" : "expiring",
            key: id.formatName,
            value: "seen"
        )
        let kind: StoreSpecification.Kind = within == nil ? .keyValue : .expiring
        return .stateful(word, stores: [StoreSpecification(store, kind, format)])
    }
}

/// The ids that an operator has seen, in a store: the id, under the time at which it came.
///
/// With an end of remembering, 1 stands before the id, and the store has a twin for each
/// (`StoreSpecification.Kind.expiring`): 2, the time in 8 bytes, the id. What is to be forgotten is
/// then a range at the front.
@usableFromInline
final class SeenIDs {
    private let handle: StoreHandle
    @usableFromInline let within: Int64?
    private let clock: WindowClock?
    @usableFromInline let entry = KeyScratch()
    private let twin = KeyScratch()
    private let passedEntry = KeyScratch()
    private let passedTwin = KeyScratch()
    private let from = KeyScratch()
    private let record: UnsafeMutablePointer<RecordContext>
    private let counters: UnsafeMutablePointer<TaskCounters>
    /// No id came before this time.
    private var earliest = Int64.min

    /// A value that is there: readers of changelogs take an empty one for nothing at all.
    private static let mark: [UInt8] = [1]

    @usableFromInline
    init(_ task: TaskBinding, _ rule: SeenRule) {
        let handle = StoreHandle(task: task, store: rule.store)
        self.handle = handle
        within = rule.within
        clock = rule.within == nil ? nil : WindowClock(handle)
        record = task.record
        counters = task.counters
        task.hooks.onRewind { [unowned self] in earliest = .min }
    }

    /// Whether an id comes for the first time; remembers it, or counts the duplicate.
    @inlinable
    func isFirst<IDSerde: Serde>(_ id: IDSerde.Value, as serde: IDSerde) throws -> Bool {
        entry.sink.pointee.removeAll()
        if within != nil { entry.sink.pointee.append(KeySpace.entry) }
        try serde.encode(id, into: &entry.sink.pointee)
        return try isFirst()
    }

    /// The same of the id in `entry`.
    @usableFromInline
    func isFirst() throws -> Bool {
        // Times before 1970 count as its beginning: a changelog takes no others.
        var now = max(0, record.pointee.timestamp.rawValue)
        if let clock, let within {
            _ = clock.note(now, arrivedAt: record.pointee.wallTime)
            now = clock.streamTime
            try forget(before: Timestamp(now).advanced(byMilliseconds: -within).rawValue)
        }
        let slot = try handle.slot(entry.bytes)
        guard handle.bytes(slot) == nil else {
            // One that was a dead letter since comes back to be done, not for a second time.
            if let headers = record.pointee.headers, ReplayedLetter(headers) != nil { return true }
            counters.pointee.drop(.duplicate)
            return false
        }
        if within != nil {
            twin.sink.pointee.removeAll()
            ExpiringKey.appendTwin(of: entry.bytes, at: now, to: &twin.sink.pointee)
            // An entry without its twin could not be restored.
            try StateStore.requireShort(twin.bytes)
        }
        try Self.mark.withUnsafeBytes { mark in
            try handle.put(slot, key: entry.bytes, value: mark, timestamp: Timestamp(now))
        }
        guard within != nil else { return true }
        // Made of the entry at a restore: it stands in no changelog.
        handle.store.table.pointee.put(
            try handle.slot(twin.bytes),
            value: UnsafeRawBufferPointer(start: nil, count: 0),
            timestamp: Timestamp(now)
        )
        earliest = min(earliest, now)
        return true
    }

    /// Forgets the ids that came before a time.
    private func forget(before time: Int64) throws {
        guard earliest < time else { return }
        from.sink.pointee.removeAll()
        from.sink.pointee.append(KeySpace.byTime)
        // Keys that were removed stay in the index until a checkpoint: they are not walked again.
        if earliest > .min { from.sink.pointee.append(time: earliest) }
        earliest = .max
        try handle.store.range(from: from.bytes, to: nil) { key, _, _ in
            guard let found = ExpiringKey.read(key) else { return false }
            guard found.time < time else {
                earliest = found.time
                return false
            }
            passedEntry.sink.pointee.removeAll()
            passedEntry.sink.pointee.append(KeySpace.entry)
            passedEntry.sink.pointee.append(contentsOf: found.id)
            passedTwin.sink.pointee.removeAll()
            passedTwin.sink.pointee.append(contentsOf: key)
            try removePassed(cameAt: Timestamp(found.time))
            return true
        }
    }

    private func removePassed(cameAt time: Timestamp) throws {
        let slot = try handle.slot(passedEntry.bytes)
        // A twin can be older than its entry where compaction took a removal away.
        if handle.bytes(slot) != nil, handle.timestamp(slot) == time {
            try handle.put(slot, key: passedEntry.bytes, value: nil, timestamp: time)
        }
        handle.store.table.pointee.put(
            try handle.slot(passedTwin.bytes),
            value: nil,
            timestamp: time
        )
    }
}

/// The second key of an entry that is forgotten after a time: 2, that time, the entry's own bytes.
enum ExpiringKey {
    /// Appends the second key of an entry.
    static func appendTwin(
        of entry: UnsafeRawBufferPointer,
        at time: Int64,
        to sink: inout ByteSink
    ) {
        sink.append(KeySpace.byTime)
        sink.append(time: time)
        sink.append(contentsOf: entry.from(1))
    }

    /// Time and id of a second key; nil for any other.
    static func read(
        _ key: UnsafeRawBufferPointer
    ) -> (time: Int64, id: UnsafeRawBufferPointer)? {
        guard key.count >= 9, key[0] == KeySpace.byTime else { return nil }
        return (key.time(at: 1), key.from(9))
    }
}
