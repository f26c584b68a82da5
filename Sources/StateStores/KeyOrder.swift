import Glibc

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
        let compared = min(left.count, right.count) &- skip
        if compared > 0, let left = left.baseAddress, let right = right.baseAddress {
            let order = order(left + skip, right + skip, compared)
            if order != 0 { return order }
        }
        return left.count &- right.count
    }

    /// Below 0, 0, or above 0 by the order of so many bytes, which are more than 0.
    @inline(__always)
    static func order(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Int {
        guard count >= 8 else { return Int(memcmp(left, right, count)) }
        var index = 0
        while index &+ 8 < count {
            let order = orderOfWords(left, right, at: index)
            if order != 0 { return order }
            index &+= 8
        }
        // The last 8 bytes may overlap those before, which are the same.
        return orderOfWords(left, right, at: count &- 8)
    }

    @inline(__always)
    private static func orderOfWords(
        _ left: UnsafeRawPointer,
        _ right: UnsafeRawPointer,
        at offset: Int
    ) -> Int {
        let first = left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        let second = right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        // Mostly they are the same, which needs no look at their order.
        guard first != second else { return 0 }
        return UInt64(bigEndian: first) < UInt64(bigEndian: second) ? -1 : 1
    }

    /// How many bytes both keys begin with.
    static func sharedByteCount(
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer
    ) -> Int {
        let limit = min(left.count, right.count)
        guard let left = left.baseAddress, let right = right.baseAddress else { return 0 }
        var index = 0
        while index &+ 8 <= limit {
            // The first byte that differs is the lowest of these words.
            let difference =
                UInt64(littleEndian: left.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                ^ UInt64(littleEndian: right.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            if difference != 0 { return index &+ difference.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < limit,
            left.load(fromByteOffset: index, as: UInt8.self)
                == right.load(fromByteOffset: index, as: UInt8.self)
        { index &+= 1 }
        return index
    }
}
