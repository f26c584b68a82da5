// The API that the operators and the runtime call; the stores engineer replaces this file with the real table and store
// (same names where sensible; adapt Sources/Streams/Task/StoreWriter.swift, StreamThread.swift, ChangelogRestorer.swift if better).
public import LogModel
public struct KeyValueTable: ~Copyable {
    public struct Slot { @usableFromInline let i: Int }
    @usableFromInline var entries: [[UInt8]: (UnsafeMutableRawBufferPointer?, Timestamp)] = [:]
    @inlinable public func value(_ s: Slot) -> UnsafeRawBufferPointer? { nil }
    @inlinable public func timestamp(_ s: Slot) -> Timestamp { .none }
    @inlinable public mutating func put(_ s: Slot, value: UnsafeRawBufferPointer?, timestamp: Timestamp) {}
}
public final class StateStore {
    public let table: UnsafeMutablePointer<KeyValueTable>
    public init(engine: any StoreEngine) { table = .allocate(capacity: 1) }
    @inlinable public func slot(for key: UnsafeRawBufferPointer) throws(StoreError) -> KeyValueTable.Slot { fatalError() }
    public func commit(changelogOffset: Offset?) {}
    public func abort() {}
    public func checkpointIfDue(now: UInt64, interval: UInt64) throws(StoreError) {}
    public func beginRestore() throws(StoreError) -> StateRestore { StateRestore() }
    public var changelogOffset: Offset? { nil }
    public func wipe() throws(StoreError) {}
    public func close(checkpointing: Bool) throws(StoreError) {}
}
public final class StateRestore {
    public func put(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Timestamp) throws(StoreError) {}
    public func noteOffset(_ o: Offset) throws(StoreError) {}
    public func finish(changelogOffset: Offset) throws(StoreError) {}
}
