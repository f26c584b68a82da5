import CLZ4

/// The LZ4 frame format as Kafka's client reads and writes it: independent blocks only.
///
///     04 22 4d 18   magic
///     FLG           bits 7-6 version 01, 5 independent blocks, 4 block checksums,
///                   3 content size, 2 content checksum, 1-0 must be 0
///     BD            bits 6-4 largest block: 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB
///     content size  8 bytes, only with its bit
///     HC            second byte of xxHash32 of FLG to here
///     blocks, an end mark, and a content checksum that is not looked at
///
/// liblz4 reads the blocks. It would check more than Kafka does, the content's size and checksum,
/// and in message sets v0 the header's checksum, which their writers computed wrongly: so the
/// frame's own header is checked here and replaced by one that claims nothing of the content.
struct LZ4Frame: ~Copyable {
    private var context: OpaquePointer?
    /// For headers alone: liblz4 1.9 remembers a content size through a reset.
    private var headerContext: OpaquePointer?

    private static let magic: [UInt8] = [0x04, 0x22, 0x4d, 0x18]
    private static let independentBlocks: UInt8 = 0x60
    private static let blockChecksums: UInt8 = 0x10
    private static let contentSize: UInt8 = 0x08
    /// HC of a header without content size: for blocks of 64 KiB to 4 MiB, without and with block
    /// checksums.
    private static let headerChecks: [[UInt8]] = [
        [0x82, 0xfb, 0x51, 0x73], [0xad, 0x84, 0x33, 0x72],
    ]

    deinit {
        LZ4F_freeDecompressionContext(context)
        LZ4F_freeDecompressionContext(headerContext)
    }

    /// Appends the content of the frame in `input`; what follows it is ignored. `checksHeader` is
    /// false for message sets v0.
    mutating func decompress(
        _ input: UnsafeRawBufferPointer,
        checksHeader: Bool,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        if checksHeader {
            let context = try Self.clear(&headerContext)
            var information = LZ4F_frameInfo_t()
            var count = input.count
            let hint = LZ4F_getFrameInfo(context, &information, input.baseAddress, &count)
            guard LZ4F_isError(hint) == 0 else { throw CodecFailure() }
        }
        let context = try Self.clear(&self.context)
        let (header, byteCount) = try Self.plainHeader(of: input)
        let fed = header.withUnsafeBytes { bytes in
            Result { () throws(CodecFailure) in
                try Self.feed(bytes, to: context, into: &output)
            }
        }
        var hint = try fed.get()
        let blocks = UnsafeRawBufferPointer(rebasing: input[byteCount...])
        if hint > 0 { hint = try Self.feed(blocks, to: context, into: &output) }
        // More is wanted: the frame has no end.
        guard hint == 0 else { throw CodecFailure() }
    }

    /// Hands `input` to liblz4 until it is used up or the frame ends; 0 is the hint for that.
    private static func feed(
        _ input: UnsafeRawBufferPointer,
        to context: OpaquePointer,
        into output: inout OutputBuffer
    ) throws(CodecFailure) -> Int {
        var position = 0
        while true {
            if output.room == 0, !output.reserve(1) { throw CodecFailure() }
            var read = input.count - position
            var written = output.room
            let source = input.baseAddress.map { $0 + position }
            let hint = LZ4F_decompress(context, output.end, &written, source, &read, nil)
            guard LZ4F_isError(hint) == 0 else { throw CodecFailure() }
            output.advance(by: written)
            position += read
            if hint == 0 || (position == input.count && output.room > 0) { return hint }
            // Neither read nor written, with room to spare: nothing more will come of it.
            guard read > 0 || written > 0 || output.room == 0 else { throw CodecFailure() }
        }
    }

    /// The header that stands for the frame's own, and how many bytes that one takes.
    private static func plainHeader(
        of input: UnsafeRawBufferPointer
    ) throws(CodecFailure) -> (header: [UInt8], byteCount: Int) {
        guard input.count >= 7, input.prefix(magic.count).elementsEqual(magic) else {
            throw CodecFailure()
        }
        let flags = input[4]
        let blocks = input[5]
        guard flags & 0xe3 == independentBlocks, blocks & 0x8f == 0, blocks >> 4 >= 4 else {
            throw CodecFailure()
        }
        let byteCount = flags & contentSize == 0 ? 7 : 15
        guard input.count >= byteCount else { throw CodecFailure() }
        let kept = flags & (independentBlocks | blockChecksums)
        let check = headerChecks[flags & blockChecksums == 0 ? 0 : 1][Int(blocks >> 4) - 4]
        return (magic + [kept, blocks, check], byteCount)
    }

    /// Appends `input` as one frame: independent blocks of 64 KiB, no checksums.
    static func compress(
        _ input: UnsafeRawBufferPointer,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.blockSizeID = LZ4F_max64KB
        preferences.frameInfo.blockMode = LZ4F_blockIndependent
        let bound = LZ4F_compressFrameBound(input.count, &preferences)
        guard output.reserve(bound) else { throw CodecFailure() }
        let count = LZ4F_compressFrame(
            output.end,
            bound,
            input.baseAddress,
            input.count,
            &preferences
        )
        guard LZ4F_isError(count) == 0 else { throw CodecFailure() }
        output.advance(by: count)
    }

    /// The context, made where there is none yet, ready for a frame.
    private static func clear(
        _ context: inout OpaquePointer?
    ) throws(CodecFailure) -> OpaquePointer {
        if context == nil {
            LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
        }
        guard let context else { throw CodecFailure() }
        LZ4F_resetDecompressionContext(context)
        return context
    }
}
