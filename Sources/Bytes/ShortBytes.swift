/// Copies and comparisons of a few bytes, as keys mostly have: words that may overlap, without a
/// call.
extension UnsafeRawPointer {
    /// Whether so many bytes here and there are the same.
    @inlinable @inline(__always)
    public func hasSameBytes(as other: UnsafeRawPointer, count: Int) -> Bool {
        guard count >= 8 else { return hasSameBytes(as: other, shortCount: count) }
        var index = 0
        while index &+ 8 < count {
            guard isSame(UInt64.self, as: other, at: index) else { return false }
            index &+= 8
        }
        // The last 8 bytes, which may overlap what was compared.
        return isSame(UInt64.self, as: other, at: count &- 8)
    }

    /// The same for less than 8 bytes.
    @inlinable @inline(__always)
    func hasSameBytes(as other: UnsafeRawPointer, shortCount count: Int) -> Bool {
        if count >= 4 {
            return isSame(UInt32.self, as: other, at: 0)
                && isSame(UInt32.self, as: other, at: count &- 4)
        }
        if count >= 2 {
            return isSame(UInt16.self, as: other, at: 0)
                && isSame(UInt16.self, as: other, at: count &- 2)
        }
        return count <= 0 || isSame(UInt8.self, as: other, at: 0)
    }

    @inlinable @inline(__always)
    func isSame<Word: FixedWidthInteger & BitwiseCopyable>(
        _ word: Word.Type,
        as other: UnsafeRawPointer,
        at offset: Int
    ) -> Bool {
        loadUnaligned(fromByteOffset: offset, as: word)
            == other.loadUnaligned(fromByteOffset: offset, as: word)
    }

    /// Whether one of so many bytes is 0.
    ///
    /// Eight at a time: of x, `(x - 0x01…) & ~x & 0x80…` is not 0 if a byte is 0.
    @inlinable @inline(__always)
    public func hasZero(count: Int) -> Bool {
        var index = 0
        guard count >= 8 else {
            while index < count {
                if load(fromByteOffset: index, as: UInt8.self) == 0 { return true }
                index &+= 1
            }
            return false
        }
        while index &+ 8 < count {
            if hasZeroInWord(at: index) { return true }
            index &+= 8
        }
        return hasZeroInWord(at: count &- 8)
    }

    @inlinable @inline(__always)
    func hasZeroInWord(at offset: Int) -> Bool {
        let word = loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        return (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0
    }
}

extension UnsafeMutableRawPointer {
    /// Copies so many bytes from memory that is not here.
    @inlinable @inline(__always)
    public func copyBytes(from source: UnsafeRawPointer, count: Int) {
        if count > 32 || count < 4 { return copyMemory(from: source, byteCount: count) }
        if count >= 16 {
            copyEnds(SIMD2<UInt64>.self, from: source, count: count)
        } else if count >= 8 {
            copyEnds(UInt64.self, from: source, count: count)
        } else {
            copyEnds(UInt32.self, from: source, count: count)
        }
    }

    /// Copies the first word of so many bytes and the last one, which may overlap.
    @inlinable @inline(__always)
    func copyEnds<Word: BitwiseCopyable>(
        _ word: Word.Type,
        from source: UnsafeRawPointer,
        count: Int
    ) {
        let last = count &- MemoryLayout<Word>.size
        let first = source.loadUnaligned(as: word)
        let end = source.loadUnaligned(fromByteOffset: last, as: word)
        storeBytes(of: first, as: word)
        storeBytes(of: end, toByteOffset: last, as: word)
    }
}
