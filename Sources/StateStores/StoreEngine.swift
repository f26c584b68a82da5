public import Bytes
public import LogModel

/// The disk (or memory) below one task's state store: byte-ordered keys, written only by
/// checkpoints. RocksDB in production, a simulated one with the same contract in crash tests.
///
/// A checkpoint is one atomic step: after a crash the engine holds either all of its entries and
/// its changelog offset, or none of them. Uncommitted values never reach an engine.
public protocol StoreEngine: AnyObject {
    /// The next changelog offset after those whose values the engine holds; nil when it is new.
    var checkpointedOffset: Offset? { get }
    /// The topic that the offset is one of, and since when; nil where nobody has said it. Once set,
    /// each checkpoint writes it beside its offset. Not while a checkpoint is under way.
    var changelog: FollowedChangelog? { get set }
    /// Whether the engine surely holds no entries: reads may be skipped.
    var isEmpty: Bool { get }
    /// Whether the engine never holds anything, so that the table above keeps everything.
    var isInMemory: Bool { get }
    /// Lends the value of `key` to `body`; returns false without a call if there is none.
    func get(
        _ key: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) -> Bool
    /// Looks many keys up at once: lends `body` the place in `keys` and the value of each key that
    /// has one, in any order.
    func get(
        all keys: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        _ body: (_ place: Int, _ value: UnsafeRawBufferPointer) -> Void
    ) throws(StoreError)
    /// How many entries it holds, about; rather too many than too few.
    var estimatedEntryCount: Int { get }
    /// Bytes of memory that it keeps for itself, beside the blocks that all engines share.
    var memoryByteCount: Int { get }
    /// Writes entries in ascending order of their key bytes, each key once, and the offset, as
    /// one atomic step that survives a crash once this returns.
    func checkpoint(_ entries: SortedEntries, changelogOffset: Offset) throws(StoreError)
    /// Lends the entries with from <= key < to (nil: unbounded), ascending or descending by key
    /// bytes, until `body` returns false. They are those of one moment: a checkpoint that ends
    /// meanwhile is not seen. `body` may read the engine.
    func scan(
        from: UnsafeRawBufferPointer?,
        to: UnsafeRawBufferPointer?,
        isReversed: Bool,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) throws(StoreError)
    /// Removes everything: only when the engine's contents cannot be trusted, for a reason in words
    /// for the owner.
    func wipe(because reason: String) throws(StoreError)
    /// Ends the use; an unfinished checkpoint has not happened.
    func close()
}

extension StoreEngine {
    /// Not so by default.
    public var isInMemory: Bool { false }

    /// Not known by default.
    public var estimatedEntryCount: Int { 0 }

    /// None by default.
    public var memoryByteCount: Int { 0 }

    /// One key after the other.
    public func get(
        all keys: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        _ body: (_ place: Int, _ value: UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) {
        for place in keys.indices {
            _ = try get(keys[place]) { body(place, $0) }
        }
    }

    /// A scan in ascending order.
    public func scan(
        from: UnsafeRawBufferPointer?,
        to: UnsafeRawBufferPointer?,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) throws(StoreError) {
        try scan(from: from, to: to, isReversed: false, body)
    }
}

/// The topic that a store holds the records of.
public struct FollowedChangelog: Equatable, Sendable {
    /// The topic's id: one made anew under its name is another one.
    public var id: UniqueID
    /// A moment at which the store held all there was, or began to be read from the start.
    public var since: Timestamp
    /// A topic followed since a moment.
    public init(id: UniqueID, since: Timestamp) {
        self.id = id
        self.since = since
    }
}

/// A failure of a store, in words for its owner.
public struct StoreError: Error, Equatable, Sendable {
    public enum Code: Sendable { case io, corrupt, newerFormat, inUse, full, keyTooLong }
    public var code: Code
    /// The store's folder.
    public var path: String
    public var message: String
    public init(code: Code, path: String, message: String) {
        self.code = code
        self.path = path
        self.message = message
    }
}

extension StoreError: CustomStringConvertible {
    /// What happened, behind the place where it is known.
    public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}

/// Entries of a checkpoint: pointers into memory that the caller keeps alive during the call,
/// ascending by key bytes, each key once. A nil value removes the key.
public struct SortedEntries {
    public struct Entry {
        public var key: UnsafeRawBufferPointer
        public var value: UnsafeRawBufferPointer?
        @inlinable public init(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?) {
            self.key = key
            self.value = value
        }
    }
    public let count: Int
    /// The entry at an index below `count`.
    public let entry: (Int) -> Entry
    public init(count: Int, entry: @escaping (Int) -> Entry) {
        self.count = count
        self.entry = entry
    }
}

/// Makes the engines of a job's stores.
public protocol StoreEngineFactory: Sendable {
    /// Opens, or creates, the engine of one store of one partition. `path` is relative to the
    /// state folder: `<job>/<store>-<partition>`.
    func open(path: String) throws(StoreError) -> any StoreEngine
}
