public import CChecksum

/// CRC-32C (Castagnoli) of `bytes`: hardware where the processor has it.
@inlinable
public func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
    guard let base = bytes.baseAddress else { return seed }
    return millrace_crc32c(seed, base, bytes.count)
}
