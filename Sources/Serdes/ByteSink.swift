public import Bytes

/// Bytes being written: a growing buffer that is reused from record to record.
public struct ByteSink: ~Copyable {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    /// The bytes written since the last `removeAll()`.
    public private(set) var count: Int

    /// An empty sink with room for `capacity` bytes.
    public init(capacity: Int = 256) {
        self.capacity = max(capacity, 16)
        base = .allocate(byteCount: self.capacity, alignment: 16)
        count = 0
    }

    deinit { base.deallocate() }

    /// What was written; valid until the sink next changes.
    @inlinable
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Forgets the bytes and keeps the room.
    @inlinable @inline(__always)
    public mutating func removeAll() { setCount(0) }

    /// Forgets the bytes behind the first `count`.
    package mutating func removeAll(after count: Int) {
        assert(count >= 0 && count <= self.count)
        setCount(count)
    }

    /// Appends one byte.
    @inlinable @inline(__always)
    public mutating func append(_ byte: UInt8) {
        let at = reserve(1)
        at.storeBytes(of: byte, as: UInt8.self)
    }

    /// Appends bytes.
    @inlinable @inline(__always)
    public mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
        guard let from = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count).copyBytes(from: from, count: bytes.count)
    }

    /// Appends the first `count` of 16 bytes in two words. They are written by one store, so that
    /// what reads them right after it, in whatever pieces, does not wait.
    @inlinable @inline(__always)
    mutating func append(_ low: UInt64, _ high: UInt64, count: Int) {
        assert(count >= 0 && count <= 16)
        if capacity &- self.count < 16 { grow(by: 16) }
        (base + self.count).storeBytes(of: SIMD2(low, high), as: SIMD2<UInt64>.self)
        setCount(self.count &+ count)
    }

    /// Appends the UTF-8 bytes of `text`.
    @inlinable @inline(__always)
    public mutating func append(utf8 text: String) {
        var text = text
        text.withUTF8 { append(contentsOf: UnsafeRawBufferPointer($0)) }
    }

    /// Appends an integer, most significant byte first.
    @inlinable @inline(__always)
    public mutating func append<Integer: FixedWidthInteger>(bigEndian value: Integer) {
        reserve(MemoryLayout<Integer>.size).storeBytes(of: value.bigEndian, as: Integer.self)
    }

    /// Puts an integer over bytes that were written before.
    @inlinable
    public mutating func overwrite<Integer: FixedWidthInteger>(bigEndian value: Integer, at: Int) {
        precondition(at >= 0 && at + MemoryLayout<Integer>.size <= count, "nothing written there")
        base.storeBytes(of: value.bigEndian, toByteOffset: at, as: Integer.self)
    }

    /// Room for `byteCount` more bytes, counted as written: the caller fills all of them.
    @inlinable @inline(__always)
    public mutating func reserve(_ byteCount: Int) -> UnsafeMutableRawPointer {
        if capacity - count < byteCount { grow(by: byteCount) }
        let at = base + count
        setCount(count + byteCount)
        return at
    }

    @usableFromInline @inline(__always)
    mutating func setCount(_ newCount: Int) { count = newCount }

    @usableFromInline @inline(never)
    mutating func grow(by byteCount: Int) {
        let newCapacity = max(capacity * 2, count + byteCount)
        let newBase = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 16)
        newBase.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = newBase
        capacity = newCapacity
    }
}
