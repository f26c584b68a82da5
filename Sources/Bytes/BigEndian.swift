/// Big-endian integers at unaligned addresses: the byte order of every Kafka format.
extension UnsafeRawPointer {
    /// The big-endian integer at `offset` bytes. The caller has checked the bound.
    @inlinable @inline(__always)
    public func bigEndian<Integer: FixedWidthInteger>(
        _ type: Integer.Type = Integer.self,
        at offset: Int
    ) -> Integer {
        Integer(bigEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }
}

extension UnsafeMutableRawPointer {
    /// Stores `value` in big-endian order at `offset` bytes. The caller has checked the bound.
    @inlinable @inline(__always)
    public func storeBigEndian<Integer: FixedWidthInteger>(_ value: Integer, at offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: Integer.self)
    }
}
