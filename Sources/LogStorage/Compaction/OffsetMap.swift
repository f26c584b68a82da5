import Glibc
import LogModel

/// The latest offset of each key in the part of a log that is being cleaned, in bounded memory.
///
/// Kafka keeps 16 bytes of hash for a key and accepts that two keys may share them; a shared hash
/// drops a record. Here the keys themselves are kept, so none is ever taken for another. When the
/// memory is used up the map takes no further key and the round ends at that record.
///
/// An entry, in a chunk of memory:
///
///      0  8  hash
///      8  8  offset
///     16  4  byte count of the key
///     20  …  key, and what aligns the next entry to 8 bytes
struct OffsetMap: ~Copyable {
    private typealias Entry = UnsafeMutableRawPointer

    let byteLimit: Int
    private(set) var count = 0
    /// Memory in use.
    private(set) var byteCount = 0
    /// Open addressing: entries, or nil; a power of two of them.
    private var slots: UnsafeMutableBufferPointer<UnsafeMutableRawPointer?>
    private var chunks: [UnsafeMutableRawBufferPointer] = []
    /// Bytes used of the last chunk.
    private var used = 0

    private static let firstSlotCount = 64
    private static let smallestChunk = 4096
    private static let largestChunk = 1 << 20
    private static let keyPosition = 20

    init(byteLimit: Int) {
        self.byteLimit = byteLimit
        slots = Self.makeSlots(Self.firstSlotCount)
        byteCount = slots.count * MemoryLayout<Entry?>.stride
    }

    deinit {
        slots.deallocate()
        for chunk in chunks { chunk.deallocate() }
    }

    /// The latest offset of a key; nil if the map does not have the key.
    func offset(of key: UnsafeRawBufferPointer) -> Offset? {
        guard let entry = slots[slot(of: key, hash: Self.hash(key))] else { return nil }
        return Offset(entry.load(fromByteOffset: 8, as: Int64.self))
    }

    /// Notes that `key` has a record at `offset`; false if there is no memory for one more key.
    /// The first key always has a place, so that every round gets on.
    mutating func put(_ key: UnsafeRawBufferPointer, at offset: Offset) -> Bool {
        let hash = Self.hash(key)
        if let entry = slots[slot(of: key, hash: hash)] {
            entry.storeBytes(of: offset.rawValue, toByteOffset: 8, as: Int64.self)
            return true
        }
        guard growSlots(), let entry = allocate(Self.keyPosition + key.count) else { return false }
        entry.storeBytes(of: hash, as: UInt64.self)
        entry.storeBytes(of: offset.rawValue, toByteOffset: 8, as: Int64.self)
        entry.storeBytes(
            of: UInt32(truncatingIfNeeded: key.count),
            toByteOffset: 16,
            as: UInt32.self
        )
        if let source = key.baseAddress {
            (entry + Self.keyPosition).copyMemory(from: source, byteCount: key.count)
        }
        slots[slot(of: key, hash: hash)] = entry
        count += 1
        return true
    }

    /// The hash is seeded for each process: nobody can choose keys that collide. It decides
    /// nothing but where an entry lies.
    private static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(bytes: key)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// Where the key's entry is, or would be.
    private func slot(of key: UnsafeRawBufferPointer, hash: UInt64) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while let entry = slots[slot], !Self.holds(entry, key, hash) { slot = (slot + 1) & mask }
        return slot
    }

    private static func holds(_ entry: Entry, _ key: UnsafeRawBufferPointer, _ hash: UInt64) -> Bool
    {
        guard entry.load(as: UInt64.self) == hash,
            entry.load(fromByteOffset: 16, as: UInt32.self) == UInt32(truncatingIfNeeded: key.count)
        else { return false }
        guard let bytes = key.baseAddress else { return true }
        return memcmp(entry + keyPosition, bytes, key.count) == 0
    }

    // MARK: Memory

    /// Makes sure that a slot stays free behind one more entry; three quarters may be taken.
    private mutating func growSlots() -> Bool {
        guard (count + 1) * 4 > slots.count * 3 else { return true }
        let added = slots.count * 2 * MemoryLayout<Entry?>.stride
        guard byteCount + added <= byteLimit else { return false }
        let old = slots
        slots = Self.makeSlots(old.count * 2)
        let mask = slots.count - 1
        for case let entry? in old {
            var slot = Int(truncatingIfNeeded: entry.load(as: UInt64.self)) & mask
            while slots[slot] != nil { slot = (slot + 1) & mask }
            slots[slot] = entry
        }
        byteCount += added - old.count * MemoryLayout<Entry?>.stride
        old.deallocate()
        return true
    }

    private mutating func allocate(_ byteCount: Int) -> Entry? {
        let needed = (byteCount + 7) & ~7
        if let chunk = chunks.last, chunk.count - used >= needed {
            defer { used += needed }
            return chunk.baseAddress.map { $0 + used }
        }
        var size = max(needed, min(max(self.byteCount, Self.smallestChunk), Self.largestChunk))
        if self.byteCount + size > byteLimit { size = needed }
        guard self.byteCount + size <= byteLimit || count == 0 else { return nil }
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
        chunks.append(chunk)
        self.byteCount += size
        used = needed
        return chunk.baseAddress
    }

    private static func makeSlots(
        _ count: Int
    ) -> UnsafeMutableBufferPointer<UnsafeMutableRawPointer?> {
        let slots = UnsafeMutableBufferPointer<UnsafeMutableRawPointer?>.allocate(capacity: count)
        slots.initialize(repeating: nil)
        return slots
    }
}
