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

    /// The first read since the last commit or abort that its engine could not do: whoever asked
    /// may have gone on without the answer.
    public internal(set) var failure: StoreError?

    /// The keys of the table in order; nil for a store that is not ordered.
    let index: UnsafeMutablePointer<OrderedIndex>?
    let engine: any StoreEngine
    /// What the store holds of the process's memory.
    let share: MemoryShare
    /// What lies beside the store for its sake, and is not given back.
    private let besideShare: MemoryShare
    private let budget: MemoryBudget
    private let worker: CheckpointWorker
    /// Whether the table holds every key that the engine holds, or will after the checkpoint under
    /// way.
    @exclusivity(unchecked) public internal(set) var isComplete: Bool
    /// Whether taking in all that the engine holds is still to be tried, or under way.
    var mayLoadAll: Bool
    /// Whether a key was asked for that only the engine may have.
    var hasMissed = false
    /// The last key of the engine that was taken in on the way to all of them.
    var loadedUpTo: [UInt8]?
    /// Range reads under way, which no key may leave.
    @exclusivity(unchecked) var openRangeCount = 0
    /// What the engine keeps of its files in memory, as of the last checkpoint.
    private var engineByteCount = 0
    private var lastCheckpoint: UInt64?
    var pending: PendingCheckpoint?
    /// The number of the last checkpoint: 1 to 255, again and again.
    private var checkpointNumber: UInt8 = 0
    var hasUncheckpointedCommit = false
    /// When the store held all of its changelog, by its owner's word.
    private var wholeAt: Timestamp?

    /// A store over an engine, which it closes at its end; `isOrdered` for range reads, which cost
    /// memory and time at the insertion of a key. It shares `budget` with the other stores.
    public init(
        engine: any StoreEngine,
        worker: CheckpointWorker,
        budget: MemoryBudget,
        isOrdered: Bool = false
    ) {
        self.engine = engine
        self.worker = worker
        self.budget = budget
        share = MemoryShare(of: budget, isElastic: !engine.isInMemory)
        besideShare = MemoryShare(of: budget, isElastic: false)
        isComplete = engine.isEmpty
        mayLoadAll = true
        changelogOffset = engine.checkpointedOffset
        table = .allocate(capacity: 1)
        table.initialize(to: KeyValueTable(share: share))
        index = isOrdered ? .allocate(capacity: 1) : nil
        index?.initialize(to: OrderedIndex())
        engineByteCount = engine.memoryByteCount
        noteMemory()
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

    /// Tells the budget what the store holds now.
    func noteMemory() { share.update(to: byteCount + engineByteCount) }

    /// Tells the budget what an operator holds in memory for the store's sake, beside it.
    public func noteBeside(byteCount: Int) { besideShare.update(to: byteCount) }

    /// The number of the checkpoint under way, whose keys must stay in memory.
    var numberUnderWay: UInt8? { pending == nil ? nil : checkpointNumber }

    // MARK: Reading

    /// The place of a key in the table, brought in from the engine where needed.
    @inlinable @inline(__always)
    public func slot(for key: UnsafeRawBufferPointer) throws(StoreError) -> KeyValueTable.Slot {
        try slot(for: key, hash: KeyHash.hash(key))
    }

    /// The same of a key whose hash is known.
    @inlinable @inline(__always)
    public func slot(
        for key: UnsafeRawBufferPointer,
        hash: UInt64
    ) throws(StoreError) -> KeyValueTable.Slot {
        if let slot = table.pointee.find(key, hash: hash) {
            slot.noteUse()
            return slot
        }
        return try load(key, hash: hash)
    }

    @usableFromInline @inline(never)
    func load(
        _ key: UnsafeRawBufferPointer,
        hash: UInt64
    ) throws(StoreError) -> KeyValueTable.Slot {
        try Self.requireShort(key)
        if isComplete { return enter(key, hash: hash) }
        do throws(StoreError) { return try ask(key, hash: hash) } catch {
            failure = failure ?? error
            throw error
        }
    }

    @inline(never)
    private func ask(
        _ key: UnsafeRawBufferPointer,
        hash: UInt64
    ) throws(StoreError) -> KeyValueTable.Slot {
        hasMissed = true
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

    /// Refuses a key that is longer than a store takes.
    public static func requireShort(_ key: UnsafeRawBufferPointer) throws(StoreError) {
        guard key.count > KeyValueTable.keyByteLimit else { return }
        throw StoreError(
            code: .keyTooLong,
            path: "",
            message: "a key of \(key.count) bytes; a store takes \(KeyValueTable.keyByteLimit)"
        )
    }

    // MARK: Transactions

    /// Takes the open transaction's changes as committed; `changelogOffset` is the next offset of
    /// the changelog after them, nil if the transaction changed nothing.
    public func commit(changelogOffset: Offset?) {
        requireNoRange()
        let gone = goneKeys()
        table.pointee.commit()
        forget(gone)
        if let changelogOffset {
            self.changelogOffset = changelogOffset
            hasUncheckpointedCommit = true
        }
    }

    /// Drops the open transaction's changes.
    public func abort() {
        requireNoRange()
        table.pointee.abort()
        failure = nil
    }

    // MARK: Checkpoints

    /// Takes up the result of a checkpoint that has finished, begins the next if the last one is
    /// `interval` nanoseconds old or the memory needs it, and keeps to the budget. Between
    /// transactions.
    public func checkpointIfDue(now: UInt64, interval: UInt64) throws(StoreError) {
        guard !table.pointee.hasUncommittedChanges else { return }
        requireNoRange()
        try finishCheckpoint(waiting: false)
        let last = lastCheckpoint ?? now
        lastCheckpoint = last
        noteMemory()
        let isDue = now &- last >= interval || isShortOfCleanKeys
        if isDue, pending == nil, budget.hasRoomForCopy {
            try beginCheckpoint()
            lastCheckpoint = now
        }
        if isFarOverBudget, pending == nil { try beginCheckpoint() }
        if isFarOverBudget { try finishCheckpoint(waiting: true) }
        keepToBudget()
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
        let snapshot = CheckpointSnapshot(
            entryCount: table.pointee.changedCount,
            budget: budget
        )
        snapshot.changelogOffset = changelogOffset
        if let wholeAt, let known = engine.changelog, known.since < wholeAt {
            engine.changelog = FollowedChangelog(id: known.id, since: wholeAt)
        }
        checkpointNumber = checkpointNumber == .max ? 1 : checkpointNumber + 1
        table.pointee.drainChanged(forCheckpoint: checkpointNumber) { key, value, timestamp in
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
            engineByteCount = engine.memoryByteCount
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
        if table.pointee.compact(ifFreeing: 0.75) { indexAgain() }
    }

    /// A range read ends before the transaction that it reads in, and before keys may leave.
    func requireNoRange() {
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

    /// Takes note that the store holds all that is in its changelog, committed and to be committed
    /// by its owner, who alone writes there: the next checkpoint says so.
    public func noteWhole(at moment: Timestamp) { wholeAt = moment }

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
        loadedUpTo = nil
    }

    /// Removes everything: what the store holds cannot be trusted, for a reason in words for the
    /// owner.
    public func wipe(because reason: String) throws(StoreError) {
        requireNoRange()
        // Whether a checkpoint that is under way succeeds no longer matters, only that it ends.
        _ = pending?.outcome(waiting: true)
        pending = nil
        try engine.wipe(because: reason)
        table.pointee = KeyValueTable(share: share)
        index?.pointee.removeAll()
        changelogOffset = nil
        hasUncheckpointedCommit = false
        wholeAt = nil
        isComplete = true
        mayLoadAll = true
        hasMissed = false
        loadedUpTo = nil
        noteMemory()
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
