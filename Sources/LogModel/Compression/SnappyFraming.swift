import Bytes
import CSnappy

/// Snappy as the Java client writes it: blocks in the framing of xerial's snappy-java.
///
///     82 "SNAPPY" 00   8 bytes, magic
///     version          4 bytes, 1
///     compatible with  4 bytes, 1
///     then each block: 4 bytes length, one raw snappy block (32 KiB uncompressed)
///
/// Other clients write one raw block without any framing; both are read.
enum SnappyFraming {
    private static let magic: [UInt8] = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]
    private static let headerByteCount = 16
    private static let blockByteCount = 32 * 1024
    /// No element of a snappy block makes more than 64 bytes out of three.
    private static let highestRatio = 22

    static func decompress(
        _ input: UnsafeRawBufferPointer,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        guard isFramed(input) else { return try decompressBlock(input, into: &output) }
        var position = headerByteCount
        // Fewer than four bytes cannot be a length: Java stops there without an error.
        while input.count - position >= 4, let base = input.baseAddress {
            let rest = UnsafeRawBufferPointer(rebasing: input[position...])
            if isFramed(rest) {
                position += headerByteCount
                continue
            }
            let length = Int(base.bigEndian(Int32.self, at: position))
            position += 4
            guard length >= 0, length <= input.count - position else { throw CodecFailure() }
            let block = UnsafeRawBufferPointer(rebasing: input[position..<position + length])
            try decompressBlock(block, into: &output)
            position += length
        }
    }

    static func compress(
        _ input: UnsafeRawBufferPointer,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        guard output.reserve(headerByteCount) else { throw CodecFailure() }
        output.end.copyMemory(from: magic, byteCount: magic.count)
        output.end.storeBigEndian(Int32(1), at: 8)
        output.end.storeBigEndian(Int32(1), at: 12)
        output.advance(by: headerByteCount)
        var position = 0
        while position < input.count {
            let blockEnd = min(position + blockByteCount, input.count)
            let block = UnsafeRawBufferPointer(rebasing: input[position..<blockEnd])
            var length = snappy_max_compressed_length(block.count)
            guard output.reserve(4 + length) else { throw CodecFailure() }
            let target = (output.end + 4).assumingMemoryBound(to: CChar.self)
            let status = snappy_compress(
                block.baseAddress?.assumingMemoryBound(to: CChar.self),
                block.count,
                target,
                &length
            )
            guard status == SNAPPY_OK else { throw CodecFailure() }
            output.end.storeBigEndian(Int32(length), at: 0)
            output.advance(by: 4 + length)
            position = blockEnd
        }
    }

    private static func isFramed(_ input: UnsafeRawBufferPointer) -> Bool {
        input.count >= headerByteCount && input.prefix(magic.count).elementsEqual(magic)
    }

    private static func decompressBlock(
        _ block: UnsafeRawBufferPointer,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        let source = block.baseAddress?.assumingMemoryBound(to: CChar.self)
        var length = 0
        guard snappy_uncompressed_length(source, block.count, &length) == SNAPPY_OK,
            length / highestRatio <= block.count, output.reserve(length)
        else { throw CodecFailure() }
        let target = output.end.assumingMemoryBound(to: CChar.self)
        guard snappy_uncompress(source, block.count, target, &length) == SNAPPY_OK else {
            throw CodecFailure()
        }
        output.advance(by: length)
    }
}
