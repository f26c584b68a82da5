import Testing

@testable import ClientCommands

/// Records with their lengths, as `produce` and `consume` have them.
@Suite struct LengthPrefixedRecordTests {
    private func byteCount(_ bytes: [UInt8], limit: Int = 100) throws -> Int? {
        try bytes.withUnsafeBytes { bytes in
            Result { try LengthPrefixedRecord.byteCount(of: bytes, limit: limit) }
        }.get()
    }

    private static let record: [UInt8] = [0, 0, 0, 1, 65, 0, 0, 0, 2, 66, 67]

    @Test func `the size is known as soon as both lengths are there`() throws {
        for count in 0..<9 {
            #expect(try byteCount(Array(Self.record.prefix(count))) == nil)
        }
        for count in 9...11 {
            #expect(try byteCount(Array(Self.record.prefix(count))) == 11)
        }
        #expect(try byteCount(Self.record + Self.record) == 11)
    }

    @Test func `null has no bytes`() throws {
        let record: [UInt8] = [255, 255, 255, 255, 0, 0, 0, 0]
        #expect(try byteCount(record) == 8)
        record.withUnsafeBytes { bytes in
            let parts = LengthPrefixedRecord.parts(of: bytes)
            #expect(parts.key == nil)
            #expect(parts.value?.count == 0)
        }
        Self.record.withUnsafeBytes { bytes in
            let parts = LengthPrefixedRecord.parts(of: bytes)
            #expect(parts.key.map { Array($0) } == [65])
            #expect(parts.value.map { Array($0) } == [66, 67])
        }
    }

    @Test func `what is no length, or more than a record may have, is refused`() {
        #expect(throws: LengthPrefixedRecord.Refusal.length(-2)) {
            try byteCount([255, 255, 255, 254])
        }
        #expect(throws: LengthPrefixedRecord.Refusal.tooLong(Int(Int32.max))) {
            try byteCount([127, 255, 255, 255])
        }
        // Together they are too long, whichever each is.
        #expect(throws: LengthPrefixedRecord.Refusal.tooLong(3)) {
            try byteCount(Self.record, limit: 2)
        }
        #expect(throws: Never.self) { try byteCount(Self.record, limit: 3) }
    }
}
