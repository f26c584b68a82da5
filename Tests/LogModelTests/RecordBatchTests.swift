import LogModel
import Testing

struct RecordBatchTests {
    private struct Expected: Equatable {
        var timestamp: Int64
        var key: [UInt8]?
        var value: [UInt8]?
        var headers: [[UInt8]?]
    }

    private static func records(seed: UInt64) -> [Expected] {
        var generator = SeededGenerator(seed: seed)
        func optionalBytes(_ limit: Int) -> [UInt8]? {
            guard Int.random(in: 0..<5, using: &generator) > 0 else { return nil }
            return generator.bytes(Int.random(in: 0...limit, using: &generator))
        }
        return (0..<Int.random(in: 1...60, using: &generator)).map { _ in
            var headers: [[UInt8]?] = []
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                headers.append(generator.bytes(3))
                headers.append(optionalBytes(20))
            }
            return Expected(
                timestamp: Int64.random(in: -1...(1 << 42), using: &generator),
                key: optionalBytes(40),
                value: optionalBytes(300),
                headers: headers
            )
        }
    }

    private static func append(_ record: Expected, to builder: inout RecordBatchBuilder) {
        var headers = RecordHeaderBlock()
        for index in stride(from: 0, to: record.headers.count, by: 2) {
            withBytes(record.headers[index]) { key in
                withBytes(record.headers[index + 1]) { value in
                    guard let key else { return }
                    headers.append(key: key, value: value)
                }
            }
        }
        withBytes(record.key) { key in
            withBytes(record.value) { value in
                headers.withBytes { headers in
                    builder.append(
                        timestamp: Timestamp(record.timestamp),
                        key: key,
                        value: value,
                        headers: headers
                    )
                }
            }
        }
    }

    private static func withBytes(
        _ bytes: [UInt8]?,
        _ body: (UnsafeRawBufferPointer?) -> Void
    ) {
        guard let bytes else { return body(nil) }
        // An empty array lends no address; an empty key is not a null key.
        bytes.isEmpty
            ? [0].withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<0])) }
            : bytes.withUnsafeBytes { body($0) }
    }

    private static func read(_ batch: [UInt8]) throws -> [Expected] {
        var decompressor = RecordDecompressor()
        return try batch.withUnsafeBytes { buffer in
            let batch = try RecordBatchView(buffer)
            try batch.verifyChecksum()
            var records = try decompressor.records(of: batch, byteLimit: 1 << 20)
            var read: [Expected] = []
            var keys = records
            while let record = try records.next() {
                let key = try keys.nextKey()
                #expect(key?.baseAddress == record.key?.baseAddress)
                #expect(key?.count == record.key?.count)
                var headers: [[UInt8]?] = []
                var iterator = RecordHeaderIterator(record.headers)
                while let header = iterator.next() {
                    headers.append(Array(header.key))
                    headers.append(header.value.map { Array($0) })
                }
                read.append(
                    Expected(
                        timestamp: batch.timestamp(of: record).rawValue,
                        key: record.key.map { Array($0) },
                        value: record.value.map { Array($0) },
                        headers: headers
                    )
                )
            }
            return read
        }
    }

    @Test func `a builder has room for what its bytes stay below the limit with, and no more`() {
        for count in [0, 1, 63, 64, 200] {
            var builder = RecordBatchBuilder()
            let value = [UInt8](repeating: 7, count: count)
            value.withUnsafeBytes {
                builder.append(timestamp: Timestamp(1), key: nil, value: $0)
                for limit in 0..<1000 where builder.hasRoom(for: count, limit: limit) {
                    var longer = RecordBatchBuilder()
                    longer.append(timestamp: Timestamp(1), key: nil, value: $0)
                    longer.append(timestamp: Timestamp(Int64.max), key: nil, value: $0)
                    #expect(longer.byteCount <= limit)
                }
            }
            let most = Int(Int32.max) - builder.byteCount
            let answers = [count, most - 41, most - 40, 3 << 30, Int.max].map {
                builder.hasRoom(for: $0)
            }
            #expect(answers == [true, true, false, false, false])
        }
    }

    @Test(arguments: [nil, 0, 1, 63, 64, 8_191, 8_192, 1_048_516, 1_048_517] as [Int?])
    func `what a record alone takes is known before it is built`(count: Int?) {
        let bytes = [UInt8](repeating: 7, count: count ?? 0)
        bytes.withUnsafeBytes { bytes in
            let part = count == nil ? nil : bytes
            for (key, value) in [(part, nil), (nil, part), (part, part)] {
                for headers in [nil, part] {
                    var builder = RecordBatchBuilder()
                    let time = Timestamp(1)
                    builder.append(timestamp: time, key: key, value: value, headers: headers)
                    let known = RecordBatchBuilder.byteCount(
                        ofOneRecordWithKey: key,
                        value: value,
                        headers: headers
                    )
                    #expect(known == builder.byteCount)
                }
            }
        }
    }

    @Test(arguments: UInt64(0)..<25)
    func `what is built is read, with every codec`(_ seed: UInt64) throws {
        let records = Self.records(seed: seed)
        var builder = RecordBatchBuilder(capacity: 16)
        var compressor = RecordCompressor()
        for codec in CompressionCodec.allCases {
            builder.reset()
            for record in records { Self.append(record, to: &builder) }
            let batch = Array(
                try builder.seal(with: &compressor, attributes: BatchAttributes(codec: codec))
            )
            #expect(try Self.read(batch) == records, "seed \(seed), \(codec)")
        }
    }

    /// Batches with records, headers and each codec, and a marker.
    private static let samples = FixtureBatch.current.filter { fixture in
        ["v2/ascii/", "v2/headers/", "v2/control-commit"].contains { fixture.case.hasPrefix($0) }
    }

    @Test(arguments: samples)
    func `a batch cut at any byte is torn`(_ fixture: FixtureBatch) {
        var decompressor = RecordDecompressor()
        for count in 0..<fixture.bytes.count {
            let cut = Array(fixture.bytes.prefix(count))
            do throws(RecordBatchError) {
                _ = try readRecords(cut, decompressor: &decompressor)
                Issue.record("\(count) bytes are a batch")
            } catch {
                guard case .truncated = error else {
                    Issue.record("\(count) bytes: \(error)")
                    continue
                }
            }
        }
    }

    @Test(arguments: samples)
    func `a batch with any byte changed fails its checksum or is read within bounds`(
        _ fixture: FixtureBatch
    ) {
        var decompressor = RecordDecompressor()
        for index in 0..<fixture.bytes.count {
            for value: UInt8 in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                var changed = fixture.bytes
                guard changed[index] != value else { continue }
                changed[index] = value
                let isCovered = index >= RecordBatchLayout.checksum
                #expect(!isCovered || !isIntact(changed), "byte \(index)")
                // Nothing checks the sum here: the records themselves must hold.
                let records = try? readRecords(changed, decompressor: &decompressor)
                #expect((records?.count ?? 0) < 1000)
            }
        }
    }

    private func isIntact(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { buffer in
            guard let batch = try? RecordBatchView(buffer) else { return false }
            return (try? batch.verifyChecksum()) != nil
        }
    }

    @Test(arguments: [-1, 1000, Int32.max])
    func `a count that the bytes cannot hold is refused before a record is read`(_ count: Int32) {
        var decompressor = RecordDecompressor()
        guard var bytes = FixtureBatch.current.first(where: { $0.case == "v2/ten/none" })?.bytes
        else { return }
        withUnsafeBytes(of: count.bigEndian) { field in
            bytes.replaceSubrange(57..<61, with: field)
        }
        #expect(throws: RecordBatchError.impossibleRecordCount(count)) {
            _ = try readRecords(bytes, decompressor: &decompressor)
        }
    }

    @Test(arguments: [TransactionResult.abort, .commit])
    func `a marker is Kafka's byte for byte and is read back`(_ result: TransactionResult) throws {
        let name = "v2/control-\(result)/epoch7"
        let fixture = try #require(FixtureBatch.current.first { $0.case == name })
        let marker = EndTransactionMarker(result: result, coordinatorEpoch: 7)
        var builder = RecordBatchBuilder()
        let (read, made) = try fixture.bytes.withUnsafeBytes { buffer in
            let batch = try RecordBatchView(buffer)
            let made = marker.seal(
                in: &builder,
                timestamp: batch.baseTimestamp,
                producerID: batch.producerID,
                producerEpoch: batch.producerEpoch,
                baseOffset: batch.baseOffset,
                leaderEpoch: batch.leaderEpoch
            )
            return (try EndTransactionMarker(batch), Array(made))
        }
        #expect(read == marker)
        #expect(made == fixture.bytes)
    }

    @Test func `other control records and data are no markers`() throws {
        for name in ["v2/control-leader-change", "v2/ascii/none"] {
            let fixture = try #require(FixtureBatch.current.first { $0.case == name })
            let marker = try fixture.bytes.withUnsafeBytes { buffer in
                try EndTransactionMarker(RecordBatchView(buffer))
            }
            #expect(marker == nil)
        }
    }
}
