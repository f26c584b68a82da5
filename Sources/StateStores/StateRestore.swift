public import LogModel

/// Takes records of a changelog into a store: few of them into the table, many through sorted
/// files straight into the engine, which is several times faster than writing them one by one.
///
/// Entries of the engine are replaced in the order of the changelog: each sorted file holds the
/// last value of each of its keys, and a later file wins.
public final class StateRestore {
    private let store: StateStore
    private let engine: any StoreEngine
    private let snapshot = CheckpointSnapshot(capacity: 1 << 20)
    private var wroteEngine = false

    /// Records of this many bytes go into a sorted file before more are taken.
    private static let fileByteCount = 64 << 20
    /// What remains at the end goes to the table, up to this many records if none went to a file.
    private static let tableRecordLimit = 10_000

    init(store: StateStore, engine: any StoreEngine) {
        self.store = store
        self.engine = engine
    }

    /// Takes one record; null removes the key.
    ///
    /// - Throws: `.keyTooLong` for a key that no store takes.
    public func put(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer?,
        timestamp: Timestamp
    ) throws(StoreError) {
        try StateStore.requireShort(key)
        snapshot.append(key: key, value: value, timestamp: timestamp)
    }

    /// Notes that every record below `offset` was given: a point where the engine may be written.
    public func noteOffset(_ offset: Offset) throws(StoreError) {
        guard snapshot.byteCount >= Self.fileByteCount else { return }
        guard engine.isInMemory else { return try writeEngine(upTo: offset) }
        try writeTable()
        snapshot.removeAll()
    }

    /// Ends the restore; the store then stands for the changelog up to `changelogOffset`.
    public func finish(changelogOffset: Offset) throws(StoreError) {
        if wroteEngine || (snapshot.count > Self.tableRecordLimit && !engine.isInMemory) {
            try writeEngine(upTo: changelogOffset)
            return store.noteRestored(changelogOffset: changelogOffset, intoEngine: true)
        }
        try writeTable()
        store.noteRestored(changelogOffset: changelogOffset, intoEngine: false)
    }

    private func writeTable() throws(StoreError) {
        snapshot.sort()
        let entries = snapshot.sortedEntries
        for index in 0..<entries.count {
            let entry = entries.entry(index)
            let stored = entry.value.flatMap(StoredValue.read)
            let slot = try store.slot(for: entry.key)
            store.table.pointee.setCommitted(
                slot,
                value: stored?.value,
                timestamp: stored?.timestamp ?? .none
            )
        }
    }

    private func writeEngine(upTo offset: Offset) throws(StoreError) {
        // The engine must stand for everything below the offset that it is given.
        if !wroteEngine { try store.checkpointNow() }
        store.noteEngineWrite()
        snapshot.sort()
        // What the table holds of these keys is older than the changelog.
        store.table.pointee.refresh(from: snapshot)
        try engine.checkpoint(snapshot.sortedEntries, changelogOffset: offset)
        snapshot.removeAll()
        wroteEngine = true
    }
}

extension KeyValueTable {
    /// Brings keys that are in the table up to the values of `snapshot`, as clean ones.
    fileprivate mutating func refresh(from snapshot: CheckpointSnapshot) {
        guard count > 0 else { return }
        let entries = snapshot.sortedEntries
        for index in 0..<entries.count {
            let entry = entries.entry(index)
            guard let slot = find(entry.key, hash: KeyHash.hash(entry.key)) else { continue }
            let stored = entry.value.flatMap(StoredValue.read)
            setRestored(slot, value: stored?.value, timestamp: stored?.timestamp ?? .none)
        }
    }
}
