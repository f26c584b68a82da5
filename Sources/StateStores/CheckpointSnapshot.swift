import LogModel

/// Committed entries on their way to an engine: copied from the table in one pass, then sorted
/// and written by another thread while the table goes on changing.
///
/// An entry in the arena, values in the engine's own form:
///
///     4  length of the key
///     4  length of what follows the key, -1: removed
///     …  the key
///     …  8 bytes timestamp, big-endian, then the value
///
/// SAFETY: `@unchecked` because of the pointers; the snapshot is filled by one thread, handed
/// over whole, and only read afterwards.
final class CheckpointSnapshot: @unchecked Sendable {
    /// Where an entry lies, with 8 bytes of its key for fast comparison: the first ones, and in the
    /// sort those behind what all keys begin with.
    struct Reference {
        var prefix: UInt64
        var position: Int
    }

    private var arena: UnsafeMutableRawPointer
    private var capacity: Int
    /// What the copy takes of a budget as long as it lives.
    private let budget: MemoryBudget?
    private var notedByteCount: Int
    private(set) var byteCount = 0
    private(set) var references: [Reference] = []
    /// The changelog offset that the entries stand for.
    var changelogOffset = Offset.zero

    init(capacity: Int) {
        self.capacity = capacity
        (budget, notedByteCount) = (nil, 0)
        arena = .allocate(byteCount: capacity, alignment: 16)
    }

    /// A copy of so many entries, which counts in a budget.
    init(entryCount: Int, budget: MemoryBudget) {
        capacity = max(64 << 10, entryCount * Self.usualEntryByteCount)
        self.budget = budget
        notedByteCount = capacity + entryCount * MemoryLayout<Reference>.stride
        arena = .allocate(byteCount: capacity, alignment: 16)
        references.reserveCapacity(entryCount)
        budget.addCopy(notedByteCount)
    }

    deinit {
        budget?.addCopy(-notedByteCount)
        arena.deallocate()
    }

    /// A key of 24 bytes and a value of 16; pages that are not written to are none.
    private static let usualEntryByteCount = 56

    var count: Int { references.count }

    /// Forgets the entries and keeps the memory.
    func removeAll() {
        references.removeAll(keepingCapacity: true)
        byteCount = 0
    }

    /// Copies an entry; nil removes the key.
    func append(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer?,
        timestamp: Timestamp
    ) {
        let valueByteCount = value.map { $0.count + StoredValue.headerByteCount } ?? 0
        let needed = 8 + key.count + valueByteCount
        if capacity - byteCount < needed { grow(by: needed) }
        var p = arena + byteCount
        references.append(Reference(prefix: 0, position: byteCount))
        p.storeBytes(of: UInt32(key.count), as: UInt32.self)
        p.storeBytes(
            of: value == nil ? -1 : Int32(valueByteCount),
            toByteOffset: 4,
            as: Int32.self
        )
        p += 8
        if let base = key.baseAddress { p.copyMemory(from: base, byteCount: key.count) }
        p += key.count
        if let value { StoredValue.write(value, timestamp: timestamp, to: p) }
        byteCount += needed
    }

    /// Puts the entries in the order of their keys; of equal keys the last one stays.
    func sort() {
        skipCommonBeginning()
        references.sort { left, right in
            if left.prefix != right.prefix { return left.prefix < right.prefix }
            let order = KeyOrder.compare(key(at: left.position), key(at: right.position))
            return order == 0 ? left.position < right.position : order < 0
        }
        var kept = 0
        for index in references.indices {
            let isLast =
                index + 1 == references.count
                || references[index].prefix != references[index + 1].prefix
                || KeyOrder.compare(
                    key(at: references[index].position),
                    key(at: references[index + 1].position)
                )
                    != 0
            if isLast {
                references[kept] = references[index]
                kept += 1
            }
        }
        references.removeLast(references.count - kept)
    }

    /// Compares keys by the 8 bytes that follow what all of them begin with: keys of one store
    /// often begin alike.
    private func skipCommonBeginning() {
        guard let first = references.first else { return }
        var shared = key(at: first.position)
        for reference in references where !shared.isEmpty {
            let count = KeyOrder.sharedByteCount(shared, key(at: reference.position))
            shared = UnsafeRawBufferPointer(rebasing: shared[..<count])
        }
        for index in references.indices {
            let key = key(at: references[index].position)
            references[index].prefix = KeyOrder.head(key, after: shared.count)
        }
    }

    /// The entries as an engine takes them; valid while the snapshot lives and is not changed.
    var sortedEntries: SortedEntries {
        SortedEntries(count: references.count) { [self] index in
            let position = references[index].position
            return SortedEntries.Entry(key: key(at: position), value: value(at: position))
        }
    }

    /// Calls `body` with every key that the entries remove.
    func forEachRemoved(_ body: (UnsafeRawBufferPointer) -> Void) {
        for reference in references where value(at: reference.position) == nil {
            body(key(at: reference.position))
        }
    }

    func key(at position: Int) -> UnsafeRawBufferPointer {
        let p = arena + position
        return UnsafeRawBufferPointer(start: p + 8, count: Int(p.loadUnaligned(as: UInt32.self)))
    }

    private func value(at position: Int) -> UnsafeRawBufferPointer? {
        let p = arena + position
        let length = p.loadUnaligned(fromByteOffset: 4, as: Int32.self)
        guard length >= 0 else { return nil }
        let keyLength = Int(p.loadUnaligned(as: UInt32.self))
        return UnsafeRawBufferPointer(start: p + 8 + keyLength, count: Int(length))
    }

    private func grow(by needed: Int) {
        let old = capacity
        capacity = max(capacity * 2, byteCount + needed)
        if let budget {
            notedByteCount += capacity - old
            budget.addCopy(capacity - old)
        }
        let moved = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        moved.copyMemory(from: arena, byteCount: byteCount)
        arena.deallocate()
        arena = moved
    }
}

/// A value as engines keep it: its timestamp in 8 big-endian bytes, then its bytes (the form of
/// Kafka Streams' timestamped stores).
enum StoredValue {
    static let headerByteCount = 8

    static func write(
        _ value: UnsafeRawBufferPointer,
        timestamp: Timestamp,
        to p: UnsafeMutableRawPointer
    ) {
        p.storeBytes(of: timestamp.rawValue.bigEndian, as: Int64.self)
        if let base = value.baseAddress {
            (p + headerByteCount).copyMemory(from: base, byteCount: value.count)
        }
    }

    /// Timestamp and bytes of a stored value; nil if it is too short to be one.
    static func read(
        _ stored: UnsafeRawBufferPointer
    ) -> (timestamp: Timestamp, value: UnsafeRawBufferPointer)? {
        guard stored.count >= headerByteCount else { return nil }
        let timestamp = Int64(bigEndian: stored.loadUnaligned(as: Int64.self))
        return (
            Timestamp(timestamp),
            UnsafeRawBufferPointer(rebasing: stored[headerByteCount...])
        )
    }
}
