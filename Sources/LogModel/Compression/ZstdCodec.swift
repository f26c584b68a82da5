import CZstd

/// zstd with contexts that are used again.
struct ZstdCodec: ~Copyable {
    private var decompression: OpaquePointer?
    private var compression: OpaquePointer?

    /// Kafka's default level.
    private static let level: Int32 = 3
    private static let highLevel: Int32 = 19
    /// Frames that ask for a window above 2^27 bytes are refused, as zstd's own tools do.
    private static let windowLogLimit: Int32 = 27

    deinit {
        ZSTD_freeDCtx(decompression)
        ZSTD_freeCCtx(compression)
    }

    /// Appends the content of every frame in `input`, which must end with the last of them.
    mutating func decompress(
        _ input: UnsafeRawBufferPointer,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        if decompression == nil {
            decompression = ZSTD_createDCtx()
            ZSTD_DCtx_setParameter(decompression, ZSTD_d_windowLogMax, Self.windowLogLimit)
        }
        guard decompression != nil else { throw CodecFailure() }
        ZSTD_DCtx_reset(decompression, ZSTD_reset_session_only)
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var expected = 0
        while source.pos < source.size || expected > 0 {
            if output.room == 0, !output.reserve(1) { throw CodecFailure() }
            let before = source.pos
            var target = ZSTD_outBuffer(dst: output.end, size: output.room, pos: 0)
            expected = ZSTD_decompressStream(decompression, &target, &source)
            guard ZSTD_isError(expected) == 0 else { throw CodecFailure() }
            output.advance(by: target.pos)
            // Neither read nor written: the input ended inside a frame.
            guard source.pos > before || target.pos > 0 || expected == 0 else {
                throw CodecFailure()
            }
        }
    }

    /// Appends `input` as one frame.
    mutating func compress(
        _ input: UnsafeRawBufferPointer,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        if compression == nil { compression = ZSTD_createCCtx() }
        let bound = ZSTD_compressBound(input.count)
        guard compression != nil, output.reserve(bound) else { throw CodecFailure() }
        let count = ZSTD_compressCCtx(
            compression,
            output.end,
            bound,
            input.baseAddress,
            input.count,
            Self.level
        )
        guard ZSTD_isError(count) == 0 else { throw CodecFailure() }
        output.advance(by: count)
    }

    /// The same at a high level, over a window as long as readers take: what somebody compressed so
    /// does not get much longer. It takes a hundred times as long, in a context of its own.
    mutating func compressHard(
        _ input: UnsafeRawBufferPointer,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        let context = ZSTD_createCCtx()
        defer { ZSTD_freeCCtx(context) }
        let bound = ZSTD_compressBound(input.count)
        guard context != nil, output.reserve(bound) else { throw CodecFailure() }
        for (parameter, value) in [
            (ZSTD_c_compressionLevel, Self.highLevel), (ZSTD_c_windowLog, Self.windowLogLimit),
            (ZSTD_c_enableLongDistanceMatching, 1),
        ] {
            let set = ZSTD_CCtx_setParameter(context, parameter, value)
            guard ZSTD_isError(set) == 0 else { throw CodecFailure() }
        }
        let count = ZSTD_compress2(context, output.end, bound, input.baseAddress, input.count)
        guard ZSTD_isError(count) == 0 else { throw CodecFailure() }
        output.advance(by: count)
    }
}
