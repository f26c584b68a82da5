import LogModel
import StateStores
import Streams

/// Walks a batch some records ahead of the loop that processes them, so that a record meets what
/// is known of its key. Where the store has everything in memory, that is the cache line of the
/// key's place; where it has not, the keys that it lacks are looked up many at a time. An operator
/// that makes its store's keys of the records' asks for what it needs itself.
struct LookAhead {
    private var records: RecordIterator
    private let store: StateStore
    private let keysAhead: TaskHooks.KeysAhead?
    /// Whether keys are looked up in the store's engine.
    private let isAsking: Bool
    /// Records until the next look-up.
    private var untilLookup = 0

    /// How far ahead: enough to cover a memory access, few enough to stay in the first cache.
    private static let distance = 16
    /// Keys of one look-up: many share files and blocks, and their places stay in the cache.
    private static let lookupCount = 256
    /// Smaller tables stay in the processor's caches beside the records that pass through them.
    private static let tableByteCount = 256 << 10

    /// Nil where looking ahead would not pay.
    init?(
        _ records: RecordIterator,
        _ keyedStore: StateStore?,
        _ keysAhead: TaskHooks.KeysAhead?
    ) throws(RecordBatchError) {
        self.keysAhead = keyedStore == nil ? keysAhead : nil
        guard let store = keyedStore ?? keysAhead?.store else { return nil }
        isAsking = keyedStore != nil && !store.isComplete
        guard isAsking || store.table.pointee.byteCount > Self.tableByteCount else { return nil }
        self.records = records
        self.store = store
        guard !isAsking else { return }
        for _ in 0..<Self.distance { try step() }
    }

    /// Goes one record further, before the loop takes its next one.
    @inline(always)
    mutating func step() throws(RecordBatchError) {
        guard !isAsking else { return try stepAsking() }
        guard let key = try records.nextKey() else { return }
        if let keysAhead { return keysAhead.body(key) }
        store.table.pointee.prefetch(hash: KeyHash.hash(key))
    }

    @inline(never)
    private mutating func stepAsking() throws(RecordBatchError) {
        if untilLookup == 0 {
            untilLookup = Self.lookupCount
            var keys: [UnsafeRawBufferPointer] = []
            keys.reserveCapacity(Self.lookupCount)
            for _ in 0..<Self.lookupCount {
                guard let record = try records.next() else { break }
                if let key = record.key { keys.append(key) }
            }
            store.bring(keys)
        }
        untilLookup -= 1
    }
}
