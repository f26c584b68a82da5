import Glibc

/// The order of keys: byte by byte, a key before those that begin with it.
enum KeyOrder {
    /// 8 bytes of a key behind its first `skip`, as a number that orders as they do; a shorter
    /// key is padded with zeros, so equal numbers do not make equal keys.
    @inline(__always)
    static func head(_ key: UnsafeRawBufferPointer, after skip: Int = 0) -> UInt64 {
        let left = key.count &- skip
        if left >= 8 {
            return UInt64(bigEndian: key.loadUnaligned(fromByteOffset: skip, as: UInt64.self))
        }
        var result: UInt64 = 0
        for index in 0..<8 {
            result = result << 8 | (index < left ? UInt64(key[skip &+ index]) : 0)
        }
        return result
    }

    /// Below 0, 0, or above 0, as `left` comes before, is, or comes after `right`.
    @inline(__always)
    static func compare(
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer
    ) -> Int {
        let shared = min(left.count, right.count)
        if shared > 0, let left = left.baseAddress, let right = right.baseAddress {
            let order = memcmp(left, right, shared)
            if order != 0 { return Int(order) }
        }
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
