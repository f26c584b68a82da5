/// Kafka's murmur2 of `bytes`, with its fixed seed: what its producers partition keys by.
///
/// A key's partition is `(hash & 0x7fffffff) % count`, see `partition(ofKey:count:)`.
@inlinable
public func murmur2(_ bytes: UnsafeRawBufferPointer) -> Int32 {
    let multiplier: UInt32 = 0x5bd1_e995
    var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: bytes.count)
    var offset = 0
    let wordEnd = bytes.count & ~3
    while offset < wordEnd {
        var word = UInt32(
            littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        )
        word &*= multiplier
        word ^= word &>> 24
        word &*= multiplier
        hash = (hash &* multiplier) ^ word
        offset &+= 4
    }
    let rest = bytes.count & 3
    if rest > 0 {
        if rest > 2 { hash ^= UInt32(bytes[wordEnd &+ 2]) &<< 16 }
        if rest > 1 { hash ^= UInt32(bytes[wordEnd &+ 1]) &<< 8 }
        hash ^= UInt32(bytes[wordEnd])
        hash &*= multiplier
    }
    hash ^= hash &>> 13
    hash &*= multiplier
    hash ^= hash &>> 15
    return Int32(bitPattern: hash)
}

/// The partition of `count` that Kafka's default partitioner gives to a record with this key.
@inlinable
public func partition(ofKey key: UnsafeRawBufferPointer, count: Int32) -> Int32 {
    precondition(count > 0, "a topic has at least one partition")
    return (murmur2(key) & 0x7fff_ffff) % count
}

/// Java's `String.hashCode`: over UTF-16 units, which coordinator partitions are chosen by.
public func javaHashCode(_ text: String) -> Int32 {
    var hash: Int32 = 0
    for unit in text.utf16 { hash = hash &* 31 &+ Int32(unit) }
    return hash
}

/// The partition of `count` in which a group's or transactional id's coordinator keeps its state.
/// The absolute value of the smallest integer counts as 0, as in Kafka.
public func coordinatorPartition(of id: String, count: Int32) -> Int32 {
    precondition(count > 0, "a topic has at least one partition")
    let hash = javaHashCode(id)
    return (hash == Int32.min ? 0 : abs(hash)) % count
}
