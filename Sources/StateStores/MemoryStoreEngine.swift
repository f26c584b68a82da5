public import LogModel

/// The engine of a store that is kept in memory alone: it holds nothing, so the store's table keeps
/// everything, and a start reads the whole changelog.
public final class MemoryStoreEngine: StoreEngine {
    /// An engine that holds nothing.
    public init() {}

    public var checkpointedOffset: Offset? { nil }
    /// The topic of which the table above holds values.
    public var changelog: FollowedChangelog?
    public var isEmpty: Bool { true }
    public var isInMemory: Bool { true }

    public func get(
        _ key: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) -> Bool { false }

    /// Takes nothing: the table has the entries, and only those that were removed leave it.
    public func checkpoint(
        _ entries: SortedEntries,
        changelogOffset: Offset
    ) throws(StoreError) {}

    public func scan(
        from: UnsafeRawBufferPointer?,
        to: UnsafeRawBufferPointer?,
        isReversed: Bool,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) throws(StoreError) {}

    public func wipe(because reason: String) throws(StoreError) {}

    public func close() {}
}
