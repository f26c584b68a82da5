public import Bytes

/// The parts of an ordered store's keys. A first byte parts what the store keeps beside its entries
/// from them; times and keys follow in bytes that order as they do.
@usableFromInline
enum KeySpace {
    /// How far an operator's own clock is.
    @usableFromInline static let clock: UInt8 = 0
    /// The entries.
    @usableFromInline static let entry: UInt8 = 1
    /// The entries by time, with empty values: made of the entries, not in the changelog.
    @usableFromInline static let byTime: UInt8 = 2
    /// The newest versions of rows that have a history, by key.
    @usableFromInline static let latest: UInt8 = 3
}

extension ByteSink {
    /// Appends a time in 8 bytes whose order is that of the times.
    @inlinable @inline(__always)
    mutating func append(time: Int64) {
        append(bigEndian: UInt64(bitPattern: time) ^ 1 << 63)
    }

    /// Appends the bytes of a key so that what follows does not disturb their order: a zero becomes
    /// 0 255, and 0 0 ends them.
    @inlinable
    mutating func append(escaped bytes: UnsafeRawBufferPointer) {
        guard let from = bytes.baseAddress, from.hasZero(count: bytes.count) else {
            append(contentsOf: bytes)
            return append(bigEndian: UInt16(0))
        }
        var rest = bytes
        while let zero = rest.firstIndex(of: 0) {
            append(contentsOf: UnsafeRawBufferPointer(rebasing: rest[...zero]))
            append(255)
            rest = UnsafeRawBufferPointer(rebasing: rest[(zero + 1)...])
        }
        append(contentsOf: rest)
        append(0)
        append(0)
    }
}

extension UnsafeRawBufferPointer {
    /// The time that `append(time:)` wrote at an offset.
    @inlinable @inline(__always)
    func time(at offset: Int) -> Int64 {
        Int64(
            bitPattern: UInt64(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                ^ 1 << 63
        )
    }

    /// Everything from an offset on.
    @inlinable @inline(__always)
    func from(_ offset: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[offset...])
    }
}

/// Memory in which one operator puts keys together, for as long as the operator lives.
@usableFromInline
final class KeyScratch {
    @usableFromInline let sink: UnsafeMutablePointer<ByteSink>

    @usableFromInline
    init() {
        sink = .allocate(capacity: 1)
        sink.initialize(to: ByteSink())
    }

    deinit {
        sink.deinitialize(count: 1)
        sink.deallocate()
    }

    @inlinable @inline(__always)
    var bytes: UnsafeRawBufferPointer { sink.pointee.bytes }
}
