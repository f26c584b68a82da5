import LogModel
import Testing

/// What Kafka's own cleaner makes of a batch of the fixtures, told to keep empty ones. Its clock is
/// at 2,000,000 and tombstones stay for 3,000,000 ms.
struct FilteredBatch: Decodable, Sendable, CustomTestStringConvertible {
    var `case`: String
    /// Whether the batch is the marker of a transaction of which nothing is left.
    var marksEmptyTransaction: Bool
    /// 0: all records stay; 1 and 2: those whose position leaves this remainder by 3; 3: none.
    var keeps: Int
    var hex: String

    var testDescription: String { "\(self.case), \(keeps)" }

    static let all = (try? Fixture.lines("filtered.jsonl", of: FilteredBatch.self)) ?? []
}

struct RecordBatchRewriterTests {
    /// A rewritten batch and what the rewriter said of it.
    private struct Rewritten {
        var bytes: [UInt8]
        var isUnchanged: Bool
        var retainedCount: Int32
        var lastRetainedOffset: Offset?
    }

    private func rewrite(
        _ bytes: [UInt8],
        horizon: RecordBatchRewriter.HorizonRule = .keep,
        retains: (RecordView) -> Bool
    ) throws -> Rewritten {
        var rewriter = RecordBatchRewriter()
        return try bytes.withUnsafeBytes { buffer in
            let outcome = try rewriter.rewrite(
                RecordBatchView(buffer),
                horizon: horizon,
                retains: retains
            )
            return Rewritten(
                bytes: Array(outcome.bytes),
                isUnchanged: outcome.isUnchanged,
                retainedCount: outcome.retainedCount,
                lastRetainedOffset: outcome.lastRetainedOffset
            )
        }
    }

    private func header(of bytes: [UInt8]) throws -> RecordBatchHeader {
        try bytes.withUnsafeBytes { buffer in
            let batch = try RecordBatchView(buffer)
            try batch.verifyChecksum()
            return RecordBatchHeader(of: batch)
        }
    }

    private func records(of bytes: [UInt8]) throws -> [FixtureRecord] {
        var decompressor = RecordDecompressor()
        return try readRecords(bytes, decompressor: &decompressor, byteLimit: 16 << 20)
    }

    private func fixture(_ name: String) throws -> FixtureBatch {
        try #require(FixtureBatch.current.first { $0.case == name })
    }

    /// A batch of the given values, nil for a tombstone; record n has the timestamp 1000 + n.
    private func batch(_ values: [UInt8?], codec: CompressionCodec = .none) throws -> [UInt8] {
        var builder = RecordBatchBuilder()
        var compressor = RecordCompressor()
        for (index, value) in values.enumerated() {
            [UInt8(index)].withUnsafeBytes { key in
                [value ?? 0].withUnsafeBytes { bytes in
                    builder.append(
                        timestamp: Timestamp(1000 + Int64(index)),
                        key: key,
                        value: value == nil ? nil : bytes
                    )
                }
            }
        }
        return Array(
            try builder.seal(
                with: &compressor,
                attributes: BatchAttributes(codec: codec),
                producerID: ProducerID(9),
                producerEpoch: ProducerEpoch(2),
                baseSequence: SequenceNumber(4),
                baseOffset: Offset(70),
                leaderEpoch: LeaderEpoch(3)
            )
        )
    }

    @Test(arguments: FilteredBatch.all)
    func `an uncompressed batch becomes what Kafka's cleaner makes of it, byte for byte`(
        _ filtered: FilteredBatch
    ) throws {
        let horizon = Timestamp(5_000_000)
        var index = 0
        let rewritten = try rewrite(
            fixture(filtered.case).bytes,
            horizon: filtered.marksEmptyTransaction ? .always(horizon) : .forTombstones(horizon)
        ) { _ in
            defer { index += 1 }
            return filtered.keeps == 0 || (filtered.keeps < 3 && index % 3 == filtered.keeps)
        }
        #expect(rewritten.bytes == Fixture.bytes(hex: filtered.hex))
    }

    @Test func `the fixtures of the cleaner are there`() { #expect(FilteredBatch.all.count > 80) }

    @Test(arguments: FixtureBatch.current)
    func `a batch that keeps all of its records is left as it is`(_ fixture: FixtureBatch) throws {
        let rewritten = try rewrite(fixture.bytes) { _ in true }
        #expect(rewritten.isUnchanged)
        #expect(rewritten.bytes == fixture.bytes)
        #expect(rewritten.retainedCount == Int32(fixture.records.count))
    }

    @Test(arguments: FixtureBatch.current)
    func `records that stay read as before, and so do offsets, producer and transaction`(
        _ fixture: FixtureBatch
    ) throws {
        var index = 0
        let rewritten = try rewrite(fixture.bytes) { _ in
            index += 1
            return index % 3 == 2
        }
        let expected = fixture.records.enumerated().filter { $0.offset % 3 == 1 }.map(\.element)
        #expect(try records(of: rewritten.bytes) == expected)
        #expect(rewritten.lastRetainedOffset?.rawValue == expected.last?.offset)
        guard !fixture.records.isEmpty else { return }
        let old = try header(of: fixture.bytes)
        var new = try header(of: rewritten.bytes)
        #expect(new.recordCount == Int32(expected.count))
        if old.attributes.isLogAppendTime || expected.isEmpty {
            #expect(new.maxTimestamp == old.maxTimestamp)
        } else {
            let largest = expected.map(\.timestamp).max() ?? -1
            #expect(new.maxTimestamp.rawValue == max(-1, largest))
        }
        // Everything but what the records decide is what it was.
        new.recordCount = old.recordCount
        new.baseTimestamp = old.baseTimestamp
        new.maxTimestamp = old.maxTimestamp
        if expected.isEmpty {
            #expect(new.attributes.codecNumber == 0)
            #expect(!new.attributes.hasDeleteHorizon)
            new.attributes = old.attributes
        }
        #expect(new == old)
    }

    @Test(arguments: CompressionCodec.allCases)
    func `a batch without records keeps its offsets and its producer`(
        _ codec: CompressionCodec
    ) throws {
        let bytes = try batch([1, 2, 3], codec: codec)
        let rewritten = try rewrite(bytes) { _ in false }
        #expect(rewritten.bytes.count == RecordBatchLayout.headerByteCount)
        #expect(rewritten.lastRetainedOffset == nil)
        var expected = try header(of: bytes)
        expected.attributes = BatchAttributes()
        expected.recordCount = 0
        expected.baseTimestamp = .none
        #expect(try header(of: rewritten.bytes) == expected)
        #expect(try records(of: rewritten.bytes).isEmpty)
        #expect(try rewrite(rewritten.bytes) { _ in false }.isUnchanged)
    }

    @Test(arguments: CompressionCodec.allCases)
    func `the first cleaning gives tombstones their horizon, later ones leave it`(
        _ codec: CompressionCodec
    ) throws {
        let bytes = try batch([1, nil, 3], codec: codec)
        let horizon = Timestamp(5_000_000)
        let once = try rewrite(bytes, horizon: .forTombstones(horizon)) { _ in true }
        #expect(!once.isUnchanged)
        let made = try header(of: once.bytes)
        #expect(made.attributes.hasDeleteHorizon)
        #expect(made.baseTimestamp == horizon)
        #expect(made.maxTimestamp == Timestamp(1002))
        #expect(try records(of: once.bytes) == records(of: bytes))

        let later = RecordBatchRewriter.HorizonRule.forTombstones(Timestamp(9_000_000))
        #expect(try rewrite(once.bytes, horizon: later) { _ in true }.isUnchanged)
        let less = try rewrite(once.bytes, horizon: later) { $0.offsetDelta > 0 }
        #expect(try header(of: less.bytes).baseTimestamp == horizon)
        #expect(try records(of: less.bytes) == Array(records(of: bytes).dropFirst()))
    }

    @Test func `a batch that keeps no tombstone gets no horizon`() throws {
        let bytes = try batch([1, nil, 3])
        let rule = RecordBatchRewriter.HorizonRule.forTombstones(Timestamp(5_000_000))
        let rewritten = try rewrite(bytes, horizon: rule) { $0.value != nil }
        #expect(try header(of: rewritten.bytes).attributes.hasDeleteHorizon == false)
        #expect(try header(of: rewritten.bytes).baseTimestamp == Timestamp(1000))
    }

    @Test func `the marker of a transaction of which nothing is left gets a horizon`() throws {
        let fixture = try fixture("v2/control-commit/epoch7")
        let plain = RecordBatchRewriter.HorizonRule.forTombstones(Timestamp(5_000_000))
        #expect(try rewrite(fixture.bytes, horizon: plain) { _ in true }.isUnchanged)
        let rule = RecordBatchRewriter.HorizonRule.always(Timestamp(5_000_000))
        let rewritten = try rewrite(fixture.bytes, horizon: rule) { _ in true }
        let made = try header(of: rewritten.bytes)
        #expect(made.attributes.isControl && made.attributes.isTransactional)
        #expect(made.baseTimestamp == Timestamp(5_000_000))
        #expect(try records(of: rewritten.bytes) == fixture.records)
        let marker = try rewritten.bytes.withUnsafeBytes {
            try EndTransactionMarker(RecordBatchView($0))
        }
        #expect(marker == EndTransactionMarker(result: .commit, coordinatorEpoch: 7))
    }

    /// What a producer compressed over a longer window than the usual level has.
    @Test func `what is left of a batch takes no more than the batch took`() throws {
        var random = SystemRandomNumberGenerator()
        let value = (0..<(3 << 17)).flatMap { _ in
            withUnsafeBytes(of: random.next()) { Array($0) }
        }
        var builder = RecordBatchBuilder()
        for (index, value) in [value, [7], value].enumerated() {
            value.withUnsafeBytes { value in
                builder.append(timestamp: Timestamp(Int64(index)), key: nil, value: value)
            }
        }
        let header = try header(of: Array(builder.seal()))
        var compressor = RecordCompressor()
        let written = try compressor.compress(
            builder.recordBlock,
            codec: .zstd,
            headerByteCount: RecordBatchLayout.headerByteCount,
            isHard: true
        )
        var zstd = header
        zstd.attributes = BatchAttributes(codec: .zstd)
        zstd.write(to: written)
        let batch = Array(written)
        #expect(batch.count < 5 << 20, "the window is as short as usual")
        let left = try rewrite(batch) { $0.value?.count != 1 }
        #expect(left.retainedCount == 2)
        #expect(left.bytes.count <= batch.count)
        #expect(try records(of: left.bytes).count == 2)
    }

    @Test func `damage is told and nothing is made of it`() throws {
        var bytes = try batch([1, 2, 3], codec: .zstd)
        bytes[70] ^= 0xff
        #expect(throws: RecordBatchError.self) { try rewrite(bytes) { _ in false } }
    }

    @Test func `records that count otherwise are numbered anew and stay what they are`() throws {
        let bytes = try batch([1, nil, 3])
        var builder = RecordBatchBuilder()
        var odd: [UInt8] = []
        try bytes.withUnsafeBytes { buffer in
            let batch = try RecordBatchView(buffer)
            var records = try batch.records()
            while var record = try records.next() {
                record.offsetDelta = record.offsetDelta * 1000 - 7
                builder.append(copying: record)
            }
            odd = Array(builder.seal(as: RecordBatchHeader(of: batch)))
        }
        #expect(try records(of: odd).map(\.offset) == [63, 1063, 2063])
        var rewriter = RecordBatchRewriter()
        let numbered = try odd.withUnsafeBytes {
            Array(try rewriter.renumber(RecordBatchView($0)))
        }
        #expect(numbered == bytes)
    }

    @Test(arguments: CompressionCodec.allCases)
    func `records in another codec are the same records`(codec: CompressionCodec) throws {
        let plain = try batch([1, nil, 3])
        let compressed = try batch([1, nil, 3], codec: .gzip)
        var rewriter = RecordBatchRewriter()
        let rewritten = try compressed.withUnsafeBytes {
            Array(try rewriter.renumber(RecordBatchView($0), codec: codec))
        }
        #expect(try header(of: rewritten).attributes.codecNumber == codec.rawValue)
        #expect(try records(of: rewritten) == records(of: plain))
    }
}
