import LogModel
import StateStores

/// What one side of a join of two streams keeps, and for how long.
@usableFromInline
final class JoinSide<ValueSerde: Serde> {
    @usableFromInline let serde: ValueSerde
    private let rows: JoinRows
    private let clock: WindowClock
    private let clocks: [WindowClock]
    private let retention: Int64
    private let scratch = KeyScratch()
    private let handle: StoreHandle
    private let name: String
    private var changelog = ChangelogPages()
    /// The newest entry put in the open transaction.
    @exclusivity(unchecked) private var latestPut: Int64?
    /// No span before this one has entries.
    private var firstSpan: Int64 = 0

    /// - Parameter other: another clock that the store keeps.
    @usableFromInline
    init(
        _ task: TaskBinding,
        _ store: String,
        _ serde: ValueSerde,
        _ window: JoinWindow,
        beside other: WindowClock? = nil
    ) {
        handle = StoreHandle(task: task, store: store)
        name = store
        self.serde = serde
        rows = JoinRows(handle, width: window.span)
        retention = window.retention
        let clock = WindowClock(handle, isSavedByOwner: true)
        self.clock = clock
        clocks = other.map { [clock, $0] } ?? [clock]
        task.hooks.onCommit { [unowned self] in try saveClocks() }
        task.hooks.onRewind { [unowned self] in resume() }
        task.hooks.onCommitted { [unowned self] in try didCommit() }
    }

    /// The bytes of the value that was prepared last.
    @usableFromInline var bytes: UnsafeRawBufferPointer { scratch.bytes }

    /// Makes a record ready to be kept, and asks for the cache line that it goes to, which takes
    /// about as long to come as the other side is read.
    @usableFromInline
    func prepare(
        _ escaped: UnsafeRawBufferPointer,
        _ value: ValueSerde.Value,
        at time: Int64
    ) throws {
        try rows.prepare(escaped, at: time, number: clock.upcomingSequence)
        scratch.sink.pointee.removeAll()
        try serde.encode(value, into: &scratch.sink.pointee)
        clock.notePut(time)
    }

    /// Keeps the record that was prepared last, unless it is too old already.
    @usableFromInline
    func storePrepared(at time: Int64) throws {
        guard time > clock.expiry(retention: retention) else { return }
        latestPut = max(latestPut ?? time, time)
        try rows.putPrepared(at: time, number: clock.nextSequence(), value: scratch.bytes)
    }

    /// Calls `body` with the records of an escaped key from a time through another that are not
    /// too old.
    @usableFromInline
    func forEach(
        _ escaped: UnsafeRawBufferPointer,
        from first: Int64,
        through last: Int64,
        _ body: (_ time: Int64, _ value: UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let expiry = clock.expiry(retention: retention)
        // Where there is no entry, the newest one is older than any time.
        try rows.forEach(
            escaped,
            from: max(first, Timestamp(expiry).advanced(byMilliseconds: 1).rawValue),
            through: min(last, clock.latestPut),
            body
        )
    }

    /// Every transaction that has something in the changelog has all clocks there: what came before
    /// may be cut off.
    private func saveClocks() throws {
        guard latestPut != nil || clocks.contains(where: \.hasChanged) else { return }
        for clock in clocks { try clock.save() }
    }

    private func resume() {
        latestPut = nil
        firstSpan = 0
        changelog = ChangelogPages()
        // The changelog may be another one by now.
        handle.task.hooks.notePurgeable(name, before: nil)
        guard let end = handle.store.changelogOffset else { return }
        changelog.note(end, latest: clock.latestPut)
    }

    private func didCommit() throws {
        if let end = handle.store.changelogOffset {
            changelog.note(end, latest: latestPut ?? .min)
        }
        latestPut = nil
        let expiry = clock.expiry(retention: retention)
        firstSpan = try rows.discard(from: firstSpan, through: expiry)
        guard let end = changelog.cut(through: expiry) else { return }
        handle.task.hooks.notePurgeable(name, before: end)
    }
}

/// How far a changelog goes after each transaction, and the newest entry that it got there: so it
/// is known up to where all entries are too old.
struct ChangelogPages {
    private var pages: [(end: Offset, latest: Int64)] = []
    /// More are merged, two neighbours into one.
    private static let countLimit = 256

    /// Takes note of the end of the changelog after a transaction.
    mutating func note(_ end: Offset, latest: Int64) {
        if let last = pages.last, last.end >= end { return }
        pages.append((end, latest))
        guard pages.count > Self.countLimit else { return }
        // The last one stays: it alone has what every transaction writes anew.
        let merged = stride(from: 0, to: pages.count - 2, by: 2).map { index in
            (
                end: pages[index + 1].end,
                latest: max(pages[index].latest, pages[index + 1].latest)
            )
        }
        pages = merged + pages.suffix(pages.count - 2 * merged.count)
    }

    /// Forgets the pages at the front whose entries are all of a time or before, but not the last
    /// page.
    ///
    /// - Returns: the end of those; nil if there are none.
    mutating func cut(through time: Int64) -> Offset? {
        let count = pages.dropLast().prefix { $0.latest <= time }.count
        guard count > 0 else { return nil }
        defer { pages.removeFirst(count) }
        return pages[count - 1].end
    }
}
