public import LogModel
public import StateStores

/// One operator's way to a store, by bytes: every change goes to the store and, in the same
/// transaction, to its changelog.
@usableFromInline
struct StoreHandle {
    @usableFromInline let store: StateStore
    @usableFromInline let changelog: OutputBuffer.Target
    @usableFromInline let output: UnsafeMutablePointer<OutputBuffer>
    @usableFromInline let partition: PartitionIndex
    /// Keeps the pointers alive.
    @usableFromInline let task: TaskBinding

    @inlinable
    init(task: TaskBinding, store name: String) {
        (store, changelog) = task.store(named: name)
        self.task = task
        output = task.output
        partition = task.partition
    }

    /// The place of a key.
    @inlinable @inline(__always)
    func slot(_ key: UnsafeRawBufferPointer) throws -> KeyValueTable.Slot {
        try store.slot(for: key)
    }

    /// The bytes at a place, nil where there is no value; valid until the next change.
    @inlinable @inline(__always)
    func bytes(_ slot: KeyValueTable.Slot) -> UnsafeRawBufferPointer? {
        store.table.pointee.value(slot)
    }

    /// The timestamp of the value at a place.
    @inlinable @inline(__always)
    func timestamp(_ slot: KeyValueTable.Slot) -> Timestamp {
        store.table.pointee.timestamp(slot)
    }

    /// Refuses a key that is longer than a store takes.
    func requireShort(_ key: UnsafeRawBufferPointer) throws { try StateStore.requireShort(key) }

    /// Changes the value of a key at its place; nil removes it.
    @inlinable @inline(__always)
    func put(
        _ slot: KeyValueTable.Slot,
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer?,
        timestamp: Timestamp
    ) throws {
        store.table.pointee.put(slot, value: value, timestamp: timestamp)
        try output.pointee.append(
            to: changelog,
            partition: partition,
            timestamp: timestamp,
            key: key,
            value: value,
            headers: nil
        )
    }

    /// Changes the value of a key; nil removes it.
    @inlinable
    func put(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer?,
        timestamp: Timestamp
    ) throws {
        try put(try slot(key), key: key, value: value, timestamp: timestamp)
    }
}
