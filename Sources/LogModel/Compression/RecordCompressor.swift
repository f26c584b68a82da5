/// Compresses record blocks into memory of its own, which it lends until the next call.
///
/// Make one per owner and keep it: codec contexts and memory are used again.
public struct RecordCompressor: ~Copyable {
    private var gzip = GzipCodec()
    private var zstd = ZstdCodec()
    private var output = OutputBuffer()

    public init() {}

    /// `block` compressed, behind `headerByteCount` bytes that the caller fills in.
    ///
    /// - Throws: `.tooLarge` for a block that no reader would take, however small it becomes;
    ///   `.damagedCompression` if the library has no memory for it.
    public mutating func compress(
        _ block: UnsafeRawBufferPointer,
        codec: CompressionCodec,
        headerByteCount: Int = 0
    ) throws(RecordBatchError) -> UnsafeMutableRawBufferPointer {
        try compress(block, codec: codec, headerByteCount: headerByteCount, isHard: false)
    }

    /// The same; `isHard` is for what its codec's usual level makes longer than it was.
    package mutating func compress(
        _ block: UnsafeRawBufferPointer,
        codec: CompressionCodec,
        headerByteCount: Int,
        isHard: Bool
    ) throws(RecordBatchError) -> UnsafeMutableRawBufferPointer {
        guard block.count <= BatchLimit.recordByteCount else {
            throw .tooLarge(byteCount: block.count)
        }
        output.reset(limit: Int.max / 4)
        do throws(CodecFailure) {
            guard output.reserve(headerByteCount) else { throw CodecFailure() }
            output.advance(by: headerByteCount)
            switch codec {
            case .none:
                guard output.reserve(block.count) else { throw CodecFailure() }
                if let source = block.baseAddress {
                    output.end.copyMemory(from: source, byteCount: block.count)
                }
                output.advance(by: block.count)
            case .gzip: try gzip.compress(block, into: &output)
            case .snappy: try SnappyFraming.compress(block, into: &output)
            case .lz4: try LZ4Frame.compress(block, into: &output)
            case .zstd where isHard: try zstd.compressHard(block, into: &output)
            case .zstd: try zstd.compress(block, into: &output)
            }
        } catch {
            throw .damagedCompression(codec)
        }
        return UnsafeMutableRawBufferPointer(start: output.base, count: output.count)
    }
}

extension RecordBatchBuilder {
    /// Seals the batch with the codec that `attributes` name, in the compressor's memory: the bytes
    /// are valid until the compressor is next used. See `seal` for the rest.
    ///
    /// - Precondition: the batch holds a record.
    public mutating func seal(
        with compressor: inout RecordCompressor,
        attributes: BatchAttributes,
        producerID: ProducerID = .none,
        producerEpoch: ProducerEpoch = .none,
        baseSequence: SequenceNumber = .none,
        baseOffset: Offset = .zero,
        leaderEpoch: LeaderEpoch = LeaderEpoch(0)
    ) throws(RecordBatchError) -> UnsafeMutableRawBufferPointer {
        precondition(recordCount > 0, "a batch without records is no batch")
        guard let codec = CompressionCodec(rawValue: attributes.codecNumber) else {
            throw .unknownCodec(attributes.codecNumber)
        }
        let batch = try compressor.compress(
            recordBlock,
            codec: codec,
            headerByteCount: RecordBatchLayout.headerByteCount
        )
        header(
            attributes: attributes,
            producerID: producerID,
            producerEpoch: producerEpoch,
            baseSequence: baseSequence,
            baseOffset: baseOffset,
            leaderEpoch: leaderEpoch
        ).write(to: batch)
        return batch
    }
}
