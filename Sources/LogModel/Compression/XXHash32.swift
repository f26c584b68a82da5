/// xxHash with 32 bits and seed 0, which guards headers and blocks of LZ4 frames.
func xxHash32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let primes: (UInt32, UInt32, UInt32, UInt32, UInt32) = (
        2_654_435_761, 2_246_822_519, 3_266_489_917, 668_265_263, 374_761_393
    )
    func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 {
        (value &<< count) | (value &>> (32 - count))
    }
    func word(_ offset: Int) -> UInt32 {
        UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
    var offset = 0
    var hash = primes.4
    if bytes.count >= 16 {
        var lanes: (UInt32, UInt32, UInt32, UInt32) = (
            primes.0 &+ primes.1, primes.1, 0, 0 &- primes.0
        )
        while offset <= bytes.count - 16 {
            lanes.0 = rotate(lanes.0 &+ word(offset) &* primes.1, 13) &* primes.0
            lanes.1 = rotate(lanes.1 &+ word(offset + 4) &* primes.1, 13) &* primes.0
            lanes.2 = rotate(lanes.2 &+ word(offset + 8) &* primes.1, 13) &* primes.0
            lanes.3 = rotate(lanes.3 &+ word(offset + 12) &* primes.1, 13) &* primes.0
            offset += 16
        }
        hash =
            rotate(lanes.0, 1) &+ rotate(lanes.1, 7) &+ rotate(lanes.2, 12) &+ rotate(lanes.3, 18)
    }
    hash &+= UInt32(truncatingIfNeeded: bytes.count)
    while offset <= bytes.count - 4 {
        hash = rotate(hash &+ word(offset) &* primes.2, 17) &* primes.3
        offset += 4
    }
    while offset < bytes.count {
        hash = rotate(hash &+ UInt32(bytes[offset]) &* primes.4, 11) &* primes.0
        offset += 1
    }
    hash = (hash ^ (hash &>> 15)) &* primes.1
    hash = (hash ^ (hash &>> 13)) &* primes.2
    return hash ^ (hash &>> 16)
}
