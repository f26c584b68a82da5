/// Decompresses record blocks into memory of its own, which it lends until the next call.
///
/// Make one per owner and keep it: codec contexts and memory are used again. The limit is the
/// caller's, so that a few bytes cannot ask for gigabytes.
public struct RecordDecompressor: ~Copyable {
    private var gzip = GzipCodec()
    private var lz4 = LZ4Frame()
    private var zstd = ZstdCodec()
    private var output = OutputBuffer()

    public init() {}

    /// The content of `block`; valid until the next call.
    ///
    /// - Throws: `.damagedCompression` if it is no whole stream of `codec`, or if more than
    ///   `byteLimit` bytes come out.
    public mutating func decompress(
        _ block: UnsafeRawBufferPointer,
        codec: CompressionCodec,
        byteLimit: Int
    ) throws(RecordBatchError) -> UnsafeRawBufferPointer {
        try decompress(block, codec: codec, byteLimit: byteLimit, checksFrameHeader: true)
    }

    /// The records of `batch`, compressed or not; they are valid until the next call and as long
    /// as the batch's memory.
    public mutating func records(
        of batch: RecordBatchView,
        byteLimit: Int
    ) throws(RecordBatchError) -> RecordIterator {
        let codec = try batch.codec()
        guard codec != .none else { return try batch.records() }
        let block = try decompress(batch.recordBlock, codec: codec, byteLimit: byteLimit)
        return try RecordIterator(block: block, of: batch)
    }

    /// The same with a choice for message sets v0, whose LZ4 header checksums are wrong.
    mutating func decompress(
        _ block: UnsafeRawBufferPointer,
        codec: CompressionCodec,
        byteLimit: Int,
        checksFrameHeader: Bool
    ) throws(RecordBatchError) -> UnsafeRawBufferPointer {
        precondition(byteLimit >= 0 && byteLimit < Int.max, "a limit is a number of bytes")
        guard block.count <= Int(Int32.max) else { throw .damagedCompression(codec) }
        // One byte more: a stream that fills the limit exactly can still be seen to end.
        output.reset(limit: byteLimit + 1)
        do throws(CodecFailure) {
            switch codec {
            case .none:
                return block
            case .gzip:
                try gzip.decompress(block, into: &output)
            case .snappy:
                try SnappyFraming.decompress(block, into: &output)
            case .lz4:
                try lz4.decompress(block, checksHeader: checksFrameHeader, into: &output)
            case .zstd:
                try zstd.decompress(block, into: &output)
            }
        } catch {
            throw .damagedCompression(codec)
        }
        guard output.bytes.count <= byteLimit else { throw .damagedCompression(codec) }
        return output.bytes
    }
}
