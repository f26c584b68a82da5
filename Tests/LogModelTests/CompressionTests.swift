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

    /// Frames of the stored block "abc": each block size without and with block checksums, without
    /// and with a content size (7, which is wrong) and a content checksum (wrong too).
    private static let frames = [
        "04224d186040820300008061626300000000",
        "04224d186c400700000000000000f90300008061626300000000deadbeef",
        "04224d186050fb0300008061626300000000",
        "04224d186c500700000000000000460300008061626300000000deadbeef",
        "04224d186060510300008061626300000000",
        "04224d186c6007000000000000006b0300008061626300000000deadbeef",
        "04224d186070730300008061626300000000",
        "04224d186c700700000000000000340300008061626300000000deadbeef",
        "04224d187040ad03000080616263ff53d13200000000",
        "04224d187c400700000000000000bf03000080616263ff53d13200000000deadbeef",
        "04224d1870508403000080616263ff53d13200000000",
        "04224d187c5007000000000000002503000080616263ff53d13200000000deadbeef",
        "04224d1870603303000080616263ff53d13200000000",
        "04224d187c600700000000000000cd03000080616263ff53d13200000000deadbeef",
        "04224d1870707203000080616263ff53d13200000000",
        "04224d187c7007000000000000007003000080616263ff53d13200000000deadbeef",
    ]

    @Test(arguments: frames)
    func `an LZ4 frame is read by its header, which must hold, and not by what it says of content`(
        _ hex: String
    ) throws {
        var decompressor = RecordDecompressor()
        let frame = Fixture.bytes(hex: hex)
        let read = try Self.decompress(frame, .lz4, byteLimit: 3, with: &decompressor)
        #expect(read == Array("abc".utf8))
        let headerByteCount = frame[4] & 0x08 == 0 ? 7 : 15
        for index in [0, 1, 2, 3, 4, 5, headerByteCount - 1] {
            for bit in 0..<8 {
                var changed = frame
                changed[index] ^= 1 << UInt8(bit)
                #expect(throws: RecordBatchError.damagedCompression(.lz4)) {
                    try Self.decompress(changed, .lz4, byteLimit: 3, with: &decompressor)
                }
            }
        }
    }

    @Test func `a block checksum of LZ4 that is wrong is damage, a cut frame too`() throws {
        var decompressor = RecordDecompressor()
        let frame = Fixture.bytes(
            hex: try #require(Self.frames.first { $0.hasPrefix("04224d1870") })
        )
        for index in 11..<18 {
            var changed = frame
            changed[index] ^= 1
            #expect(throws: RecordBatchError.damagedCompression(.lz4)) {
                try Self.decompress(changed, .lz4, byteLimit: 9, with: &decompressor)
            }
        }
        for count in 0..<frame.count {
            #expect(throws: RecordBatchError.damagedCompression(.lz4)) {
                let cut = Array(frame.prefix(count))
                return try Self.decompress(cut, .lz4, byteLimit: 9, with: &decompressor)
            }
        }
    }

    @Test func `a block that no reader would take is not compressed`() {
        let block = UnsafeMutableRawBufferPointer.allocate(
            byteCount: BatchLimit.recordByteCount + 1,
            alignment: 4096
        )
        defer { block.deallocate() }
        var compressor = RecordCompressor()
        for codec in CompressionCodec.allCases {
            #expect(throws: RecordBatchError.tooLarge(byteCount: block.count)) {
                _ = try compressor.compress(UnsafeRawBufferPointer(block), codec: codec)
            }
        }
    }

    @Test(arguments: [70_000_000, 200_000_000])
    func `a large value that compresses well is taken and can be read back`(_ size: Int) throws {
        let value = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
        defer { value.deallocate() }
        value.initializeMemory(as: UInt8.self, repeating: 0x61)
        var builder = RecordBatchBuilder()
        builder.append(timestamp: Timestamp(1), key: nil, value: UnsafeRawBufferPointer(value))
        var compressor = RecordCompressor()
        let batch = UnsafeRawBufferPointer(
            try builder.seal(with: &compressor, attributes: BatchAttributes(codec: .zstd))
        )
        var decompressor = RecordDecompressor()
        let validated = try ProduceValidator.validate(
            batch,
            rules: ProduceRules(),
            decompressor: &decompressor
        )
        var records = try decompressor.records(
            of: validated.batch,
            byteLimit: BatchLimit.recordByteCount
        )
        #expect(try records.next()?.value?.count == size)
    }
}
