import CZlib

/// gzip by zlib, with streams that are reset instead of made anew.
struct GzipCodec: ~Copyable {
    private var inflater: UnsafeMutablePointer<z_stream>?
    private var deflater: UnsafeMutablePointer<z_stream>?

    /// Window of 2^15 bytes; 16 more asks zlib for gzip's header and trailer.
    private static let windowBits: Int32 = 15 + 16

    deinit {
        if let inflater {
            inflateEnd(inflater)
            inflater.deallocate()
        }
        if let deflater {
            deflateEnd(deflater)
            deflater.deallocate()
        }
    }

    /// Appends the content of every gzip member in `input`; bytes behind that are no member are
    /// ignored, as Java does.
    mutating func decompress(
        _ input: UnsafeRawBufferPointer,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        let stream = try makeInflater()
        stream.pointee.next_in = Self.inputPointer(input)
        stream.pointee.avail_in = UInt32(input.count)
        repeat {
            guard inflateReset(stream) == Z_OK else { throw CodecFailure() }
            try inflateMember(stream, into: &output)
        } while Self.startsMember(stream.pointee)
    }

    private func inflateMember(
        _ stream: UnsafeMutablePointer<z_stream>,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        while true {
            if output.room == 0, !output.reserve(1) { throw CodecFailure() }
            let room = min(output.room, Int(UInt32.max))
            stream.pointee.next_out = output.end.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(room)
            let status = inflate(stream, Z_NO_FLUSH)
            output.advance(by: room - Int(stream.pointee.avail_out))
            if status == Z_STREAM_END { return }
            // No progress with room to spare: the input ended too early.
            guard status == Z_OK, stream.pointee.avail_out == 0 || stream.pointee.avail_in > 0
            else { throw CodecFailure() }
        }
    }

    /// Appends `input` as one gzip member.
    mutating func compress(
        _ input: UnsafeRawBufferPointer,
        into output: inout OutputBuffer
    ) throws(CodecFailure) {
        let stream = try makeDeflater()
        guard deflateReset(stream) == Z_OK else { throw CodecFailure() }
        let bound = Int(deflateBound(stream, UInt(input.count)))
        guard output.reserve(bound) else { throw CodecFailure() }
        stream.pointee.next_in = Self.inputPointer(input)
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = output.end.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(bound)
        guard deflate(stream, Z_FINISH) == Z_STREAM_END else { throw CodecFailure() }
        output.advance(by: bound - Int(stream.pointee.avail_out))
    }

    private static func inputPointer(
        _ input: UnsafeRawBufferPointer
    ) -> UnsafeMutablePointer<UInt8>? {
        // SAFETY: zlib only reads its input; its C type merely lacks the const.
        UnsafeMutableRawPointer(mutating: input.baseAddress)?.assumingMemoryBound(to: UInt8.self)
    }

    private static func startsMember(_ stream: z_stream) -> Bool {
        guard stream.avail_in >= 18, let next = stream.next_in else { return false }
        return next[0] == 0x1f && next[1] == 0x8b && next[2] == 8
    }

    private mutating func makeInflater() throws(CodecFailure) -> UnsafeMutablePointer<z_stream> {
        if let inflater { return inflater }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let size = Int32(MemoryLayout<z_stream>.size)
        guard inflateInit2_(stream, Self.windowBits, ZLIB_VERSION, size) == Z_OK else {
            stream.deallocate()
            throw CodecFailure()
        }
        inflater = stream
        return stream
    }

    private mutating func makeDeflater() throws(CodecFailure) -> UnsafeMutablePointer<z_stream> {
        if let deflater { return deflater }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let status = deflateInit2_(
            stream,
            Z_DEFAULT_COMPRESSION,
            Z_DEFLATED,
            Self.windowBits,
            8,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)
        )
        guard status == Z_OK else {
            stream.deallocate()
            throw CodecFailure()
        }
        deflater = stream
        return stream
    }
}
