import CLZ4

/// The LZ4 frame format as Kafka's client reads and writes it: independent blocks only.
///
///     04 22 4d 18   magic
///     FLG           bits 7-6 version 01, 5 independent blocks, 4 block checksums,
///                   3 content size, 2 content checksum, 1-0 must be 0
///     BD            bits 6-4 largest block: 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB
///     content size  8 bytes, only with its bit
///     HC            second byte of xxHash32 of FLG to here
///     blocks        4 bytes length (bit 31: stored uncompressed), content, 4 bytes checksum
///     end mark      4 bytes 0; a content checksum may follow and is not looked at
///
/// All integers are little-endian.
struct LZ4Frame: ~Copyable {
    private var state: UnsafeMutableRawPointer?

    private static let magic: UInt32 = 0x184d_2204
    private static let storedBit: UInt32 = 0x8000_0000
    /// Magic, version 1 with independent blocks, blocks of 64 KiB, and the checksum of those two.
    private static let writtenHeader: [UInt8] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]
    private static let writtenBlockByteCount = 64 * 1024

    deinit { state?.deallocate() }

    /// What the header of a frame says of its blocks.
    private struct Header {
        var byteCount: Int
        var blockByteLimit: Int
        var hasBlockChecksums: Bool
    }

    /// Appends the content of the frame in `input`. `checksHeader` is false for message sets v0,
    /// whose writers computed the header checksum over the wrong bytes.
    static func decompress(
        _ input: UnsafeRawBufferPointer,
        checksHeader: Bool,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        let header = try readHeader(input, checksHeader: checksHeader)
        var position = header.byteCount
        while true {
            let word = try readWord(input, at: position)
            position += 4
            let length = Int(word & ~storedBit)
            if word == 0 { return }
            guard length <= header.blockByteLimit, length <= input.count - position else {
                throw CodecFailure()
            }
            let block = UnsafeRawBufferPointer(rebasing: input[position..<position + length])
            position += length
            if header.hasBlockChecksums {
                guard try readWord(input, at: position) == xxHash32(block) else {
                    throw CodecFailure()
                }
                position += 4
            }
            try append(
                block,
                isStored: word & storedBit != 0,
                limit: header.blockByteLimit,
                to: &output
            )
        }
    }

    private static func append(
        _ block: UnsafeRawBufferPointer,
        isStored: Bool,
        limit: Int,
        to output: inout OutputBuffer
    ) throws(CodecFailure) {
        guard let source = block.baseAddress else { throw CodecFailure() }
        if isStored {
            guard output.reserve(block.count) else { throw CodecFailure() }
            output.end.copyMemory(from: source, byteCount: block.count)
            output.advance(by: block.count)
            return
        }
        // One byte of a block makes at most 255.
        let room = min(limit, block.count * 255, output.byteCountLeft)
        guard output.reserve(room) else { throw CodecFailure() }
        let count = LZ4_decompress_safe(
            source.assumingMemoryBound(to: CChar.self),
            output.end.assumingMemoryBound(to: CChar.self),
            Int32(block.count),
            Int32(room)
        )
        guard count >= 0 else { throw CodecFailure() }
        output.advance(by: Int(count))
    }

    /// Appends `input` as one frame.
    mutating func compress(
        _ input: UnsafeRawBufferPointer,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        let state = makeState()
        guard output.reserve(Self.writtenHeader.count + 4) else { throw CodecFailure() }
        output.end.copyMemory(from: Self.writtenHeader, byteCount: Self.writtenHeader.count)
        output.advance(by: Self.writtenHeader.count)
        var position = 0
        while position < input.count {
            let blockEnd = min(position + Self.writtenBlockByteCount, input.count)
            let block = UnsafeRawBufferPointer(rebasing: input[position..<blockEnd])
            try Self.compressBlock(block, state: state, into: &output)
            position = blockEnd
        }
        guard output.reserve(4) else { throw CodecFailure() }
        output.end.storeBytes(of: 0, as: UInt32.self)
        output.advance(by: 4)
    }

    private static func compressBlock(
        _ block: UnsafeRawBufferPointer,
        state: UnsafeMutableRawPointer,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        let bound = Int(LZ4_compressBound(Int32(block.count)))
        guard let source = block.baseAddress, output.reserve(4 + bound) else {
            throw CodecFailure()
        }
        let target = output.end + 4
        var length = Int(
            LZ4_compress_fast_extState(
                state,
                source.assumingMemoryBound(to: CChar.self),
                target.assumingMemoryBound(to: CChar.self),
                Int32(block.count),
                Int32(bound),
                1
            )
        )
        var word = UInt32(length)
        if length == 0 || length >= block.count {
            target.copyMemory(from: source, byteCount: block.count)
            length = block.count
            word = UInt32(length) | storedBit
        }
        output.end.storeBytes(of: word.littleEndian, as: UInt32.self)
        output.advance(by: 4 + length)
    }

    private static func readHeader(
        _ input: UnsafeRawBufferPointer,
        checksHeader: Bool
    ) throws(CodecFailure) -> Header {
        guard input.count >= 7, try readWord(input, at: 0) == magic else { throw CodecFailure() }
        let flags = input[4]
        let blockDescriptor = input[5]
        guard flags >> 6 == 1, flags & 0x20 != 0, flags & 0x03 == 0 else { throw CodecFailure() }
        guard blockDescriptor & 0x8f == 0, blockDescriptor >> 4 >= 4 else { throw CodecFailure() }
        let byteCount = flags & 0x08 != 0 ? 15 : 7
        guard input.count >= byteCount else { throw CodecFailure() }
        let described = UnsafeRawBufferPointer(rebasing: input[4..<byteCount - 1])
        let checksum = UInt8(truncatingIfNeeded: xxHash32(described) >> 8)
        guard !checksHeader || checksum == input[byteCount - 1] else { throw CodecFailure() }
        return Header(
            byteCount: byteCount,
            blockByteLimit: 1 << (8 + 2 * Int(blockDescriptor >> 4)),
            hasBlockChecksums: flags & 0x10 != 0
        )
    }

    private static func readWord(
        _ input: UnsafeRawBufferPointer,
        at position: Int
    ) throws(CodecFailure) -> UInt32 {
        guard position + 4 <= input.count else { throw CodecFailure() }
        return UInt32(
            littleEndian: input.loadUnaligned(fromByteOffset: position, as: UInt32.self)
        )
    }

    private mutating func makeState() -> UnsafeMutableRawPointer {
        if let state { return state }
        let made = UnsafeMutableRawPointer.allocate(
            byteCount: Int(LZ4_sizeofState()),
            alignment: 16
        )
        state = made
        return made
    }
}
