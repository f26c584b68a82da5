import Bytes
import Testing

struct ByteReaderTests {
    private func read<Value>(
        _ bytes: [UInt8],
        _ body: (inout ByteReader) throws(WireError) -> Value
    ) throws(WireError) -> Value {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(WireError) in
                var reader = ByteReader(buffer)
                return try body(&reader)
            }
        }
        return try result.get()
    }

    @Test func `arrays take no more memory than the reader may give them`() throws {
        let cost = ByteReader.elementByteCount + MemoryLayout<Int8>.stride
        func read(_ count: Int32, within limit: Int) throws(WireError) -> Int {
            var writer = ByteWriter()
            writer.writeInteger(count)
            for _ in 0..<count { writer.writeInteger(Int8(0)) }
            let bytes = (try? writer.finish()) ?? []
            return try bytes.withUnsafeBytes { buffer in
                Result { () throws(WireError) in
                    var reader = ByteReader(buffer, memoryByteLimit: limit)
                    return try reader.readArray(isCompact: false) { reader throws(WireError) in
                        try reader.readInteger(Int8.self)
                    }.count
                }
            }.get()
        }
        #expect(try read(100, within: 100 * cost) == 100)
        #expect(throws: WireError.tooManyElements(100)) {
            try read(100, within: 100 * cost - 1)
        }
    }

    @Test(arguments: [true, false])
    func `fields come back as they were written`(_ isCompact: Bool) throws {
        var writer = ByteWriter()
        writer.writeInteger(Int32(-7))
        writer.writeBool(true)
        writer.writeDouble(-0.5)
        writer.writeUniqueID(UniqueID(high: 1, low: 2))
        writer.writeVarint(-300)
        writer.writeString("zażółć", isCompact: isCompact)
        writer.writeString(nil, isCompact: isCompact)
        writer.writeBytes([1, 2, 3], isCompact: isCompact)
        writer.writeBytes(nil, isCompact: isCompact)
        writer.writeCount(2, isCompact: isCompact)
        writer.writeRaw([8, 9])
        let bytes = try writer.finish()
        try read(bytes) { reader throws(WireError) in
            #expect(try reader.readInteger(Int32.self) == -7)
            #expect(try reader.readBool())
            #expect(try reader.readDouble() == -0.5)
            #expect(try reader.readUniqueID() == UniqueID(high: 1, low: 2))
            #expect(try reader.readVarint() == -300)
            #expect(try reader.readString(isCompact: isCompact) == "zażółć")
            #expect(try reader.readNullableString(isCompact: isCompact) == nil)
            #expect(try reader.readBytes(isCompact: isCompact) == [1, 2, 3])
            #expect(try reader.readNullableBytes(isCompact: isCompact) == nil)
            let items = try reader.readArray(isCompact: isCompact) { reader throws(WireError) in
                try reader.readInteger(UInt8.self)
            }
            #expect(items == [8, 9])
            #expect(reader.isAtEnd)
        }
    }

    @Test func `a length beyond the bytes is refused before anything is made`() {
        let huge: [UInt8] = [0x7f, 0xff, 0xff, 0xff, 0]
        #expect(throws: WireError.impossibleLength(0x7fff_ffff)) {
            _ = try read(huge) { reader throws(WireError) in try reader.readBytes(isCompact: false)
            }
        }
        #expect(throws: WireError.impossibleLength(0x7fff_ffff)) {
            _ = try read(huge) { reader throws(WireError) in try reader.readCount(isCompact: false)
            }
        }
        let compact: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0x07, 0]
        #expect(throws: WireError.impossibleLength(0x7fff_fffe)) {
            _ = try read(compact) { reader throws(WireError) in
                try reader.readCount(isCompact: true)
            }
        }
        #expect(throws: WireError.impossibleLength(0x7fff_fffe)) {
            _ = try read(compact) { reader throws(WireError) in
                try reader.readString(isCompact: true)
            }
        }
    }

    @Test func `null is refused where there is none`() {
        #expect(throws: WireError.unexpectedNull) {
            _ = try read([0]) { reader throws(WireError) in try reader.readString(isCompact: true) }
        }
        #expect(throws: WireError.unexpectedNull) {
            _ = try read([0xff, 0xf9]) { reader throws(WireError) in
                try reader.readString(isCompact: false)
            }
        }
    }

    @Test func `an integer of more than five bytes is overlong`() {
        #expect(throws: WireError.overlongInteger) {
            _ = try read([0x80, 0x80, 0x80, 0x80, 0x80, 0]) { reader throws(WireError) in
                try reader.readUnsignedVarint()
            }
        }
    }

    @Test func `text that its length cannot say is not written`() {
        var writer = ByteWriter()
        writer.writeString(String(repeating: "x", count: 40_000), isCompact: true)
        let written = Result { () throws(WireError) in try writer.finish() }
        #expect(written == .failure(.tooLong(40_000)))
    }

    /// Each byte that is no text is repaired with three: read, it would be longer than any record
    /// may have it.
    @Test(arguments: [(10_922, true), (10_923, false)])
    func `text that grows beyond its own limit by repair is refused`(
        byteCount: Int,
        isRead: Bool
    ) {
        let bytes =
            withUnsafeBytes(of: Int16(byteCount).bigEndian) { Array($0) }
            + [UInt8](repeating: 0xFF, count: byteCount)
        let text = bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            return try? reader.readNullableString(isCompact: false)
        }
        #expect((text != nil) == isRead)
    }
}
