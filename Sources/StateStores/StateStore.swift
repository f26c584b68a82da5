public import LogModel
import Threads

/// One task's store: the table of what is in memory over the engine that holds the checkpoints.
///
/// Life of a value: an operator changes it (dirty) → the transaction commits (committed) → a
/// checkpoint writes it to the engine, together with the changelog offset that all of the
/// engine's values then stand for. Used by one thread; only the engine is shared with the worker
/// that writes checkpoints.
///
/// A store is *complete* while its table holds every key that the engine holds: a new one is, until
/// its table outgrows its memory or a restore writes past it. A complete store never reads its
/// engine, and forgets removed keys once a checkpoint has taken their removal. An ordered store
/// has an index of all keys of its table beside it, for range reads.
public final class StateStore {
    /// The values in memory. Operators work on it directly.
    public let table: UnsafeMutablePointer<KeyValueTable>
    /// The next changelog offset after the committed values; nil for a store that never had any.
    public private(set) var changelogOffset: Offset?

    /// The keys of the table in order; nil for a store that is not ordered.
    let index: UnsafeMutablePointer<OrderedIndex>?
    let engine: any StoreEngine
    private let worker: CheckpointWorker
    /// Tables larger than this drop what the engine holds, after a checkpoint.
    let tableByteLimit: Int
    /// Whether the table holds every key that the engine holds, or will after the checkpoint under
    /// way.
    @exclusivity(unchecked) public internal(set) var isComplete: Bool
    /// Whether taking in all that the engine holds is still to be tried.
    var mayLoadAll: Bool
    /// Range reads under way, which no key may leave.
    @exclusivity(unchecked) var openRangeCount = 0
    private var lastCheckpoint: UInt64?
    private var pending: PendingCheckpoint?
    private var hasUncheckpointedCommit = false

    /// A store over an engine, which it closes at its end; `isOrdered` for range reads, which cost
    /// memory and time at the insertion of a key.
    public init(
        engine: any StoreEngine,
        worker: CheckpointWorker,
        isOrdered: Bool = false,
        tableByteLimit: Int = 512 << 20
    ) {
        self.engine = engine
        self.worker = worker
        self.tableByteLimit = engine.isInMemory ? .max : tableByteLimit
        isComplete = engine.isEmpty
        mayLoadAll = true
        changelogOffset = engine.checkpointedOffset
        table = .allocate(capacity: 1)
        table.initialize(to: KeyValueTable())
        index = isOrdered ? .allocate(capacity: 1) : nil
        index?.initialize(to: OrderedIndex())
    }

    deinit {
        table.deinitialize(count: 1)
        table.deallocate()
        index?.deinitialize(count: 1)
        index?.deallocate()
    }

    /// Whether the store can be read in the order of its keys.
    public var isOrdered: Bool { index != nil }

    /// Bytes of memory that the store holds.
    public var byteCount: Int { table.pointee.byteCount + (index?.pointee.byteCount ?? 0) }

    // MARK: Reading

    /// The place of a key in the table, brought in from the engine where needed.
    @inlinable @inline(__always)
    public func slot(for key: UnsafeRawBufferPointer) throws(StoreError) -> KeyValueTable.Slot {
        let hash = KeyHash.hash(key)
        if let slot = table.pointee.find(key, hash: hash) { return slot }
        return try load(key, hash: hash)
    }

    @usableFromInline @inline(never)
    func load(
        _ key: UnsafeRawBufferPointer,
        hash: UInt64
    ) throws(StoreError) -> KeyValueTable.Slot {
        guard key.count <= KeyValueTable.keyByteLimit else {
            throw StoreError(
                code: .keyTooLong,
                path: "",
                message: "a key of \(key.count) bytes; a store takes \(KeyValueTable.keyByteLimit)"
            )
        }
        return isComplete ? enter(key, hash: hash) : try ask(key, hash: hash)
    }

    @inline(never)
    private func ask(
        _ key: UnsafeRawBufferPointer,
        hash: UInt64
    ) throws(StoreError) -> KeyValueTable.Slot {
        // The key enters the table only once the engine has answered: after a failed read it
        // stays unknown.
        var outcome: Result<KeyValueTable.Slot, StoreError>?
        let isThere = try engine.get(key) { stored in
            outcome = Result { () throws(StoreError) in
                let (timestamp, value) = try Self.read(stored)
                let slot = enter(key, hash: hash)
                table.pointee.setClean(slot, value: value, timestamp: timestamp)
                return slot
            }
        }
        if isThere, let outcome { return try outcome.get() }
        return enter(key, hash: hash)
    }

    /// A place for a key that the table does not know, in the index too.
    @inline(__always)
    func enter(_ key: UnsafeRawBufferPointer, hash: UInt64) -> KeyValueTable.Slot {
        if let index {
            let isNew = index.pointee.insert(key, hash: hash)
            precondition(isNew, "the index of a store has a key that its table has not")
        }
        return table.pointee.insert(key, hash: hash)
    }

    /// Timestamp and value of what an engine holds.
    static func read(
        _ stored: UnsafeRawBufferPointer
    ) throws(StoreError) -> (timestamp: Timestamp, value: UnsafeRawBufferPointer) {
        guard let read = StoredValue.read(stored) else {
            throw StoreError(
                code: .corrupt,
                path: "",
                message: "a stored value without a timestamp"
            )
        }
        return read
    }

    /// Every key that has a value, ascending by key bytes: table and engine merged. Not for the
    /// record's path: it copies.
    public func contents() throws(StoreError) -> [(
        key: [UInt8], value: [UInt8], timestamp: Timestamp
    )] {
        var merged: [[UInt8]: (value: [UInt8], timestamp: Timestamp)] = [:]
        try engine.scan(from: nil, to: nil) { key, stored in
            if let (timestamp, value) = StoredValue.read(stored) {
                merged[Array(key)] = (Array(value), timestamp)
            }
            return true
        }
        table.pointee.forEach { key, value, timestamp in
            merged[Array(key)] = value.map { (Array($0), timestamp) }
        }
        return merged.map { ($0.key, $0.value.value, $0.value.timestamp) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    // MARK: Transactions

    /// Takes the open transaction's changes as committed; `changelogOffset` is the next offset of
    /// the changelog after them, nil if the transaction changed nothing.
    public func commit(changelogOffset: Offset?) {
        requireNoRange()
        table.pointee.commit()
        if let changelogOffset {
            self.changelogOffset = changelogOffset
            hasUncheckpointedCommit = true
        }
    }

    /// Drops the open transaction's changes.
    public func abort() {
        requireNoRange()
        table.pointee.abort()
    }

    // MARK: Checkpoints

    /// Takes up the result of a checkpoint that has finished, and begins the next if the last one
    /// is `interval` nanoseconds old or the table has outgrown its memory. Between transactions.
    public func checkpointIfDue(now: UInt64, interval: UInt64) throws(StoreError) {
        guard !table.pointee.hasUncommittedChanges else { return }
        requireNoRange()
        try finishCheckpoint(waiting: false)
        let last = lastCheckpoint ?? now
        lastCheckpoint = last
        let isTooLarge = byteCount > tableByteLimit
        if now &- last >= interval || (isTooLarge && hasUncheckpointedCommit) {
            try beginCheckpoint()
            lastCheckpoint = now
        }
        // Reads alone fill a table too: what no checkpoint will evict goes now.
        if isTooLarge, pending == nil { evict() }
    }

    /// Writes what is committed and waits until it is done.
    func checkpointNow() throws(StoreError) {
        settleCheckpoint()
        try beginCheckpoint()
        try finishCheckpoint(waiting: true)
    }

    private func beginCheckpoint() throws(StoreError) {
        guard pending == nil, hasUncheckpointedCommit, let changelogOffset,
            !table.pointee.hasUncommittedChanges
        else { return }
        let snapshot = CheckpointSnapshot()
        snapshot.changelogOffset = changelogOffset
        table.pointee.drainChanged { key, value, timestamp in
            snapshot.append(key: key, value: value, timestamp: timestamp)
        }
        hasUncheckpointedCommit = false
        let pending = PendingCheckpoint(snapshot: snapshot, engine: engine)
        self.pending = pending
        worker.submit { pending.run() }
        try finishCheckpoint(waiting: false)
    }

    /// Waits for the checkpoint under way. Its failure harms nothing: what it should have written
    /// counts as changed again.
    private func settleCheckpoint() {
        do throws(StoreError) { try finishCheckpoint(waiting: true) } catch {
            assert(hasUncheckpointedCommit, "a failed checkpoint leaves its work to the next")
        }
    }

    private func finishCheckpoint(waiting: Bool) throws(StoreError) {
        guard let pending, let outcome = pending.outcome(waiting: waiting) else { return }
        self.pending = nil
        switch outcome {
        case .success:
            if isComplete { forgetAbsent(pending.snapshot) }
            if byteCount > tableByteLimit { evict() }
        case .failure(let error):
            markChanged(pending.snapshot)
            hasUncheckpointedCommit = true
            throw error
        }
    }

    private func markChanged(_ snapshot: CheckpointSnapshot) {
        for reference in snapshot.references {
            let key = snapshot.key(at: reference.position)
            if let slot = table.pointee.find(key, hash: KeyHash.hash(key)) {
                table.pointee.markChanged(slot)
            }
        }
    }

    private func evict() {
        if table.pointee.evictClean() {
            isComplete = false
            // It would only fill the table again.
            mayLoadAll = false
        }
        indexAgain()
    }

    /// Lets keys go that neither the table nor the engine has a value of. Those that `snapshot`
    /// removed go at once; those that were only looked for, once they are many.
    private func forgetAbsent(_ snapshot: CheckpointSnapshot) {
        let absentCount = table.pointee.absentCount
        guard absentCount > 0 else { return }
        let index = index
        let forget = { (key: UnsafeRawBufferPointer) -> Void in index?.pointee.remove(key) }
        if absentCount * 16 > table.pointee.slotCount {
            table.pointee.forgetAbsent(forget)
        } else {
            snapshot.forEachRemoved { table.pointee.forgetAbsent($0, forget) }
        }
        if table.pointee.compact() { indexAgain() }
    }

    /// Brings the index to the keys of the table after many have left it.
    private func indexAgain() {
        guard let index else { return }
        index.pointee.removeAll()
        table.pointee.forEach { key, _, _ in
            index.pointee.insert(key, hash: KeyHash.hash(key))
        }
    }

    /// A range read ends before the transaction that it reads in, and before keys may leave.
    private func requireNoRange() {
        precondition(openRangeCount == 0, "a range read is under way")
    }

    // MARK: Restore and end

    /// Begins to take over records of the changelog. No transaction is open.
    public func beginRestore() -> StateRestore {
        requireNoRange()
        settleCheckpoint()
        return StateRestore(store: self, engine: engine)
    }

    func noteRestored(changelogOffset: Offset, intoEngine: Bool) {
        self.changelogOffset = changelogOffset
        if !intoEngine { hasUncheckpointedCommit = true }
    }

    /// The topic that `changelogOffset` is an offset of; nil where it is not known.
    public var changelog: FollowedChangelog? { engine.changelog }

    /// Takes note of the topic that is the store's changelog from here on. Not in a transaction.
    public func follow(_ changelog: FollowedChangelog) {
        let known = engine.changelog
        guard known != changelog else { return }
        settleCheckpoint()
        engine.changelog = changelog
        // An offset that lies there without its topic gets it by a checkpoint.
        if known?.id != changelog.id, changelogOffset != nil { hasUncheckpointedCommit = true }
    }

    /// Notes that the engine is about to get entries past the table.
    func noteEngineWrite() {
        isComplete = false
        mayLoadAll = true
    }

    /// Removes everything: what the store holds cannot be trusted, for a reason in words for the
    /// owner.
    public func wipe(because reason: String) throws(StoreError) {
        requireNoRange()
        // Whether a checkpoint that is under way succeeds no longer matters, only that it ends.
        _ = pending?.outcome(waiting: true)
        pending = nil
        try engine.wipe(because: reason)
        table.pointee = KeyValueTable()
        index?.pointee.removeAll()
        changelogOffset = nil
        hasUncheckpointedCommit = false
        isComplete = true
        mayLoadAll = true
    }

    /// Ends the use, after a last checkpoint of what is committed if asked for.
    public func close(checkpointing: Bool) throws(StoreError) {
        requireNoRange()
        defer { engine.close() }
        table.pointee.abort()
        settleCheckpoint()
        if checkpointing { try checkpointNow() }
    }
}

/// One checkpoint while a worker writes it.
///
/// SAFETY: `@unchecked` because engines are not Sendable by type; an engine takes reads from the
/// store's thread and one checkpoint from the worker at the same time, by its contract.
private final class PendingCheckpoint: @unchecked Sendable {
    let snapshot: CheckpointSnapshot
    private let engine: any StoreEngine
    private let result = ConditionLock<Result<Void, StoreError>?>(nil)

    init(snapshot: CheckpointSnapshot, engine: any StoreEngine) {
        self.snapshot = snapshot
        self.engine = engine
    }

    func run() {
        let outcome: Result<Void, StoreError>
        do throws(StoreError) {
            snapshot.sort()
            try engine.checkpoint(
                snapshot.sortedEntries,
                changelogOffset: snapshot.changelogOffset
            )
            outcome = .success(())
        } catch { outcome = .failure(error) }
        result.withLock { $0 = outcome }
        result.signal()
    }

    func outcome(waiting: Bool) -> Result<Void, StoreError>? {
        waiting ? result.waitAndTake { $0 } : result.withLock { $0 }
    }
}
