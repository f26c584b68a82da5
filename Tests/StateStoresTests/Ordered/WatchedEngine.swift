import LogModel
import StateStores
import Synchronization

/// An engine that counts what it is asked, and fails checkpoints when told to.
///
/// SAFETY: `@unchecked` because engines are not Sendable by type; the one below keeps the contract.
final class WatchedEngine: StoreEngine, @unchecked Sendable {
    private let engine: any StoreEngine
    private let isFailing = Atomic(false)
    /// Reads of single keys, and scans.
    private(set) var getCount = 0
    private(set) var scanCount = 0
    /// Look-ups of many keys.
    private(set) var lookupCount = 0

    init(_ engine: any StoreEngine) { self.engine = engine }

    /// Whether the next checkpoint fails, and then has not happened.
    var failsNextCheckpoint: Bool {
        get { isFailing.load(ordering: .relaxed) }
        set { isFailing.store(newValue, ordering: .relaxed) }
    }

    var checkpointedOffset: Offset? { engine.checkpointedOffset }
    var changelog: FollowedChangelog? {
        get { engine.changelog }
        set { engine.changelog = newValue }
    }
    var isEmpty: Bool { engine.isEmpty }

    func get(
        _ key: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) -> Bool {
        getCount += 1
        return try engine.get(key, body)
    }

    func get(
        all keys: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        _ body: (_ place: Int, _ value: UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) {
        lookupCount += 1
        try engine.get(all: keys, body)
    }

    var estimatedEntryCount: Int { engine.estimatedEntryCount }

    func checkpoint(_ entries: SortedEntries, changelogOffset: Offset) throws(StoreError) {
        guard !isFailing.exchange(false, ordering: .relaxed) else {
            throw StoreError(code: .io, path: "", message: "the checkpoint was planned to fail")
        }
        try engine.checkpoint(entries, changelogOffset: changelogOffset)
    }

    func scan(
        from: UnsafeRawBufferPointer?,
        to: UnsafeRawBufferPointer?,
        isReversed: Bool,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) throws(StoreError) {
        scanCount += 1
        try engine.scan(from: from, to: to, isReversed: isReversed, body)
    }

    func wipe(because reason: String) throws(StoreError) { try engine.wipe(because: reason) }

    func close() { engine.close() }
}
