/// Memory that a codec writes into: grows by doubling, up to a limit, and is used again. What one
/// large batch needed is given back when batches are small again.
struct OutputBuffer: ~Copyable {
    private(set) var base: UnsafeMutableRawPointer
    private(set) var capacity: Int
    /// Bytes written so far.
    private(set) var count = 0
    private var limit = 0

    private static let firstByteCount = 4096
    /// A buffer up to this size is kept, however little of it is used.
    private static let keptByteCount = 4 << 20

    init() {
        capacity = Self.firstByteCount
        base = .allocate(byteCount: capacity, alignment: 64)
    }

    deinit { base.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }
    /// Where the next byte goes.
    var end: UnsafeMutableRawPointer { base + count }
    /// Bytes that can be written before `reserve` is needed again.
    var room: Int { min(capacity, limit) - count }
    /// Bytes that can be written at all.
    var byteCountLeft: Int { limit - count }

    /// Forgets the content. From now on no more than `limit` bytes are held.
    mutating func reset(limit: Int) {
        let wasHardlyUsed = count < capacity / 8
        count = 0
        self.limit = limit
        if wasHardlyUsed, capacity > Self.keptByteCount { resize(to: Self.firstByteCount) }
    }

    /// Makes room for `byteCount` more bytes; false if that would pass the limit.
    mutating func reserve(_ byteCount: Int) -> Bool {
        guard byteCount <= limit - count else { return false }
        if room < byteCount { resize(to: min(max(capacity * 2, count + byteCount), limit)) }
        return true
    }

    /// Counts bytes that were written at `end`.
    mutating func advance(by byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= room, "written past the buffer")
        count += byteCount
    }

    private mutating func resize(to newCapacity: Int) {
        let newBase = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 64)
        newBase.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = newBase
        capacity = newCapacity
    }
}

/// A codec found its input damaged, or its output past the limit.
struct CodecFailure: Error {}
