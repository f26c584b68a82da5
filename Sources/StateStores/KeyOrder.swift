/// The order of keys: byte by byte, a key before those that begin with it.
enum KeyOrder {
    /// 8 bytes of a key behind its first `skip`, as a number that orders as they do; a shorter
    /// key is padded with zeros, so equal numbers do not make equal keys.
    @inline(__always)
    static func head(_ key: UnsafeRawBufferPointer, after skip: Int = 0) -> UInt64 {
        guard let base = key.baseAddress else { return 0 }
        let left = key.count &- skip
        if left >= 8 { return word(base, skip) }
        // The last 8 bytes, without those before the end of the skip.
        if key.count >= 8 { return word(base, key.count &- 8) << UInt64(8 &* (8 &- left)) }
        return shortHead(base + skip, left)
    }

    private static func shortHead(_ p: UnsafeRawPointer, _ count: Int) -> UInt64 {
        if count >= 4 {
            let first = UInt32(bigEndian: p.loadUnaligned(as: UInt32.self))
            let last = UInt32(bigEndian: (p + (count - 4)).loadUnaligned(as: UInt32.self))
            // Where both overlap they agree.
            return UInt64(first) << 32 | UInt64(last) << UInt64(8 * (8 - count))
        }
        var result: UInt64 = 0
        for index in 0..<count {
            let byte = UInt64((p + index).load(as: UInt8.self))
            result |= byte << UInt64(56 - 8 * index)
        }
        return result
    }

    @inline(__always)
    private static func word(_ p: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(bigEndian: p.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Below 0, 0, or above 0, as `left` comes before, is, or comes after `right`, whose first
    /// `skip` bytes are the same.
    @inline(__always)
    static func compare(
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer,
        after skip: Int = 0
    ) -> Int {
        var offset = skip
        let end = min(left.count, right.count) &- 8
        if let left = left.baseAddress, let right = right.baseAddress {
            while offset <= end {
                let (leftWord, rightWord) = (word(left, offset), word(right, offset))
                if leftWord != rightWord { return leftWord < rightWord ? -1 : 1 }
                offset &+= 8
            }
        }
        let (leftHead, rightHead) = (head(left, after: offset), head(right, after: offset))
        if leftHead != rightHead { return leftHead < rightHead ? -1 : 1 }
        // The zeros behind the shorter one are bytes of the longer one.
        return left.count &- right.count
    }

    /// How many bytes both keys begin with.
    static func sharedByteCount(
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer
    ) -> Int {
        let limit = min(left.count, right.count)
        var index = 0
        while index < limit, left[index] == right[index] { index += 1 }
        return index
    }
}
