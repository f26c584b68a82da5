import LogModel
import Testing

struct CompressionTests {
    static let codecs: [CompressionCodec] = [.gzip, .snappy, .lz4, .zstd]
    static let sizes = [1, 2, 100, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 400_000]

    /// Half noise, half repetition.
    private static func block(_ count: Int) -> [UInt8] {
        var generator = SeededGenerator(seed: UInt64(count))
        let noise = generator.bytes(count / 2)
        return noise + [UInt8](repeating: 42, count: count - noise.count)
    }

    private static func compress(_ block: [UInt8], _ codec: CompressionCodec) throws -> [UInt8] {
        var compressor = RecordCompressor()
        return try block.withUnsafeBytes { bytes in
            Array(try compressor.compress(bytes, codec: codec))
        }
    }

    private static func decompress(
        _ block: [UInt8],
        _ codec: CompressionCodec,
        byteLimit: Int,
        with decompressor: inout RecordDecompressor
    ) throws -> [UInt8] {
        try block.withUnsafeBytes { bytes in
            Array(try decompressor.decompress(bytes, codec: codec, byteLimit: byteLimit))
        }
    }

    @Test(arguments: codecs, sizes)
    func `a block comes back, and only within its limit`(
        _ codec: CompressionCodec,
        _ size: Int
    ) throws {
        let block = Self.block(size)
        let packed = try Self.compress(block, codec)
        var decompressor = RecordDecompressor()
        // A large block first, so that the limit is not that of a small buffer.
        let large = try Self.compress(Self.block(500_000), codec)
        _ = try Self.decompress(large, codec, byteLimit: 500_000, with: &decompressor)
        for limit in [size, size + 1, size * 3] {
            let unpacked = try Self.decompress(
                packed,
                codec,
                byteLimit: limit,
                with: &decompressor
            )
            #expect(unpacked == block)
        }
        for limit in [0, size / 2, size - 1] {
            #expect(throws: RecordBatchError.damagedCompression(codec)) {
                _ = try Self.decompress(packed, codec, byteLimit: limit, with: &decompressor)
            }
        }
    }

    @Test(arguments: codecs)
    func `a block cut anywhere is damaged`(_ codec: CompressionCodec) throws {
        let packed = try Self.compress(Self.block(700), codec)
        var decompressor = RecordDecompressor()
        for count in 0..<packed.count {
            let unpacked = try? Self.decompress(
                Array(packed.prefix(count)),
                codec,
                byteLimit: 10_000,
                with: &decompressor
            )
            // Between two blocks of xerial's framing, and in front of any zstd frame, nothing shows
            // that more was meant to follow; the record count does.
            #expect(unpacked == nil || unpacked == [])
        }
    }

    @Test(arguments: codecs)
    func `a block with any byte changed is damaged or stays in its limit`(
        _ codec: CompressionCodec
    ) throws {
        let packed = try Self.compress(Self.block(300), codec)
        var decompressor = RecordDecompressor()
        for index in packed.indices {
            for bit in 0..<8 {
                var changed = packed
                changed[index] ^= 1 << UInt8(bit)
                let unpacked = try? Self.decompress(
                    changed,
                    codec,
                    byteLimit: 10_000,
                    with: &decompressor
                )
                #expect((unpacked?.count ?? 0) <= 10_000)
            }
        }
    }

    @Test func `noise is no block of any codec`() {
        var generator = SeededGenerator(seed: 1)
        var decompressor = RecordDecompressor()
        for codec in Self.codecs {
            for size in 0..<200 {
                let noise = generator.bytes(size)
                let unpacked = try? Self.decompress(
                    noise,
                    codec,
                    byteLimit: 1000,
                    with: &decompressor
                )
                #expect((unpacked?.count ?? 0) <= 1000)
            }
        }
    }
}
